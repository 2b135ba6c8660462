from __future__ import annotations

import io
import zlib

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from salt_infer.data import png, png_filters
from salt_infer.data.png_filters import AT_ONCE, Rows
from salt_infer.errors import TileError
from tests import pngs

HEIGHT, WIDTH = 7, 5
COLOURS = {1: 0, 3: 2, 4: 6}  # PNG's colour types by channels


def file_of(tile: Rows) -> bytes:
    """A PNG of these rows."""
    return (
        pngs.SIGNATURE
        + pngs.header(WIDTH, HEIGHT, 8, COLOURS[tile.channels])
        + pngs.chunk(b"IDAT", zlib.compress(tile.data))
        + pngs.chunk(b"IEND", b"")
    )


def by_pillow(tile: Rows) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(file_of(tile))) as image:
        return np.asarray(image.convert("L"))


@st.composite
def tiles(draw: st.DrawFn) -> Rows:
    """Rows of any filters and bytes; half of those in colour are grey."""
    channels = draw(st.sampled_from(list(COLOURS)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    stored = random.integers(0, 256, (HEIGHT, WIDTH, channels), np.uint8)
    if draw(st.booleans()):
        stored[:, :, :3] = stored[:, :, :1]
    filters = random.integers(0, 5, (HEIGHT, 1), np.uint8)
    return Rows(channels, np.hstack([filters, stored.reshape(HEIGHT, -1)]).tobytes())


@given(st.lists(tiles(), max_size=12))
def test_pixels_are_pillows_whatever_lies_beside_them(drawn: list[Rows]) -> None:
    found, _ = png_filters.examine(drawn, (HEIGHT, WIDTH))
    assert found.shape == (len(drawn), HEIGHT, WIDTH)
    for tile, each in zip(drawn, found, strict=True):
        np.testing.assert_array_equal(each, by_pillow(tile))


@given(tiles())
def test_a_file_is_unpacked_to_its_rows(tile: Rows) -> None:
    data, shape = file_of(tile), (HEIGHT, WIDTH)
    assert png.rows(data, shape) == tile
    np.testing.assert_array_equal(png.decode(data, shape), by_pillow(tile))


@pytest.mark.parametrize("channels", COLOURS)
@pytest.mark.parametrize("row", [0, HEIGHT - 1])
def test_no_filter_beyond_the_fifth(channels: int, row: int) -> None:
    rows = np.zeros((HEIGHT, 1 + WIDTH * channels), np.uint8)
    rows[row, 0] = 5
    with pytest.raises(TileError, match="a row has filter 5, of 0 to 4"):
        png.rows(file_of(Rows(channels, rows.tobytes())), (HEIGHT, WIDTH))


def test_a_pixel_of_colour_is_seen_in_any_channel() -> None:
    """Of many grey tiles in colour only one is not, by one bit of one channel."""
    grey = Rows(3, bytes(HEIGHT * (1 + WIDTH * 3)))
    for channel in range(3):
        data = bytearray(grey.data)
        data[-3 + channel] = 255
        many = [grey] * (AT_ONCE - 1) + [Rows(3, bytes(data))]
        found, _ = png_filters.examine(many, (HEIGHT, WIDTH))
        assert found[-1, -1, -1] == [76, 150, 29][channel]
        assert not found[:-1].any()
