"""Numbers of two bytes, and halves of numbers of four."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_survey.reading.survey import scanned
from salt_survey.segy import lines
from tests.survey.odd_surveys import TRACES, File, sound


@given(
    first=st.integers(-(1 << 30), 1 << 30),
    step=st.integers(1, 2000),
    missing=st.sets(st.integers(1, 3998), max_size=400),
)
def test_a_running_number_runs_on(first: int, step: int, missing: set[int]) -> None:
    kept = np.setdiff1d(np.arange(4000), sorted(missing))
    words = (first + step * kept).astype(np.int32)
    assert lines.runs_on(words) == (len(np.unique(words >> 16)) > 1)


@given(
    first=st.tuples(st.integers(-2000, 2000), st.integers(-3000, 3000)),
    count=st.tuples(st.integers(2, 40), st.integers(2, 400)),
    step=st.tuples(st.integers(1, 4), st.integers(1, 20)),
)
def test_two_line_numbers_do_not(
    first: tuple[int, int], count: tuple[int, int], step: tuple[int, int]
) -> None:
    inlines, crosslines = (f + s * np.arange(n) for f, n, s in zip(first, count, step, strict=True))
    for upper, lower in ((inlines, crosslines), (crosslines, inlines)):
        words = (upper[:, None] << 16 | lower & 0xFFFF).astype(np.int32).ravel()
        assert not lines.runs_on(words)


def running(step: int, traces: int) -> File:
    """A 2-D line without coordinates, its CDP numbers at 21 alone."""
    file = sound()
    file.take(np.resize(np.arange(TRACES), traces))
    for byte, values in ((1, 0), (5, 0), (181, 0), (185, 0), (189, 0), (193, 0)):
        file.set(byte, values)
    file.set(21, step * (1 + np.arange(traces)))
    return file


def test_it_is_seen_where_a_few_headers_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In runs between which the upper half changes, it leaves gaps as line numbers do."""
    monkeypatch.setattr(lines, "MOST", 400)
    path = tmp_path / "line.sgy"
    path.write_bytes(running(128, 1500).bytes())
    looked = [start + np.arange(100) for start in (0, 466, 933, 1400)]
    assert not lines.runs_on(np.concatenate(looked).astype(np.int32) * 128 + 128)
    scan = scanned(path).scan
    assert (scan.verdict, scan.cdp, scan.line_width) == ("ok", (128, 192_000, 128), 4)
