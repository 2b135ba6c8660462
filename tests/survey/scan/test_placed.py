"""Which traces have a place in the grid."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_survey.scan import placed

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
    assert placed.find(*lines()) == placed.Placed()


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 50), st.integers(1, 50))
def test_no_regular_grid_has_strays(rows: int, columns: int, step: int, other: int) -> None:
    found = placed.find(*lines(rows, columns, (step, other)))
    assert not found.strays
    assert found.mask is None


def test_blank_traces_have_none() -> None:
    inlines, crosslines = lines()
    inlines[-3:] = crosslines[-3:] = 0
    found = placed.find(inlines, crosslines)
    assert (found.blank, found.strays) == (3, ())
    assert np.array_equal(np.flatnonzero(~found.mask), [411, 412, 413])


def test_zeros_are_numbers_where_others_have_a_0() -> None:
    inlines, crosslines = lines()
    assert placed.find(inlines - 111, crosslines - 875) == placed.Placed()


@given(
    st.sets(st.integers(0, 413), min_size=1, max_size=3),
    st.sampled_from([-(2**31), -5000, 7777, 2**31 - 1]),
    st.booleans(),
)
def test_a_few_far_numbers_are_strays(at: set[int], number: int, inline: bool) -> None:
    columns = lines()
    columns[not inline][sorted(at)] = number
    found = placed.find(*columns)
    assert found.strays == tuple(sorted(at))
    assert np.array_equal(np.flatnonzero(~found.mask), sorted(at))


def test_beside_blank_traces_too() -> None:
    inlines, crosslines = lines()
    inlines[:2] = crosslines[:2] = 0
    inlines[5] = 2_000_000
    found = placed.find(inlines, crosslines)
    assert (found.blank, found.strays) == (2, (5,))
    assert np.array_equal(np.flatnonzero(~found.mask), [0, 1, 5])


@pytest.mark.parametrize("number", [134, 150, 170])
def test_what_is_near_is_no_stray(number: int) -> None:
    inlines, crosslines = lines()
    inlines[7] = number
    assert placed.find(inlines, crosslines) == placed.Placed()


def test_a_line_of_its_own_is_none() -> None:
    """As many traces as a line has are no slip of a header or two."""
    inlines, crosslines = lines()
    inlines[-18:] = 9000
    assert placed.find(inlines, crosslines) == placed.Placed()


def test_of_many_traces_a_thousandth_may_be_strays() -> None:
    inlines, crosslines = lines(200, 100)
    inlines[:20] = 3_000_000
    assert len(placed.find(inlines, crosslines).strays) == 20
    inlines[20] = 3_000_000
    assert placed.find(inlines, crosslines).strays == ()
