"""Scans in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from salt_survey.reading.survey import scanned
from salt_survey.scan import describe
from tests.survey.odd_surveys import CROSSLINES, File, sound


def test_an_interval_that_is_not_known_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.random.default_rng(0).normal(size=(3, 4, 12)).astype(np.float32))
    scan = scanned(path).scan
    assert scan.interval_ms == 0
    assert "  samples      12 of no known interval from 0 ms" in list(describe.lines(path, scan))


def test_bins_are_of_two_directions_or_along_a_lone_line(tmp_path: Path) -> None:
    def told(name: str, file: File) -> list[str]:
        path = tmp_path / name
        path.write_bytes(file.bytes())
        lines = describe.lines(path, scanned(path).scan)
        return [line.split(None, 1)[1] for line in lines if line.startswith("  bins")]

    assert told("all.sgy", sound()) == ["25.005 x 25.005, coordinate scalar -10"]
    in_feet = sound()
    in_feet.binary(3255, 2)
    for byte, step in ((181, 820), (185, 410)):  # tenths of a foot
        rows, columns = np.divmod(np.arange(len(in_feet.headers)), CROSSLINES)
        in_feet.set(byte, step * (rows if byte == 181 else columns))
    assert told("feet.sgy", in_feet) == ["24.9936 x 12.4968, coordinate scalar -10"]
    lone = sound()
    lone.take(np.arange(CROSSLINES))
    spread = sound()
    rows, columns = np.divmod(np.arange(len(spread.headers)), CROSSLINES)
    spread.set(189, 100 + 2 * rows)
    spread.set(193, 300 + 5 * columns)
    assert told("spread.sgy", spread) == [
        "12.5025 x 5.001 a line number, 25.005 x 25.005 apart, coordinate scalar -10"
    ]
    spread.take(np.arange(CROSSLINES))
    assert told("one.sgy", spread) == [
        "5.001 a line number, 25.005 apart along the one line, coordinate scalar -10"
    ]
    assert told("lone.sgy", lone) == ["25.005 along the one line, coordinate scalar -10"]
