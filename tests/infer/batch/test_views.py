from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as npst

from salt_infer.batch import views

TILES = npst.arrays(np.uint8, npst.array_shapes(min_dims=3, max_dims=3, max_side=6))


@given(TILES)
def test_a_view_made_and_undone_is_the_tile(tiles: np.ndarray) -> None:
    for tta in ("none", "hflip"):
        made = views.make(tiles, tta)
        assert made.shape == (len(tiles), views.count(tta), *tiles.shape[1:])
        assert made.flags.c_contiguous
        np.testing.assert_array_equal(views.merge(made.astype(np.float32), tta), tiles)


def test_merge_is_the_mean_in_the_tiles_orientation() -> None:
    probability = np.array([[[[1.0, 0.0]], [[1.0, 0.0]]]], np.float32)
    np.testing.assert_array_equal(views.merge(probability, "hflip"), [[[0.5, 0.5]]])


def test_merge_keeps_its_input() -> None:
    probability = np.random.default_rng(0).random((2, 2, 3, 3), np.float32)
    before = probability.copy()
    views.merge(probability, "hflip")
    np.testing.assert_array_equal(probability, before)


def test_another_number_of_views_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected \[K, 2, H, W\]"):
        views.merge(np.zeros((1, 1, 3, 3), np.float32), "hflip")
