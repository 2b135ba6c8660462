from __future__ import annotations

import dataclasses

import numpy as np

from salt_train.data.folds import Split
from salt_train.data.held_out import HeldOut
from tests import drawing


def test_fresh_are_held_out_tiles_without_a_twin() -> None:
    data = drawing.draw(40, seed=2)
    data = data.subset(data.tiles.any(axis=(1, 2)))
    split = Split.of(data, 4, 0)
    chosen = split.held_out(1)
    found = HeldOut(data, split, 1)
    assert found.data.ids == found.fresh.ids == data.subset(chosen).ids
    tiles = data.tiles.copy()
    tiles[np.flatnonzero(chosen)[2]] = tiles[np.flatnonzero(~chosen)[5]]
    found = HeldOut(dataclasses.replace(data, tiles=tiles), split, 1)
    assert found.fresh.ids == tuple(np.delete(np.array(found.data.ids), 2))
    assert len(HeldOut(data, split, None).data) == 0
