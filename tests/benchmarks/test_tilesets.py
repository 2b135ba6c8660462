from __future__ import annotations

from pathlib import Path

import numpy as np
import tilesets

from salt_infer.data.factory import open_tiles
from tests import pngs


def test_as_many_tiles_as_asked_for_from_those_there_are(tmp_path: Path) -> None:
    images = pngs.pack(tmp_path / "a.zip", "x.png", "y.png")
    assert len(tilesets.files(images)) == 2
    assert tilesets.pixels(images, 5).shape == (5, 101, 101)
    with open_tiles(tilesets.multiplied(images, 5, tmp_path / "many")) as source:
        assert [source.read(tile) for tile in source.tiles] == [pngs.good_tile()] * 5
        assert len({tile.id for tile in source.tiles}) == 5


def test_tiles_come_in_the_order_of_their_ids() -> None:
    first = tilesets.EXAMPLES / "synthetic-00000.png"
    assert tilesets.files(tilesets.EXAMPLES, 30)[0] == first.read_bytes()
    assert np.array_equal(*tilesets.pixels(tilesets.EXAMPLES, 25)[[0, 24]])
