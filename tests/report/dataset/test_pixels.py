from __future__ import annotations

import math

import numpy as np
import pytest

from salt_report.common.reading import LabelledTiles
from salt_report.dataset import pixels

MASK = [[1, -2, 1], [-2, 4, -2], [1, -2, 1]]  # Immerkær's


def slow_noise(tile: np.ndarray) -> float:
    height, width = tile.shape
    total = 0.0
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            window = tile[y - 1 : y + 2, x - 1 : x + 2]
            total += abs(sum(window[i][j] * MASK[i][j] for i in range(3) for j in range(3)))
    return total * math.sqrt(math.pi / 2) / (6 * (width - 2) * (height - 2))


def test_measures_of_a_few_tiles(drawn: LabelledTiles) -> None:
    known = pixels.table(drawn.tiles[:3])
    for row, tile in zip(known.itertuples(), drawn.tiles[:3].astype(float), strict=True):
        assert row.brightness == pytest.approx(tile.mean())
        assert row.contrast == pytest.approx(math.sqrt(((tile - tile.mean()) ** 2).mean()))
        assert row.noise == pytest.approx(slow_noise(tile))


def test_noise_is_found_whatever_is_below_it() -> None:
    random = np.random.default_rng(0)
    slope = np.add.outer(np.arange(101.0), np.arange(101.0))
    tiles = slope + random.normal(0, 5, (20, 101, 101))
    assert pixels.noise(tiles).mean() == pytest.approx(5, rel=0.02)
    assert pixels.noise(slope[None])[0] == pytest.approx(0)


def test_blocks_do_not_show(drawn: LabelledTiles, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pixels.table(drawn.tiles)
    monkeypatch.setattr(pixels, "BLOCK", 7)
    assert pixels.table(drawn.tiles).equals(whole)


def test_twins_are_those_of_all_pairs(drawn: LabelledTiles) -> None:
    tiles = drawn.tiles.copy()
    tiles[20] = tiles[30] = tiles[40]
    tiles[50] = tiles[51] = 9  # of one grey value
    pairs = {
        (a, b)
        for a in range(60)
        for b in range(a)
        if (tiles[a] == tiles[b]).all() and tiles[a].min() < tiles[a].max()
    }
    found = {(a, b) for group in pixels.twins(tiles) for a in group for b in group if a > b}
    assert found == pairs
    assert (40, 20) in found
