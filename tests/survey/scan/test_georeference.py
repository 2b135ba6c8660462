"""Where a grid lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from salt_survey.reading.survey import scanned
from salt_survey.scan import geometry
from salt_survey.scan.coordinates import Positions
from salt_survey.scan.georeference import georeference
from tests.survey.odd_surveys import sound


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
    placed = georeference(geometry.grid(rows, columns), positions)
    assert placed is not None
    assert "-0.0" not in {str(each) for corner in placed.corners for each in corner}
    assert placed.bins == pytest.approx((25, 25), abs=0.01)
    assert placed.off == 0


def test_lines_of_one_position_each_are_at_no_angle(tmp_path: Path) -> None:
    """Coordinates that vary along one direction alone, exactly or but for rounding."""
    rows, columns = np.divmod(np.arange(40 * 240), 240)
    for x, y in ((25 * rows, 0 * rows), (600_000 + 25 * rows, 6_000_000 + 0 * rows)):
        for one, other in ((x, y), (y, x)):
            placed = georeference(geometry.grid(rows, columns), places(one, other))
            assert placed is not None
            assert placed.angle == 90
    sheared = georeference(geometry.grid(rows, columns), places(25 * (rows + columns), 25 * rows))
    assert sheared is not None
    assert sheared.angle == pytest.approx(45)


def places(x: object, y: object) -> Positions:
    numbers = (np.rint(100 * np.asarray(each)).astype(np.int32) for each in (x, y))
    return Positions.of(*numbers, np.full(len(np.asarray(x)), -100, np.int16))


def test_a_line_that_bends_ends_where_its_traces_do() -> None:
    """No plane goes through it, and its traces are as far apart as they say."""
    along = np.arange(80)
    x = 1000 + 12.5 * np.minimum(along, 40)
    y = 5000 + 12.5 * np.maximum(along - 40, 0)
    placed = georeference(geometry.line(5001 + along), places(x, y))
    assert placed is not None
    assert placed.corners[0] == (1, 5001, 1000.0, 5000.0)
    assert placed.corners[-1] == (1, 5080, 1500.0, 5487.5)
    assert placed.bins == (0.0, 12.5)


def test_traces_at_nothing_have_no_say_in_where_the_grid_lies() -> None:
    rows, columns = np.divmod(np.arange(200), 20)
    x, y = 600_000 + 25.0 * rows, 6_000_000 + 12.5 * columns
    x[[0, 7, 50]], y[[0, 7, 50]] = 0, 0
    placed = georeference(geometry.grid(rows, columns), places(x, y))
    assert placed is not None
    assert placed.corners[0] == pytest.approx((0, 0, 600_000, 6_000_000), abs=0.01)
    assert placed.bins == (25.0, 12.5)
    assert (placed.off, placed.nowhere) == (0, 3)


def test_a_grid_may_begin_at_nothing() -> None:
    rows, columns = np.divmod(np.arange(200), 20)
    placed = georeference(geometry.grid(rows, columns), places(25.0 * rows, 12.5 * columns))
    assert placed is not None
    assert placed.corners[0] == (0, 0, 0.0, 0.0)
    assert (placed.off, placed.nowhere) == (0, 0)


@pytest.mark.parametrize("step", [3, 7, 64, 300])
def test_bins_are_as_exact_where_line_numbers_are_apart(step: int) -> None:
    rows, columns = np.divmod(np.arange(200), 20)
    grid = geometry.grid(step * rows, columns)
    placed = georeference(grid, places(25.0 * rows, 12.5 * columns))
    assert placed is not None and placed.bins is not None
    assert step * placed.bins[0] == pytest.approx(25, abs=1e-3)


@pytest.mark.parametrize("traces", [1, 2, 3, 4])
@pytest.mark.parametrize("decimals", [2, 0])
def test_traces_of_a_line_are_as_far_apart_as_they_are_over_many(
    traces: int, decimals: int
) -> None:
    """Where a station has several of them, or coordinates are whole metres."""
    at = np.arange(300)
    x = np.round(12.5 * traces * (at // traces), decimals)
    placed = georeference(geometry.line(1 + at), places(x + 1000, 0 * x + 5000))
    assert placed is not None
    assert placed.bins == (0.0, pytest.approx(12.5, rel=1e-3))


def test_a_line_may_lie_in_few_places() -> None:
    x = 1000.0 * (np.arange(81) // 27)
    placed = georeference(geometry.line(1 + np.arange(81)), places(x, 0 * x + 1))
    assert placed is not None
    assert placed.bins == (0.0, pytest.approx(1000 / 27, rel=0.15))


def test_wrong_coordinates_at_the_ends_of_a_line_are_not_where_it_ends() -> None:
    at = np.arange(200)
    x, y = 600_000 + 12.5 * at, 6_000_000 + 0.0 * at
    x[[0, 1, -1]], y[[0, 1, -1]] = y[[0, 1, -1]], x[[0, 1, -1]]
    placed = georeference(geometry.line(1 + at), places(x, y))
    assert placed is not None
    assert placed.corners[0] == (1, 1, 600_025.0, 6_000_000.0)
    assert placed.corners[-1] == (1, 200, 602_475.0, 6_000_000.0)
    assert (placed.bins, placed.far) == ((0.0, 12.5), 3)


@pytest.mark.parametrize("wrong", ["exchanged", "999999", "scalar", "a whole line", "many"])
def test_wrong_coordinates_have_no_say_in_where_the_grid_lies(wrong: str) -> None:
    rows, columns = np.divmod(np.arange(2000), 100)
    x, y = 600_000 + 25.0 * columns, 6_000_000 + 12.5 * rows
    which = {
        "a whole line": rows == 0, "many": np.random.default_rng(0).random(2000) < 0.15,
    }.get(wrong, (rows < 3) & (columns == 99))  # fmt: skip
    others = {"999999": (999_999 + 0 * x, 999_999 + 0 * y), "scalar": (x / 10, y / 10)}
    bad = others.get(wrong, (y, x))
    x, y = np.where(which, bad[0], x), np.where(which, bad[1], y)
    placed = georeference(geometry.grid(rows, columns), places(x, y))
    assert placed is not None
    assert placed.bins == (12.5, 25.0)
    assert placed.corners[0] == (0, 0, 600_000, 6_000_000)
    assert placed.far == np.count_nonzero(which)


def test_a_grid_may_be_full_along_its_diagonal_alone() -> None:
    """No trace has another half of the grid away."""
    block, rest = np.divmod(np.arange(1000), 100)
    rows, columns = 10 * block + rest // 10, 10 * block + rest % 10
    x, y = 600_000 + 25.0 * columns, 6_000_000 + 12.5 * rows
    x[:3], y[:3] = y[:3], x[:3]
    placed = georeference(geometry.grid(rows, columns), places(x, y))
    assert placed is not None
    assert (placed.bins, placed.far) == ((12.5, 25.0), 3)


def test_a_line_across_the_lines_of_a_grid_is_as_before() -> None:
    along = np.arange(200)
    x, y = 25.0 * along + 40 * np.sin(along / 9), 6_000_000 + 25.0 * along
    placed = georeference(geometry.grid(along, along), places(x, y))
    assert placed is not None
    assert placed.bins is not None and placed.corners


def test_coordinates_in_hundreds_of_metres_are_those_of_a_grid_still() -> None:
    rows, columns = np.divmod(np.arange(10_000), 100)
    x, y = np.round(25.0 * columns, -2), 6_000_000 + np.round(25.0 * rows, -2)
    placed = georeference(geometry.grid(rows, columns), places(x, y))
    assert placed is not None
    assert placed.bins == pytest.approx((25, 25), rel=0.02)
    assert placed.far == 0


def test_coordinates_of_no_grid_give_neither_corners_nor_bins(tmp_path: Path) -> None:
    file = sound()
    for byte in (181, 185):
        file.set(byte, np.random.default_rng(byte).integers(0, 60_000_000, len(file.headers)))
    path = tmp_path / "a.sgy"
    path.write_bytes(file.bytes())
    scan = scanned(path).scan
    assert (scan.bin_m, scan.corners) == (None, ())
    (warning,) = scan.warnings
    assert "the coordinates are not those of a grid with these lines" in warning


def test_wrong_coordinates_are_warned_of(tmp_path: Path) -> None:
    file = sound()
    values = file.headers[:, 180:184].copy()
    file.headers[7, 180:184], file.headers[7, 184:188] = file.headers[7, 184:188], values[7]
    path = tmp_path / "a.sgy"
    path.write_bytes(file.bytes())
    scan = scanned(path).scan
    assert scan.bin_m == pytest.approx((25, 25), abs=0.01)
    (warning,) = scan.warnings
    assert "1 traces have coordinates far from their place in the grid" in warning


def test_a_lone_crossline_may_bend_as_well() -> None:
    along = np.arange(80)
    x, y = 12.5 * np.minimum(along, 40), 12.5 * np.maximum(along - 40, 0)
    placed = georeference(geometry.grid(along, 0 * along + 7), places(x + 100, y))
    assert placed is not None
    assert placed.bins == (12.5, 0.0)
    assert placed.corners[-1] == (79, 7, 600.0, 487.5)


def test_degrees_keep_the_decimals_that_they_have() -> None:
    """Two of them are a kilometre."""
    rows, columns = np.divmod(np.arange(25), 5)
    x, y = 48_000 + 4 * columns, 547_000 + 3 * rows
    scalars = np.full(25, -10_000, np.int16)
    positions = Positions.of(x.astype(np.int32), y.astype(np.int32), scalars)
    placed = georeference(geometry.grid(rows, columns), positions)
    assert placed is not None
    assert placed.corners[0][2:] == (4.8, 54.7)
    assert placed.corners[3][2:] == (4.8016, 54.7012)
    assert placed.bins == pytest.approx((0.0003, 0.0004))


def test_two_lines_far_from_each_other_are_not_one() -> None:
    """The middle of all traces lies between them, where none is."""
    at = np.arange(100)
    x = np.concatenate([600_000 + 12.5 * at, 700_000 + 12.5 * at])
    y = np.repeat([6_000_000.0, 6_100_000.0], 100)
    placed = georeference(geometry.line(1 + np.arange(200)), places(x, y))
    assert placed is not None
    assert (placed.corners, placed.bins, placed.off) == ((), None, 1.0)
