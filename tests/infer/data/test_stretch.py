"""Amplitudes to grey values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from salt_infer import InputError, stretched

FINITE = {"allow_nan": False, "allow_infinity": False}


@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.float64, np.int16, np.uint8, np.int64]), (3, 5, 4)
    ).filter(lambda values: bool(np.isfinite(values).all()))
)
def test_each_tile_reaches_from_black_to_white(amplitudes: np.ndarray) -> None:
    grey = stretched(amplitudes)
    assert grey.dtype == np.uint8
    for tile, out in zip(amplitudes.astype(np.float64), grey, strict=True):
        order = np.argsort(tile, axis=None)
        assert np.all(np.diff(out.ravel()[order].astype(int)) >= 0)
        many = tile.max() > tile.min()
        assert (out.min(), out.max()) == (0, 255 if many else 0)


@given(arrays.arrays(np.uint8, (2, 9, 7)), st.integers(-(2**20), 2**20), st.integers(1, 1000))
def test_offset_and_gain_change_nothing(tiles: np.ndarray, offset: int, gain: int) -> None:
    np.testing.assert_array_equal(
        stretched(tiles), stretched(tiles.astype(np.int64) * gain + offset)
    )


def test_tiles_that_reach_that_far_are_left_as_they_are() -> None:
    tiles = np.arange(256, dtype=np.uint8).reshape(2, 8, 16)
    whole = stretched(np.stack([tiles.reshape(16, 16)]))
    np.testing.assert_array_equal(whole, tiles.reshape(1, 16, 16))


@pytest.mark.parametrize(
    ("about", "expected"), [(0.0, 128), (1000.0, 128)], ids=["as silence", "as the median"]
)
@pytest.mark.parametrize("none", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_shows_no_contrast(about: float, expected: int, none: float) -> None:
    tile = about + np.array([[-2.0, -1, none], [0, 1, 2]], np.float32)
    grey = stretched(tile)
    assert grey[0, 0] == 0
    assert grey[1, 2] == 255
    assert grey[0, 2] == expected
    assert not stretched(np.full((2, 3, 3), none)).any()


@pytest.mark.parametrize("ends", [(-1.7e308, 1.7e308), (0.0, 5e-324), (-5e-324, 5e-324)])
def test_the_largest_and_smallest_numbers_are_stretched_too(ends: tuple[float, float]) -> None:
    assert stretched(np.array([ends])).tolist() == [[0, 255]]


def test_what_is_masked_was_not_recorded() -> None:
    tile = np.ma.masked_array([[-2.0, 9e9], [0, 2]], mask=[[False, True], [False, False]])
    assert stretched(tile).tolist() == [[0, 128], [128, 255]]


@pytest.mark.parametrize("shape", [(0, 101, 101), (2, 0, 101), (2, 101, 0)])
def test_no_amplitudes_are_no_grey_values(shape: tuple[int, ...]) -> None:
    assert stretched(np.zeros(shape)).shape == shape


@pytest.mark.parametrize(
    "given",
    [np.zeros(3), np.zeros((2, 2), complex), np.array([["a"]]), "tiles", None, [[[1.0], [2, 3]]]],
)
def test_what_is_no_tiles_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match=r"amplitudes are (no array|.* expected numbers)"):
        stretched(given)
