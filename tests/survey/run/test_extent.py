from __future__ import annotations

from collections.abc import Iterator

import pytest

from salt_infer.errors import UsageError
from salt_survey.reading.survey import Survey
from salt_survey.run.extent import Range, extent_of, parse
from tests.survey import small


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survey]:
    with Survey.open(small.survey(tmp_path_factory.mktemp("survey"))) as survey:
        yield survey


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("1:2", 1, 2), (":2", None, 2), ("-5.5:", -5.5, None), (":", None, None)],
)  # fmt: skip
def test_ranges_may_be_open(text: str, first: float | None, last: float | None) -> None:
    assert parse(text) == Range(first, last)


@pytest.mark.parametrize("text", ["1234567:1234568", ":123456789", "-5.5:", ":"])
def test_ranges_are_written_as_they_were_given(text: str) -> None:
    """Two that differ are two settings of a run, and none goes on for the other."""
    assert str(parse(text)) == text


@pytest.mark.parametrize("text", ["", "1", "2:1", "a:b", "1:2:3", "nan:1"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="the range is"):
        parse(text)


def test_both_ends_are_included(survey: Survey) -> None:
    extent = extent_of(survey, "inline", Range(110, 119), Range(408, 416))
    assert extent.inlines == (10, 20)
    assert extent.crosslines == (0, small.CROSSLINES)
    assert extent.samples == (2, 5)


def test_lines_are_crosslines_where_those_are_run(survey: Survey) -> None:
    extent = extent_of(survey, "crossline", Range(310, None), None)
    assert (extent.inlines, extent.crosslines) == ((0, small.INLINES), (10, small.CROSSLINES))


def test_lines_of_two_directions_are_refused(survey: Survey) -> None:
    with pytest.raises(UsageError, match="those of one direction"):
        extent_of(survey, "both", Range(110, 119), None)


def test_what_is_not_there_is_refused(survey: Survey) -> None:
    with pytest.raises(UsageError, match="no inline is within 500:600; the survey has 100 to 139"):
        extent_of(survey, "inline", Range(500, 600), None)
