"""Coordinates as headers have them."""

from __future__ import annotations

from salt_survey.scan.coordinates import decimals


def test_a_scalar_says_how_many_decimals_there_are() -> None:
    scalars = (100, 1, 0, -1, -10, -100, -1000, -10_000)
    assert [decimals(scalar) for scalar in scalars] == [2, 2, 2, 2, 2, 2, 3, 4]
