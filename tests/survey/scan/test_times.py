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
        headers.TRACE_KIND: np.ones(len(delays), np.int16),
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


def test_dead_traces_do_not_say_when_others_start() -> None:
    """Some programs write them without times; where all are flagged so, the flag means nothing."""
    said, kinds = Said(), np.array([1, 2, 1, 2], np.int16)
    found = times.delay_ms(columns([500, 0, 500, 0]) | {headers.TRACE_KIND: kinds}, said)
    assert (found, said.faults) == (500, [])
    every = {headers.TRACE_KIND: np.full(4, 2, np.int16)}
    assert times.delay_ms(columns([500, 0, 500, 0]) | every, said) == (0, 500)
    found = times.delay_ms(columns([500, 0, 400, 0]) | {headers.TRACE_KIND: kinds}, said)
    assert found == (400, 500)
    assert "1 of 2 have another than most" in said.faults[-1]


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


def test_a_scalar_of_times_is_a_power_of_ten() -> None:
    """In revision 0 anything may be there."""
    odd, said = np.array([12_345, 12_345, 0], np.int16), Said()
    assert times.delay_ms(columns([500] * 3) | {headers.TIME_SCALAR: odd}, said) == 500
    (warning,) = said.warnings
    assert "the scalar of times at byte 215 is 12345, expected 1, 10, 100" in warning
    for scalar, delay in ((1, 500), (-1000, 0.5), (10, 5000), (-10_000, 0.05)):
        said = Said()
        column = {headers.TIME_SCALAR: np.full(3, scalar, np.int16)}
        assert times.delay_ms(columns([500] * 3) | column, said) == delay
        assert said.warnings == []
    said = Said()
    assert times.delay_ms(columns([0] * 3) | {headers.TIME_SCALAR: odd}, said) == 0
    assert said.warnings == []  # 0 is 0


def test_a_first_sample_that_nobody_records_is_doubted() -> None:
    said = Said()
    scalars = {headers.TIME_SCALAR: np.full(3, 1000, np.int16)}
    assert times.delay_ms(columns([500] * 3) | scalars, said) == 500_000
    assert "a first sample at 500000 ms is hardly meant" in said.warnings[0]


def test_an_interval_that_nobody_records_is_doubted_wherever_it_is() -> None:
    for in_file, in_traces in ((4, 0), (0, 4)):
        said = Said()
        assert times.interval_ms(in_file, in_traces, said) == 0.004
        assert "0.004 ms is hardly meant; it changes" in said.warnings[0]


def test_blank_traces_say_no_interval() -> None:
    assert times.first_interval(np.array([0, 0, 4000, 2000], np.int16)) == 4000
    assert times.first_interval(np.zeros(3, np.int16)) == 0
