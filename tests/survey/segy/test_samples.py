"""Samples of some traces."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from salt_survey.segy import formats, samples
from salt_survey.segy.layout import Layout
from salt_survey.segy.raw import RawFile

FAR = 2_000_000  # traces; times the bytes of one, more than 31 bits hold


def test_traces_farther_apart_than_31_bits_count(tmp_path: Path) -> None:
    """Numbers of traces are 32-bit in a grid; what lies between two is a hole in this file."""
    layout = Layout("big", formats.IEEE, 400, 4, 3600, 0, 0, traces=FAR + 1)
    path = tmp_path / "far.sgy"
    with open(path, "wb") as file:
        for trace in (0, FAR):
            file.seek(layout.offset(trace) + layout.head)
            file.write(np.full(layout.samples, trace, ">f4").tobytes())
    with RawFile(path) as raw:
        traces = np.array([FAR, 0], np.int32)
        found, dead = samples.read(raw, layout, formats.IEEE, "big", traces)
    np.testing.assert_array_equal(found, np.repeat([[FAR], [0]], layout.samples, axis=1))
    assert not dead.any()
