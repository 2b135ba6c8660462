from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from salt_export.samples import evenly, read, stratified
from salt_train import synthetic
from tests import drawing

DATA = drawing.draw(20, seed=8)


@given(st.integers(0, 20_000), st.integers(1, 2000))
def test_indices_are_evenly_spread(total: int, count: int) -> None:
    chosen = evenly(total, count)
    assert len(chosen) == min(total, count)
    assert len(set(chosen.tolist())) == len(chosen)
    if len(chosen) > 1:
        gaps = np.diff([*chosen, total])
        assert gaps.min() >= 1
        assert gaps.max() - gaps.min() <= 1
        assert chosen[0] == 0


@given(st.integers(1, 700), st.integers(1, 400))
def test_a_sample_is_spread_over_the_coverage(total: int, count: int) -> None:
    """Coverage here is the tile's grey value; every class keeps its share, to a tile."""
    levels = np.arange(total) % 11
    masks = np.arange(101 * 101)[None] < levels[:, None] * 1020
    tiles = np.repeat(levels.astype(np.uint8), 101 * 101).reshape(total, 101, 101)
    sample = stratified(tiles, masks.reshape(tiles.shape), count)
    assert len(sample) == min(total, count)
    kept = np.bincount(sample[:, 0, 0], minlength=11)
    share = np.bincount(levels, minlength=11) * len(sample) / total
    assert np.abs(kept - share).max() < 1.5


def test_tiles_come_with_their_masks(tmp_path: Path) -> None:
    synthetic.write(DATA, tmp_path)
    tiles, masks = read(tmp_path / "tiles", tmp_path / "masks", 5)
    assert masks is not None
    np.testing.assert_array_equal(tiles, DATA.tiles[::4])
    np.testing.assert_array_equal(masks, DATA.masks[::4])
    assert read(tmp_path / "tiles", None, 100)[0].shape == DATA.tiles.shape
