"""Scans in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from salt_survey.reading.survey import scanned
from salt_survey.scan import describe


def test_an_interval_that_is_not_known_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.random.default_rng(0).normal(size=(3, 4, 12)).astype(np.float32))
    scan = scanned(path).scan
    assert scan.interval_ms == 0
    assert "  samples      12 of no known interval from 0 ms" in list(describe.lines(path, scan))
