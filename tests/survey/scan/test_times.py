"""Interval and first time, out of headers that disagree."""

from __future__ import annotations

import numpy as np
import pytest

from salt_survey.scan import times
from salt_survey.scan.findings import Said
from salt_survey.segy import headers


def columns(delays: list[int]) -> dict[int, np.ndarray]:
    """Of so many traces; a scalar of 0 is none."""
    return {
        headers.DELAY: np.array(delays, np.int16),
        headers.TIME_SCALAR: np.zeros(len(delays), np.int16),
    }


def test_how_many_traces_start_at_another_time_is_said() -> None:
    said = Said()
    assert times.delay_ms(columns([400] * 8 + [900, 400]), said) == (400, 900)
    (fault,) = said.faults
    assert "400 to 900 ms, expected one; 1 of 10 have another than most, first trace 9;" in fault
    scaled = columns([400] * 5) | {headers.TIME_SCALAR: np.array([0, 0, -10, 0, 0], np.int16)}
    said = Said()
    assert times.delay_ms(scaled, said) == (40, 400)
    assert "1 of 5 have another than most, first trace 3;" in said.faults[0]
    said = Said()
    assert times.delay_ms(columns([400] * 3), said) == 400
    assert said.faults == []


@pytest.mark.parametrize(
    ("intervals", "says"),
    [
        ([4000, 4000, 2000, 4000], "2 to 4 ms, expected one; 1 of 4 have another than most, first"),
        ([0, 4000, 2000, 2000], "2 to 4 ms, expected one; 1 of 3 have another than most, first t"),
        ([0, 4000, 4000], ""),
        ([0, 0], ""),
    ],
)
def test_how_many_traces_have_another_interval_is_said(intervals: list[int], says: str) -> None:
    said = Said()
    times.tell_intervals(np.array(intervals, np.int16), said)
    assert len(said.warnings) == bool(says)
    assert not says or says in said.warnings[0]


def test_the_first_of_them_is_named_by_its_number_in_the_file() -> None:
    said = Said()
    times.tell_intervals(np.array([0, 0, 4000, 4000, 2000], np.int16), said)
    assert "first trace 5" in said.warnings[0]


@pytest.mark.parametrize(
    ("scan", "in_file", "says"),
    [
        ((4, 0), (4, 0), ""),
        ((4, 0), (0, 0), ""),  # headers without an interval say nothing against one
        ((2, 0), (4, 0), "samples every 2 ms from 0 ms on, the headers every 4 ms from 0 ms;"),
        ((4, 8), (0, 0), "every 4 ms from 8 ms on, the headers of no known interval from 0 ms;"),
        ((4, 400), (4, (400, 900)), "from 400 ms on, the headers every 4 ms from 400 to 900 ms;"),
        ((2, (400, 900)), (4, (400, 900)), "every 2 ms from 400 to 900 ms on, the headers every 4"),
    ],
)
def test_other_times_than_the_headers_have_are_said_of_a_scan(
    scan: tuple[float, times.Delay], in_file: tuple[float, times.Delay], says: str
) -> None:
    said = Said()
    times.tell_of_scan(scan, in_file, said)
    assert len(said.warnings) == bool(says)
    assert says in " ".join(said.warnings)
