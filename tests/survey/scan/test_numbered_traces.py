"""Which traces have a place in the grid."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_survey.scan import numbered_traces

Numbers = npt.NDArray[np.int32]


def lines(
    inlines: int = 23, crosslines: int = 18, steps: tuple[int, int] = (1, 1)
) -> tuple[Numbers, Numbers]:
    rows, columns = np.divmod(np.arange(inlines * crosslines), crosslines)
    return (
        (111 + steps[0] * rows).astype(np.int32),
        (875 + steps[1] * columns).astype(np.int32),
    )


def test_all_have_one() -> None:
    assert numbered_traces.find(*lines()) == numbered_traces.NumberedTraces()


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 500), st.integers(1, 500))
def test_no_regular_grid_has_strays(rows: int, columns: int, step: int, other: int) -> None:
    found = numbered_traces.find(*lines(rows, columns, (step, other)))
    assert not found.strays
    assert found.mask is None


@pytest.mark.parametrize("crosslines", [[100, 300], [100, 400, 700], [1, 2, 1000], [7]])
def test_of_a_few_traces_none_is_a_stray(crosslines: list[int]) -> None:
    found = numbered_traces.find(
        np.full(len(crosslines), 5, np.int32), np.array(crosslines, np.int32)
    )
    assert found == numbered_traces.NumberedTraces()


@pytest.mark.parametrize("size", [(5, 4), (10, 20), (50, 40)])
def test_wild_numbers_are_found_in_small_files_and_large_ones(size: tuple[int, int]) -> None:
    inlines, crosslines = lines(*size)
    inlines[2], crosslines[2] = 2**31 - 1, -(2**31)
    inlines[4], crosslines[4] = -(2**31), 2**31 - 1
    assert numbered_traces.find(inlines, crosslines).strays == (2, 4)


def test_blank_traces_have_none() -> None:
    inlines, crosslines = lines()
    inlines[-3:] = crosslines[-3:] = 0
    found = numbered_traces.find(inlines, crosslines)
    assert (found.blank, found.strays) == (3, ())
    assert np.array_equal(np.flatnonzero(~found.mask), [411, 412, 413])


def test_zeros_are_numbers_where_others_have_a_0() -> None:
    inlines, crosslines = lines()
    assert numbered_traces.find(inlines - 111, crosslines - 875) == numbered_traces.NumberedTraces()


@given(
    st.sets(st.integers(0, 413), min_size=1, max_size=3),
    st.sampled_from([-(2**31), -5000, 7777, 2**31 - 1]),
    st.booleans(),
)
def test_a_few_far_numbers_are_strays(at: set[int], number: int, inline: bool) -> None:
    columns = lines()
    columns[not inline][sorted(at)] = number
    found = numbered_traces.find(*columns)
    assert found.strays == tuple(sorted(at))
    assert np.array_equal(np.flatnonzero(~found.mask), sorted(at))


def test_beside_blank_traces_too() -> None:
    inlines, crosslines = lines()
    inlines[:2] = crosslines[:2] = 0
    inlines[5] = 2_000_000
    found = numbered_traces.find(inlines, crosslines)
    assert (found.blank, found.strays) == (2, (5,))
    assert np.array_equal(np.flatnonzero(~found.mask), [0, 1, 5])


@pytest.mark.parametrize(("number", "away"), [(134, 0), (137, 0), (138, 1), (107, 0), (106, 1)])
def test_a_line_beside_the_others_is_one_of_them(number: int, away: int) -> None:
    """Of 111 to 133: as an edge of a survey may be ragged."""
    inlines, crosslines = lines()
    inlines[7] = number
    assert numbered_traces.find(inlines, crosslines).strays == (7,) * away


@pytest.mark.parametrize("step", [1, 5, 100])
def test_what_is_near_is_told_by_the_step_of_the_lines(step: int) -> None:
    inlines, crosslines = lines(steps=(step, 1))
    inlines[7] = inlines[-1] + 4 * step
    assert numbered_traces.find(inlines, crosslines) == numbered_traces.NumberedTraces()
    inlines[7] = inlines[-1] + 5 * step
    assert numbered_traces.find(inlines, crosslines).strays == (7,)


@pytest.mark.parametrize(("number", "away"), [(0, 1), (1600, 1), (1000, 0)])
def test_of_one_line_traces_may_be_farther_apart(number: int, away: int) -> None:
    crosslines = np.arange(300, 951, dtype=np.int32)
    crosslines[9] = number
    assert numbered_traces.find(np.full(651, 362, np.int32), crosslines).strays == (9,) * away


def test_one_number_of_0_is_away_where_no_line_is_near() -> None:
    inlines, crosslines = lines()
    inlines[3] = crosslines[5] = 0
    assert numbered_traces.find(inlines, crosslines).strays == (3, 5)


def test_an_edge_of_few_traces_is_no_stray() -> None:
    """A corner is cut off, so that its lines have 1, 2, 3 and more traces."""
    inlines, crosslines = lines(60, 60)
    kept = inlines - 111 + crosslines - 875 < 60
    assert numbered_traces.find(inlines[kept], crosslines[kept]) == numbered_traces.NumberedTraces()


def test_numbers_of_two_bytes_do_not_overflow() -> None:
    inlines, crosslines = (each.astype(np.int16) for each in lines(40, 18))
    inlines += 32_600
    inlines[5] = -5000
    assert numbered_traces.find(inlines, crosslines).strays == (5,)


def test_a_line_of_its_own_is_none() -> None:
    """As many traces as a line has are no slip of a header or two."""
    inlines, crosslines = lines()
    inlines[-18:] = 9000
    assert numbered_traces.find(inlines, crosslines) == numbered_traces.NumberedTraces()


def test_of_many_traces_a_thousandth_may_be_strays() -> None:
    inlines, crosslines = lines(200, 100)
    inlines[:20] = 3_000_000
    assert len(numbered_traces.find(inlines, crosslines).strays) == 20
    inlines[20] = 3_000_000
    assert numbered_traces.find(inlines, crosslines).strays == ()
