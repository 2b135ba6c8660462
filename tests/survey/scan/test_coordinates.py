"""Coordinates as headers have them."""

from __future__ import annotations

import numpy as np

from salt_survey.scan.coordinates import decimals, lattice


def test_a_scalar_says_how_many_decimals_there_are() -> None:
    scalars = (100, 1, 0, -1, -10, -100, -1000, -10_000)
    assert [decimals(scalar) for scalar in scalars] == [2, 2, 2, 2, 2, 2, 3, 4]


def test_steps_of_two_lengths_of_which_none_is_in_the_middle_are_no_grid() -> None:
    x = np.cumsum(np.where(np.arange(41) % 2, 25.0, 60.0))
    assert lattice(x, 0 * x) is None
