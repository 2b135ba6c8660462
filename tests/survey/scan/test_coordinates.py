"""Where a grid lies."""

from __future__ import annotations

import numpy as np
import pytest

from salt_survey.scan import geometry
from salt_survey.scan.coordinates import Positions, decimals, placing


@pytest.mark.parametrize("degrees", range(0, 360, 15))
def test_a_corner_at_nothing_has_no_sign(degrees: int) -> None:
    """Which sign a nothing of rounding has differs from one processor to another, and a run goes on
    only where the scan is the same.
    """
    rows, columns = np.divmod(np.arange(25), 5)
    angle = np.radians(degrees)
    x = 25 * (rows * np.cos(angle) - columns * np.sin(angle))
    y = 25 * (rows * np.sin(angle) + columns * np.cos(angle))
    numbers = (np.rint(1000 * each).astype(np.int32) for each in (x, y))
    positions = Positions.of(*numbers, np.full(25, -1000, np.int16))
    placed = placing(geometry.grid(rows, columns), positions)
    assert placed is not None
    assert "-0.0" not in {str(each) for corner in placed.corners for each in corner}
    assert placed.bins == pytest.approx((25, 25), abs=0.01)
    assert placed.off == 0


def places(x: object, y: object) -> Positions:
    numbers = (np.rint(100 * np.asarray(each)).astype(np.int32) for each in (x, y))
    return Positions.of(*numbers, np.full(len(np.asarray(x)), -100, np.int16))


def test_a_line_that_bends_ends_where_its_traces_do() -> None:
    """No plane goes through it, and its traces are as far apart as they say."""
    along = np.arange(80)
    x = 1000 + 12.5 * np.minimum(along, 40)
    y = 5000 + 12.5 * np.maximum(along - 40, 0)
    placed = placing(geometry.line(5001 + along), places(x, y))
    assert placed is not None
    assert placed.corners[0] == (1, 5001, 1000.0, 5000.0)
    assert placed.corners[-1] == (1, 5080, 1500.0, 5487.5)
    assert placed.bins == (0.0, 12.5)


def test_traces_at_nothing_have_no_say_in_where_the_grid_lies() -> None:
    rows, columns = np.divmod(np.arange(200), 20)
    x, y = 600_000 + 25.0 * rows, 6_000_000 + 12.5 * columns
    x[[0, 7, 50]], y[[0, 7, 50]] = 0, 0
    placed = placing(geometry.grid(rows, columns), places(x, y))
    assert placed is not None
    assert placed.corners[0] == pytest.approx((0, 0, 600_000, 6_000_000), abs=0.01)
    assert placed.bins == (25.0, 12.5)
    assert (placed.off, placed.nowhere) == (0, 3)


def test_a_grid_may_begin_at_nothing() -> None:
    rows, columns = np.divmod(np.arange(200), 20)
    placed = placing(geometry.grid(rows, columns), places(25.0 * rows, 12.5 * columns))
    assert placed is not None
    assert placed.corners[0] == (0, 0, 0.0, 0.0)
    assert (placed.off, placed.nowhere) == (0, 0)


def test_bins_of_a_line_whose_neighbours_share_a_place_are_the_mean() -> None:
    x = 12.5 * 3 * (np.arange(81) // 3)
    placed = placing(geometry.line(1 + np.arange(81)), places(x, 0 * x))
    assert placed is not None
    assert placed.bins == (0.0, pytest.approx(12.5, rel=0.03))


def test_a_lone_crossline_may_bend_as_well() -> None:
    along = np.arange(80)
    x, y = 12.5 * np.minimum(along, 40), 12.5 * np.maximum(along - 40, 0)
    placed = placing(geometry.grid(along, 0 * along + 7), places(x + 100, y))
    assert placed is not None
    assert placed.bins == (12.5, 0.0)
    assert placed.corners[-1] == (79, 7, 600.0, 487.5)


def test_degrees_keep_the_decimals_that_they_have() -> None:
    """Two of them are a kilometre."""
    rows, columns = np.divmod(np.arange(25), 5)
    x, y = 48_000 + 4 * columns, 547_000 + 3 * rows
    scalars = np.full(25, -10_000, np.int16)
    positions = Positions.of(x.astype(np.int32), y.astype(np.int32), scalars)
    placed = placing(geometry.grid(rows, columns), positions)
    assert placed is not None
    assert placed.corners[0][2:] == (4.8, 54.7)
    assert placed.corners[3][2:] == (4.8016, 54.7012)
    assert placed.bins == pytest.approx((0.0003, 0.0004))
    assert [decimals(scalar) for scalar in (100, 1, 0, -1, -10, -100, -1000, -10_000)] == [
        2, 2, 2, 2, 2, 2, 3, 4,
    ]  # fmt: skip
