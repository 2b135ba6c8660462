"""Coordinates as headers have them."""

from __future__ import annotations

import numpy as np
import pytest

from salt_survey.scan.coordinates import decimals, goes_on, jumps_back, lattice


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


def zigzag(lines: int, traces: int, to_and_fro: bool) -> tuple[np.ndarray, np.ndarray]:
    """Lines one after the other, 25 m apart, of traces 12.5 m apart."""
    rows, columns = np.divmod(np.arange(lines * traces), traces)
    columns = np.where(rows % 2, traces - 1 - columns, columns) if to_and_fro else columns
    return 600_000 + 12.5 * columns, 6_000_000 + 25.0 * rows


def test_a_line_goes_on_and_no_grid_does() -> None:
    """A line may bend, and turn once."""
    along = np.arange(200)
    bend = 12.5 * np.minimum(along, 100), 12.5 * np.maximum(along - 100, 0)
    straight = 25.0 * along, 3.0 * along
    for line in (bend, straight):
        assert goes_on(*line)
        assert not jumps_back(*line)
    for to_and_fro in (True, False):
        assert not goes_on(*zigzag(6, 30, to_and_fro))
        assert jumps_back(*zigzag(6, 30, to_and_fro)) == (not to_and_fro)


def test_two_lines_to_and_fro_are_no_line() -> None:
    """Though the second begins a trace later, so that each turn is not so sharp."""
    x, y = zigzag(2, 60, to_and_fro=True)
    assert not goes_on(x + 12.5 * (np.arange(120) > 59), y)


def test_lone_traces_elsewhere_are_no_ends_of_lines() -> None:
    x, y = 25.0 * np.arange(60), 4.0 * np.arange(60)
    x[[7, 21, 40]] += 5000
    y[50] = 0
    assert not jumps_back(x, y)


def test_what_has_no_place_does_not_jump() -> None:
    x, y = 25.0 * np.arange(60), 4.0 * np.arange(60)
    x[::7], y[::7] = 0, 0
    assert not jumps_back(x, y)
    assert not jumps_back(0 * x, 0 * y)
    assert not jumps_back(x[:1], y[:1])
    assert not goes_on(x[:1], y[:1])


@pytest.mark.parametrize("bins", [(6.25, 37.5), (37.5, 6.25), (6.25, 100)])
def test_lines_much_nearer_than_their_traces_are_lines(bins: tuple[float, float]) -> None:
    """As of a file that is sorted by crosslines."""
    rows, columns = np.divmod(np.arange(800), 20)
    found = lattice(600_000 + bins[1] * columns, 6_000_000 + bins[0] * rows)
    assert found is not None
    assert found.bins == pytest.approx(bins)
    assert (found.inlines.max(), found.crosslines.max()) == (40, 20)
