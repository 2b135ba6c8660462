"""A Zarr's axis of times: what is read by it, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from salt_survey.errors import SurveyError
from salt_survey.reading import time_axis
from salt_survey.reading.survey import Survey, scanned
from salt_survey.scan.overrides import Overrides

SAMPLES = 50
EVEN = 400 + 4.0 * np.arange(SAMPLES)
GAP = np.where(np.arange(SAMPLES) < 25, EVEN, EVEN + 8)


def survey(folder: Path, times: Any, zarr_format: Literal[2, 3] = 3) -> Path:
    """A Zarr with this axis; some samples of 12 traces."""
    group = zarr.create_group(folder / "s.zarr", zarr_format=zarr_format)
    amplitudes = np.random.default_rng(0).normal(size=(3, 4, SAMPLES)).astype(np.float32)
    group.create_array("amplitude", data=amplitudes)
    group.create_array(time_axis.NAMES[0], data=np.asarray(times))
    return folder / "s.zarr"


def read(times: Any) -> time_axis.Times:
    values = np.asarray(times)
    return time_axis.read(Path("s.zarr"), values, len(values))


@pytest.mark.parametrize(
    ("times", "seen"),
    [
        (GAP, "steps of 4 to 12 ms"),
        (EVEN[::-1], "steps of -4 to -4 ms"),
        (np.zeros(SAMPLES), "steps of 0 to 0 ms"),
        (np.sort(np.append(EVEN[:-1], EVEN[7])), "steps of 0 to 4 ms"),
        (np.round(1.5 * np.arange(SAMPLES)).astype(int), "steps of 1 to 2 ms"),
        (np.full(SAMPLES, np.nan), "50 values that are not finite"),
        (np.append(EVEN[:-1], np.inf), "1 values that are not finite"),
        (EVEN[:-1], r"shape \[49\]"),
        (np.append(EVEN, 600), r"shape \[51\]"),
        ([0, 4, 8], r"shape \[3\]"),
        (EVEN[None], r"shape \[1, 50\]"),
    ],
)  # fmt: skip
def test_an_axis_that_would_give_wrong_times_is_refused(
    times: Any, seen: str, tmp_path: Path
) -> None:
    path = survey(tmp_path, times)
    with pytest.raises(SurveyError, match=f"s.zarr: time_ms has {seen}, expected 50 times") as told:
        Survey.open(path)
    assert "give --interval-ms and --delay-ms" in str(told.value)


def test_a_group_is_no_axis(tmp_path: Path) -> None:
    group = zarr.open_group(survey(tmp_path, EVEN))
    del group[time_axis.NAMES[0]]
    group.create_group(time_axis.NAMES[0])
    with pytest.raises(SurveyError, match="time_ms is a group, expected 50 times"):
        Survey.open(tmp_path / "s.zarr")


def test_text_is_no_axis(tmp_path: Path) -> None:
    path = survey(tmp_path, ["early"] * SAMPLES, zarr_format=2)
    with pytest.raises(SurveyError, match=r"time_ms cannot be read \(.*\), expected 50 times"):
        Survey.open(path)


def test_what_the_user_says_counts_in_its_place(tmp_path: Path) -> None:
    path, said = survey(tmp_path, GAP), Overrides(interval_ms=2, delay_ms=100)
    with pytest.raises(SurveyError, match="time_ms has steps"):
        Survey.open(path, overrides=Overrides(interval_ms=2))
    scan = scanned(path, said).scan
    for known, overrides in ((None, said), (scan, None)):
        with Survey.open(path, known, overrides) as opened:
            assert opened.times_ms[[0, 1, -1]].tolist() == [100, 102, 198]


def test_a_scan_is_held_against_the_axis(tmp_path: Path) -> None:
    path = survey(tmp_path, EVEN)
    scan = scanned(path).scan
    assert scanned(path, known=scan).scan == scan
    edited = dataclasses.replace(scan, interval_ms=2.0)
    (warning,) = scanned(path, known=edited).scan.warnings
    assert "the scan says samples every 2 ms from 400 ms on, time_ms every 4 ms from" in warning
    assert scanned(path, Overrides(interval_ms=2), scan).scan.warnings == ()
    of_gap = scanned(survey(tmp_path / "gap", GAP), Overrides(interval_ms=2, delay_ms=0)).scan
    assert scanned(tmp_path / "gap/s.zarr", known=of_gap).scan.warnings == ()


def test_a_part_may_be_said_and_the_rest_is_the_axis(tmp_path: Path) -> None:
    with Survey.open(survey(tmp_path, EVEN), overrides=Overrides(interval_ms=2)) as opened:
        assert opened.times_ms[:2].tolist() == [400, 402]


@given(
    st.sampled_from([0.1, 0.25, 1 / 3, 0.5, 1, 2, 3.048, 4, 12.5]),
    st.sampled_from([0, -200, 400.5, 1000.1, 5000.1]),
    st.integers(2, 20_000),
    st.sampled_from([np.float64, np.float32]),
)
def test_times_are_those_of_the_axis(
    interval: float, delay: float, samples: int, kind: type[np.floating]
) -> None:
    """Numbers of 32 bits, too, which late in a record are as far apart as .005 of a step."""
    axis = (delay + interval * np.arange(samples)).astype(kind)
    found = read(axis)
    times = found.delay_ms + found.interval_ms * np.arange(samples)
    most = float(np.spacing(np.abs(axis).max()))
    np.testing.assert_allclose(times, axis, rtol=1e-15, atol=4 * most)


def test_whole_steps_are_exact() -> None:
    assert read(EVEN) == (4, 400)
    assert read(EVEN.astype(np.int16)) == (4, 400)


def test_one_sample_has_a_time_and_no_interval() -> None:
    assert read([400.0]) == (0, 400)


@pytest.mark.parametrize(("interval", "decimals"), [(3.048, 2), (1 / 3, 3), (0.3048, 3)])
def test_times_may_be_rounded_to_few_decimals(interval: float, decimals: int) -> None:
    axis = np.round(interval * np.arange(3000), decimals)
    assert read(axis).interval_ms == pytest.approx(interval, rel=1e-5)


def test_large_numbers_hide_no_gap() -> None:
    with pytest.raises(SurveyError, match="has steps of 1 to 99"):
        read(1.6e12 + np.array([0.0, 1.0, 100.0, 101.0]))


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
def test_differences_of_times_have_a_unit(
    tmp_path: Path, unit: Literal["ns", "us", "ms"], version: Literal[2, 3]
) -> None:
    axis = (EVEN * 1_000_000).astype("m8[ns]").astype(f"m8[{unit}]")
    scan = scanned(survey(tmp_path, axis, version)).scan
    assert (scan.interval_ms, scan.delay_ms, scan.warnings) == (4, 400, ())


@pytest.mark.parametrize(
    ("units", "axis"),
    [("nanoseconds", EVEN * 1_000_000), ("us", EVEN * 1000), ("s", EVEN / 1000), ("ms", EVEN)],
)
def test_numbers_may_have_a_unit(tmp_path: Path, units: str, axis: Any) -> None:
    path = survey(tmp_path, axis)
    zarr.open_group(path)[time_axis.NAMES[0]].attrs["units"] = units
    scan = scanned(path).scan
    assert (scan.interval_ms, scan.delay_ms, scan.warnings) == (4, 400, ())


@pytest.mark.parametrize("name", ["time_ms", "depth"])
def test_times_may_be_kept_scaled(tmp_path: Path, name: str) -> None:
    """As amplitudes may; in the units that they are in then."""
    packed: Any = {"scale_factor": 0.004, "add_offset": 0.4, "units": "s"}
    path = renamed(tmp_path, name, np.arange(SAMPLES, dtype=np.int16), **packed)
    scan = scanned(path).scan
    assert (scan.interval_ms, scan.delay_ms) == (pytest.approx(4), pytest.approx(400))
    assert scan.warnings == ()
    zarr.open_group(path)[name].attrs["units"] = "furlong"
    told = [*scanned(path, Overrides(interval_ms=4)).scan.warnings]
    assert any("from 0.4 to 0.596 in 'furlong'" in line for line in told) == (name == "depth")
    zarr.open_group(path)[name].attrs.update(scale_factor="much", units="s")
    with pytest.raises(SurveyError, match=f"s.zarr: the {name}'s scale_factor is 'much', expected"):
        scanned(path)


def test_a_unit_that_is_not_known_is_told_of(tmp_path: Path) -> None:
    path = survey(tmp_path, EVEN)
    zarr.open_group(path)[time_axis.NAMES[0]].attrs["units"] = "furlong"
    scan = scanned(path).scan
    assert (scan.interval_ms, scan.delay_ms) == (4, 400)
    (warning,) = scan.warnings
    assert warning.startswith("time_ms is in 'furlong', which is not known: taken for milliseconds")
    assert scanned(path, known=scan).scan == scan
    assert scanned(path, Overrides(interval_ms=4, delay_ms=400)).scan.warnings == ()


def renamed(folder: Path, name: str, times: Any, **attributes: str) -> Path:
    """A Zarr whose axis has another name."""
    path = survey(folder, EVEN)
    group = zarr.open_group(path)
    del group[time_axis.NAMES[0]]
    group.create_array(name, data=np.asarray(times)).attrs.update(attributes)
    return path


@pytest.mark.parametrize("name", ["samples", "sample", "time", "Time", "depth", "z"])
@pytest.mark.parametrize(("units", "axis"), [("ms", EVEN), ("s", EVEN / 1000), ("metres", EVEN)])
def test_an_axis_of_another_name_is_read_by_its_unit(
    name: str, units: str, axis: Any, tmp_path: Path
) -> None:
    scan = scanned(renamed(tmp_path, name, axis, units=units)).scan
    assert (scan.interval_ms, scan.delay_ms, scan.verdict) == (4, 400, "ok")


def test_an_axis_with_a_unit_is_taken_before_one_without(tmp_path: Path) -> None:
    path = renamed(tmp_path, "sample", np.arange(SAMPLES))
    group = zarr.open_group(path)
    group.create_array("z", data=EVEN).attrs["units"] = "m"
    assert scanned(path).scan.delay_ms == 400


@pytest.mark.parametrize(
    ("attributes", "words"),
    [({}, "without a unit"), ({"units": "ft"}, "in 'ft', which is not known")],
)
def test_an_axis_of_another_name_without_a_known_unit_is_named(
    attributes: dict[str, str], words: str, tmp_path: Path
) -> None:
    path = renamed(tmp_path, "samples", EVEN, **attributes)
    seen = f"'samples' from 400 to 596 {words}: "
    asked = scanned(path).scan
    (question,) = asked.questions
    assert f"it has {seen}give --interval-ms and --delay-ms, or" in question
    said = Overrides(interval_ms=4)
    for known in (None, asked):
        scan = scanned(path, said, known).scan
        assert (scan.delay_ms, scan.verdict) == (0, "warn")
        assert scan.warnings[0].startswith(f"there is {seen}times are taken to begin at 0 ms")
    assert scanned(path, known=scan).scan == scan
    for delay in (0, 400):
        both = Overrides(interval_ms=4, delay_ms=delay)
        assert scanned(path, both).scan.verdict == "ok"
        assert scanned(path, both, scan).scan.warnings == ()
        assert scanned(path, known=scanned(path, both).scan).scan.warnings == ()


@pytest.mark.parametrize("axis", [np.arange(SAMPLES), np.arange(SAMPLES - 1) + 7])
def test_an_axis_that_says_nothing_of_a_delay_is_not_warned_of(axis: Any, tmp_path: Path) -> None:
    path = renamed(tmp_path, "samples", np.array(axis))
    assert scanned(path, Overrides(interval_ms=4)).scan.verdict == "ok"


def test_dates_are_no_axis(tmp_path: Path) -> None:
    path = survey(tmp_path, np.datetime64("2020-01-01", "ns") + np.arange(SAMPLES))
    with pytest.raises(SurveyError, match=r"time_ms cannot be read \(datetime64"):
        Survey.open(path)


def test_times_in_microseconds_are_doubted(tmp_path: Path) -> None:
    (warning,) = scanned(survey(tmp_path, 1000 * EVEN)).scan.warnings
    assert "interval of 4000 ms is hardly meant (is time_ms in microseconds?)" in warning


def test_times_in_seconds_are_doubted(tmp_path: Path) -> None:
    path = survey(tmp_path, 0.004 * np.arange(50))
    warnings = scanned(path).scan.warnings
    assert "a sample interval of 0.004 ms is hardly meant (is time_ms in seconds?)" in warnings[0]
    assert not scanned(path, Overrides(interval_ms=4.0)).scan.warnings
