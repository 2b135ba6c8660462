from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.errors import UsageError
from salt_survey.reading.survey import Survey
from salt_survey.sections.display import Display, Zoom
from salt_survey.volume.extent import (
    Extent,
    Range,
    Sections,
    beyond,
    extent_of,
    halved,
    parse,
    small_sections,
)
from tests.survey import small


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survey]:
    with Survey.open(small.survey(tmp_path_factory.mktemp("survey"))) as survey:
        yield survey


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("1:2", 1, 2), ("362", 362, 362), (":2", None, 2), ("-5.5:", -5.5, None), (":", None, None)],
)  # fmt: skip
def test_ranges_may_be_open(text: str, first: float | None, last: float | None) -> None:
    assert parse(text) == Range(first, last)


def test_of_a_section_that_part_is_run_that_both_directions_have() -> None:
    """And nothing of a section that is none of those."""
    part = Extent((40, 60, 50), (10, 12), (0, 60), (5, 30))
    assert part.of_section("inline", 11) == (slice(5, 30), slice(0, 60))
    assert part.of_section("inline", 12) is None
    assert part.of_section("crossline", 59) == (slice(5, 30), slice(10, 12))


@pytest.mark.parametrize("text", ["1234567:1234568", ":123456789", "-5.5:", ":"])
def test_ranges_are_written_as_they_were_given(text: str) -> None:
    """Two that differ are two settings of a run, and none goes on for the other."""
    assert str(parse(text)) == text


@pytest.mark.parametrize("text", ["", "x", "2:1", "a:b", "1:2:3", "nan:1"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="the range is"):
        parse(text)


def test_both_ends_are_included(survey: Survey) -> None:
    extent = extent_of(survey, "inline", Range(110, 119), Range(408, 416))
    assert extent.inlines == (10, 20)
    assert extent.crosslines == (0, small.CROSSLINES)
    assert extent.samples == (2, 5)


# Of milliseconds, and of depth in metres and in feet.
INTERVALS = (0.1, 0.125, 0.25, 0.3, 0.333, 0.5, 0.7, 1, 1.1, 2, 3.048, 4, 5, 6.1, 8, 12.5, 0.333333)


def sampled(interval: float, delay: float, count: int = 3000) -> Survey:
    """A survey's axis of times, computed as :class:`Survey` does, and two lines each way."""
    axis = SimpleNamespace(
        inlines=np.arange(2), crosslines=np.arange(2), scan=SimpleNamespace(interval_ms=interval),
        times_ms=delay + interval * np.arange(count),
    )  # fmt: skip
    return cast(Survey, axis)


@given(st.sampled_from(INTERVALS), st.sampled_from([0, 0.1, 400, -200, 1000.1]), st.data())
def test_ends_are_samples_whatever_binary_numbers_round(
    interval: float, delay: float, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, 2999))
    last = data.draw(st.integers(first, 2999))
    # As one writes it down: decimals, computed without rounding.
    in_parts, start = round(interval * 1_000_000), round(delay * 1_000_000)
    ends = [decimals(start + in_parts * each) for each in (first, last)]
    survey = sampled(interval, delay)
    assert extent_of(survey, "inline", None, parse(":".join(ends))).samples == (first, last + 1)
    for end, at in zip(ends, (first, last), strict=True):
        assert extent_of(survey, "inline", None, parse(f"{end}:{end}")).samples == (at, at + 1)


def decimals(millionths: int) -> str:
    whole, part = divmod(abs(millionths), 1_000_000)
    return f"{'-' if millionths < 0 else ''}{whole}.{part:06}"


@pytest.mark.parametrize(
    ("interval", "range_", "samples"),
    [(0.1, "0:0.3", (0, 4)), (0.3, "0.9:3", (3, 11)), (0.333, ":0.999", (0, 4)),
     (1 / 3, "0.333333:0.666667", (1, 3)), (4, "4.1:7.9", None), (4, "3.9:4.1", (1, 2))],
)  # fmt: skip
def test_ends_are_not_widened_beyond_rounding(
    interval: float, range_: str, samples: tuple[int, int] | None
) -> None:
    if samples is None:
        with pytest.raises(UsageError, match="no time is within"):
            extent_of(sampled(interval, 0), "inline", None, parse(range_))
    else:
        assert extent_of(sampled(interval, 0), "inline", None, parse(range_)).samples == samples


def test_times_of_a_float32_axis_are_as_they_are_shown() -> None:
    survey = sampled(0.1, 0)
    survey.times_ms = 1000 + np.float32(0.1) * np.arange(3000)
    assert extent_of(survey, "inline", None, parse("1000.7:1020.3")).samples == (7, 204)


def test_lines_are_crosslines_where_those_are_run(survey: Survey) -> None:
    extent = extent_of(survey, "crossline", Range(310, None), None)
    assert (extent.inlines, extent.crosslines) == ((0, small.INLINES), (10, small.CROSSLINES))


def test_lines_of_two_directions_are_refused(survey: Survey) -> None:
    with pytest.raises(UsageError, match="those of one direction"):
        extent_of(survey, "both", Range(110, 119), None)


def test_what_is_not_there_is_refused(survey: Survey) -> None:
    with pytest.raises(UsageError, match="no inline is within 500:600; the survey has 100 to 139"):
        extent_of(survey, "inline", Range(500, 600), None)


def test_sections_that_are_small_beside_a_tile_are_told() -> None:
    """Of a file of two lines, crossline sections have two traces: one pixel, by default."""
    shape = (2, 951, 463)
    extent = Extent(shape, (0, 2), (0, 951), (0, 463))
    display = Display(Zoom(1.25, 0.5))
    assert small_sections(extent, "inline", display) == ()
    (told,) = small_sections(extent, "crossline", display)
    assert told.startswith("crossline sections are 579 x 1 pixels at zoom 1.25/0.5, less than half")
    assert told.endswith("in which salt may not be found; --sections inline are not")
    assert small_sections(extent, "both", display) == (told,)
    few = Extent((2, 100, 463), (0, 2), (0, 100), (0, 463))
    assert [line.split()[0] for line in small_sections(few, "both", display)] == [
        "inline",
        "crossline",
    ]
    assert "--sections" not in small_sections(few, "inline", display)[0]
    assert small_sections(few, "inline", Display(Zoom(1.25, 0.51))) == ()


def test_the_mean_of_both_is_halved_by_small_sections_of_one() -> None:
    extent, display = Extent((2, 951, 463), (0, 2), (0, 951), (0, 463)), Display(Zoom(1.25, 0.5))
    why = halved(extent, "both", display)
    assert why.startswith("no salt was found: likely as the crossline sections are small")
    assert why.endswith("try --sections inline")
    assert halved(extent, "inline", display) == halved(extent, "crossline", display) == ""
    few = Extent((2, 100, 463), (0, 2), (0, 100), (0, 463))
    assert halved(few, "both", display) == ""  # of neither is the mean better


@pytest.mark.parametrize("sections", ["inline", "crossline"])
def test_lines_beyond_the_survey_are_told(survey: Survey, sections: Sections) -> None:
    first, count = (100, small.INLINES) if sections == "inline" else (300, small.CROSSLINES)
    last = first + count - 1
    for within in (None, Range(first, last), Range(None, None), Range(first + 3, None)):
        assert beyond(survey, sections, within) == ""
    for wanted in (Range(first - 1, last), Range(first, last + 1), Range(None, last + 9)):
        said = (
            f"--lines {wanted} reaches beyond the survey, which has {sections}s {first} to {last}"
        )
        assert beyond(survey, sections, wanted) == said


def test_a_window_of_times_makes_no_section_small() -> None:
    """It is shown as it lies in the whole."""
    extent = Extent((9, 951, 463), (0, 9), (0, 951), (100, 101))
    assert small_sections(extent, "inline", Display(Zoom(1.25, 0.5))) == ()
