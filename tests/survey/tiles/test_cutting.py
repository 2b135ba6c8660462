from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_survey.sections.display import Display, Polarity, Stretch, Zoom
from salt_survey.sections.reader import Recorded, Section
from salt_survey.tiles.cutting import cut

Grey = npt.NDArray[np.uint8]
SHAPE = (230, 260)  # samples and traces


def label(unknown: bool = False) -> Grey:
    """Salt in one corner, and beside it what is not known."""
    drawn = np.zeros(SHAPE, np.uint8)
    drawn[:120, :130] = 255
    if unknown:
        drawn[:120, 120:150] = 128
    return drawn


def recorded(drawn: Grey, there: npt.NDArray[np.bool_] | None = None) -> Recorded:
    """Amplitudes that are large in salt alone, so that a tile tells its mask."""
    amplitude = np.where(drawn == 255, 1.0, 0.0).astype(np.float32)
    amplitude += np.random.default_rng(0).uniform(0, 0.2, SHAPE).astype(np.float32)
    there = np.ones(SHAPE, bool) if there is None else there
    return Recorded(Section("inline", 0, 0, 1), np.where(there, amplitude, 0), there)


def shown(zoom: Zoom, polarity: Polarity = "normal") -> Display:
    return Display(zoom, polarity, Stretch("section"))


@given(st.floats(0.5, 2), st.floats(0.5, 2), st.integers(0, 9))
def test_masks_lie_where_the_salt_of_their_tiles_does(
    vertical: float, horizontal: float, seed: int
) -> None:
    drawn = label()
    display = shown(Zoom(vertical, horizontal))
    for tile in cut(recorded(drawn), drawn, display, 20, np.random.default_rng(seed)):
        bright = tile.grey > 150
        assert np.mean(bright != tile.mask) < 0.03  # along its edge
        assert tile.grey.shape == tile.mask.shape == (101, 101)
        down, along = tile.row / vertical, tile.column / horizontal
        inside = down + 100 / vertical < 119 and along + 100 / horizontal < 129
        assert not inside or tile.mask.all()


def test_half_of_them_have_salt_and_places_are_their_own() -> None:
    drawn = label()
    tiles = cut(recorded(drawn), drawn, shown(Zoom(1, 1)), 60, np.random.default_rng(1))
    assert sum(bool(tile.mask.any()) for tile in tiles) == 30
    assert min(tile.mask.sum() for tile in tiles if tile.mask.any()) >= 101
    assert len({tile.name for tile in tiles}) == len(tiles) == 60
    assert [tile.name for tile in tiles] == sorted(tile.name for tile in tiles)
    again = cut(recorded(drawn), drawn, shown(Zoom(1, 1)), 60, np.random.default_rng(1))
    assert [tile.name for tile in again] == [tile.name for tile in tiles]


def test_nothing_in_a_tile_is_unknown() -> None:
    drawn = label(unknown=True)
    tiles = cut(recorded(drawn), drawn, shown(Zoom(1, 1)), 200, np.random.default_rng(1))
    for tile in tiles:
        part = drawn[tile.row : tile.row + 101, tile.column : tile.column + 101]
        assert 128 not in part
        assert np.array_equal(tile.mask, part == 255)


@pytest.mark.parametrize("most", [0.05, 0.1, 0.25])
def test_so_much_may_be_unknown_of_tiles_with_salt(most: float) -> None:
    drawn = label(unknown=True)
    tiles = cut(recorded(drawn), drawn, shown(Zoom(1, 1)), 200, np.random.default_rng(1), most)
    shares = [tile.unknown.mean() for tile in tiles]
    assert most / 2 < max(shares) <= most
    for tile in tiles:
        part = drawn[tile.row : tile.row + 101, tile.column : tile.column + 101]
        assert np.array_equal(tile.unknown, part == 128)
        assert np.array_equal(tile.mask, part == 255)
        assert tile.mask.any() or not tile.unknown.any()  # it would teach nothing


def test_what_was_not_recorded_is_no_salt_and_known() -> None:
    """A label is unknown where nothing was recorded."""
    drawn = label()
    there = np.ones(SHAPE, bool)
    there[:, 150:] = False
    drawn[~there] = 128
    tiles = cut(recorded(drawn, there), drawn, shown(Zoom(1, 1)), 100, np.random.default_rng(1))
    assert max(tile.column for tile in tiles) > 50
    assert max(tile.column for tile in tiles) < 150  # beyond, tiles show nothing
    for tile in tiles:
        part = drawn[tile.row : tile.row + 101, tile.column : tile.column + 101]
        assert np.array_equal(tile.mask, part == 255)


@pytest.mark.parametrize("polarity", ["normal", "reversed", "both"])
def test_reversed_tiles_show_black_as_white(polarity: Polarity) -> None:
    drawn = label()
    tiles = cut(recorded(drawn), drawn, shown(Zoom(1, 1), polarity), 60, np.random.default_rng(1))
    plain = cut(recorded(drawn), drawn, shown(Zoom(1, 1)), 60, np.random.default_rng(1))
    ways = {"normal": {False}, "reversed": {True}, "both": {False, True}}[polarity]
    assert {tile.reversed for tile in tiles} == ways
    for tile, normal in zip(tiles, plain, strict=True):
        assert np.array_equal(tile.mask, normal.mask)
        assert np.array_equal(tile.grey, 255 - normal.grey if tile.reversed else normal.grey)


def test_a_line_smaller_than_a_tile_gives_one() -> None:
    drawn = np.zeros((40, 60), np.uint8)
    drawn[10:30, 20:40] = 255
    amplitude = np.random.default_rng(0).normal(size=drawn.shape).astype(np.float32)
    line = Recorded(Section("inline", 0, 0, 1), amplitude, np.ones(drawn.shape, bool))
    (tile,) = cut(line, drawn, shown(Zoom(1, 1)), 60, np.random.default_rng(0))
    assert np.array_equal(tile.mask[:40, :60], drawn == 255)
    assert np.array_equal(tile.mask[40:80, :60], tile.mask[:40, :60][::-1])  # by reflection


def test_dead_traces_are_as_the_neighbours_that_fill_them() -> None:
    """A tile shows there what lies between these, and its mask has no stripe."""
    drawn = label()
    there = np.ones(SHAPE, bool)
    there[:, [40, 60, 61, 62, 200]] = False
    line = recorded(drawn, there)
    known = np.where(there, drawn, 128).astype(np.uint8)  # as labels are where nothing was recorded
    for tile in cut(line, known, shown(Zoom(1, 1)), 60, np.random.default_rng(1)):
        part = drawn[tile.row : tile.row + 101, tile.column : tile.column + 101]
        assert np.array_equal(tile.mask, part == 255)


def test_tiles_without_salt_are_of_what_was_recorded() -> None:
    drawn = np.zeros((230, 800), np.uint8)
    drawn[:120, :60] = 255
    there = np.zeros(drawn.shape, bool)
    there[:, :250] = True
    amplitude = np.where(there, np.random.default_rng(0).normal(size=drawn.shape), 0)
    line = Recorded(Section("inline", 0, 0, 1), amplitude.astype(np.float32), there)
    tiles = cut(line, drawn, shown(Zoom(1, 1)), 40, np.random.default_rng(0))
    assert sum(bool(tile.mask.any()) for tile in tiles) == 20
    assert len(tiles) == 40
