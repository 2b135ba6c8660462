"""Coordinates as headers have them."""

from __future__ import annotations

import numpy as np
import pytest

from salt_survey.scan.coordinates import decimals, lattice


def test_a_scalar_says_how_many_decimals_there_are() -> None:
    scalars = (100, 1, 0, -1, -10, -100, -1000, -10_000)
    assert [decimals(scalar) for scalar in scalars] == [2, 2, 2, 2, 2, 2, 3, 4]


def test_traces_looked_at_make_the_grid_of_all() -> None:
    """A few runs of them, which fill a tenth of its places."""
    looked = np.concatenate([start + np.arange(100) for start in (0, 1237, 2511, 3900)])
    rows, columns = np.divmod(looked, 40)
    found = lattice(25.0 * columns, 12.5 * rows, share=0.1)
    assert found is not None
    assert (found.inlines.max(), found.crosslines.max()) == (100, 40)
    assert found.bins == pytest.approx((12.5, 25))
    assert lattice(25.0 * columns, 12.5 * rows) is None


@pytest.mark.parametrize("degrees", range(0, 90, 5))
def test_a_straight_line_is_no_grid_where_decimals_scatter_it(degrees: int) -> None:
    along, angle = 2.0 * np.arange(100), np.radians(degrees)
    assert lattice(np.round(along * np.cos(angle)), np.round(along * np.sin(angle))) is None


def test_steps_of_two_lengths_of_which_none_is_in_the_middle_are_no_grid() -> None:
    x = np.cumsum(np.where(np.arange(41) % 2, 25.0, 60.0))
    assert lattice(x, 0 * x) is None
