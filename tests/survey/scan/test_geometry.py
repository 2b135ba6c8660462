"""Grids of traces, and grids found from coordinates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_survey.errors import SurveyError
from salt_survey.scan import coordinates
from salt_survey.scan.geometry import NO_TRACE, grid, lines_of, ranged

PLACES = st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=1, max_size=60)


@given(PLACES, st.integers(1, 5), st.integers(1, 7))
def test_every_place_has_its_first_trace(
    places: list[tuple[int, int]], step: int, other: int
) -> None:
    inlines, crosslines = np.array(places).T * [[step], [other]]
    found = grid(inlines, crosslines)
    first: dict[tuple[int, int], int] = {}
    for trace, place in enumerate(zip(inlines.tolist(), crosslines.tolist(), strict=True)):
        first.setdefault(place, trace)
    seen = {
        (int(found.inlines[i]), int(found.crosslines[c])): int(found.traces[i, c])
        for i, c in zip(*np.nonzero(found.traces != NO_TRACE), strict=True)
    }
    assert seen == first
    assert found.missing == found.traces.size - len(first)
    assert found.duplicates == len(places) - len(first)
    rows, columns = found.of(slice(None))
    np.testing.assert_array_equal(found.inlines[rows], inlines)
    np.testing.assert_array_equal(found.crosslines[columns], crosslines)


def test_lines() -> None:
    assert lines_of(np.array([7, 7])) == (7, 7, 1)
    assert lines_of(np.array([10, 4, 7])) == (4, 10, 3)


def test_numbers_that_are_none_make_no_grid() -> None:
    numbers = np.arange(100) ** 4
    with pytest.raises(SurveyError, match="--inline-byte"):
        grid(numbers, numbers[::-1] + 1)


@pytest.mark.parametrize(
    ("order", "shuffle"), [("inline", "rows"), ("crossline", "columns"), ("none", "all")]
)
def test_order(order: str, shuffle: str) -> None:
    rows, columns = np.divmod(np.arange(60), 6)
    if shuffle == "columns":
        columns, rows = np.divmod(np.arange(60), 10)
    if shuffle == "all":
        mixed = np.random.default_rng(0).permutation(60)
        rows, columns = rows[mixed], columns[mixed]
    assert grid(rows, columns).order == order


@pytest.mark.parametrize("turn", [0, 12, 45, 90, 133, 180, 271])
@pytest.mark.parametrize("missing", [0, 30])
def test_a_lattice_is_found_whichever_way_it_lies(turn: float, missing: int) -> None:
    rows, columns = np.divmod(np.arange(400), 20)
    keep = np.sort(np.random.default_rng(1).permutation(400)[missing:])
    rows, columns = rows[keep], columns[keep]
    angle = np.deg2rad(turn)
    x = 6e5 + 12.5 * columns * np.cos(angle) - 25 * rows * np.sin(angle)
    y = 6e6 + 12.5 * columns * np.sin(angle) + 25 * rows * np.cos(angle)
    found = coordinates.lattice(np.round(x, 1), np.round(y, 1))
    assert found is not None
    np.testing.assert_array_equal(found.inlines, rows - rows.min() + 1)
    np.testing.assert_array_equal(found.crosslines, columns - columns.min() + 1)
    assert found.bins == pytest.approx((25, 12.5), abs=0.1)


@pytest.mark.parametrize("turn", [0, 7, 30, 45, 77])
def test_a_lattice_is_found_in_whole_metres(turn: float) -> None:
    """Of bins of 12.5 m, so that steps are of 12 and 13."""
    rows, columns = np.divmod(np.arange(60 * 90), 90)
    angle = np.radians(turn)
    x = 12.5 * (columns * np.cos(angle) - rows * np.sin(angle))
    y = 12.5 * (columns * np.sin(angle) + rows * np.cos(angle))
    found = coordinates.lattice(np.round(x), np.round(y))
    assert found is not None
    np.testing.assert_array_equal(found.inlines, rows + 1)
    np.testing.assert_array_equal(found.crosslines, columns + 1)
    assert found.bins == pytest.approx((12.5, 12.5), rel=1e-3)


def test_a_bent_line_is_no_lattice() -> None:
    along = np.arange(100) * 25.0
    x, y = along, 2000 * np.sin(along / 900)
    assert coordinates.lattice(x, y) is None
    assert coordinates.is_path(x, y)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([310, 330, 350], "310 to 350 step 20"),
        ([310, 311, 312], "310 to 312"),
        ([310, 311, 330], "310 to 330, with gaps"),
        ([310], "310 to 310"),
        ([0, 4e-4, 8e-4], "0 to 0.0008 step 0.0004"),
        (np.arange(4) / 3, "0 to 1 step 0.333333"),
        (np.arange(5) * 0.1 + 0.3, "0.3 to 0.7 step 0.1"),
        (500 + 0.1 * np.arange(3000), "500 to 799.9 step 0.1"),
    ],
)
def test_ranges(values: list[float], words: str) -> None:
    assert ranged(values) == words
