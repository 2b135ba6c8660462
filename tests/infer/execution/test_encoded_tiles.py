from __future__ import annotations

import pickle

import pytest

from salt_infer.batch.result import Cancel
from salt_infer.data.source import Tile, TileSource
from salt_infer.errors import ModelError, TileError
from salt_infer.execution.encoded_tiles import MOST_BYTES, hold

TILES = [Tile("a", "x/a.png"), Tile("b", "x/b.png")]


class Small(TileSource):
    """Every tile is its own name; b cannot be read."""

    tiles = TILES

    def read(self, tile: Tile) -> bytes:
        if tile.id == "b":
            raise TileError("is not there")
        return tile.path.encode()

    def stamp(self, tile: Tile) -> str:
        return f"stamp of {tile.id}"


def test_what_is_held_is_read_and_stamped_as_before() -> None:
    held = pickle.loads(pickle.dumps(hold(Small(), TILES, Cancel())))
    assert held.tiles == TILES
    assert [held.stamp(tile) for tile in TILES] == ["stamp of a", "stamp of b"]
    assert held.read(TILES[0]) == b"x/a.png"
    with pytest.raises(TileError, match="is not there"):
        held.read(TILES[1])


def test_no_more_is_held_than_a_bound() -> None:
    class Large(Small):
        def read(self, tile: Tile) -> bytes:
            return bytes(MOST_BYTES // 2 + (tile.id == "b"))

    assert hold(Large(), TILES, Cancel()) is None
    assert hold(Large(), TILES[:1], Cancel()) is not None


def test_a_run_that_is_given_up_reads_nothing() -> None:
    cancel = Cancel()
    cancel()
    with pytest.raises(ModelError, match="given up"):
        hold(Small(), TILES, cancel)
