"""One PNG tile, as bytes, to pixels; what counts as a bad tile.

Before that the file is checked, see :mod:`salt_infer.data.png_file`.
"""

from __future__ import annotations

import io
import zlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from salt_infer.data import mask_pixels, oddities, png_file, png_filters
from salt_infer.data.png_file import CHANNELS, HEADER, PALETTE, Parts
from salt_infer.data.png_filters import Rows
from salt_infer.errors import TileError, one_line
from salt_infer.masks.rle import TILE_SHAPE

_FILTERS = range(5)  # of rows


class Examined(NamedTuple):
    """A tile, and what is odd about it.

    Attributes:
        pixels: uint8 [H, W], 0..255.
        odd: keys of :data:`salt_infer.data.oddities.WHAT`; mostly none.
    """

    pixels: npt.NDArray[np.uint8]
    odd: tuple[str, ...]


def decode(data: bytes, shape: tuple[int, int] = TILE_SHAPE) -> npt.NDArray[np.uint8]:
    """Decode a tile to 8-bit grey.

    RGB becomes luma (ITU-R 601; exact where the channels are equal, as in every TGS tile), alpha
    is dropped, 16 bits are scaled to 8 with rounding.

    Args:
        data: the whole PNG file.
        shape: rows and columns that the tile must have.

    Returns:
        uint8 array of that shape, 0..255.

    Raises:
        TileError: anything but a sound PNG of that size in an accepted mode.
    """
    return examine(data, shape).pixels


def examine(data: bytes, shape: tuple[int, int] = TILE_SHAPE) -> Examined:
    """:func:`decode`, and whether such grey values can be meant."""
    pixels, (odd,) = png_filters.examine([rows(data, shape)], shape)
    return Examined(np.asarray(pixels[0]), odd)


def rows(data: bytes, shape: tuple[int, int] = TILE_SHAPE) -> Rows:
    """Check a tile and unpack it; :func:`salt_infer.data.png_filters.examine` then gives what
    :func:`examine` does, for many tiles in less time than one by one.

    Raises:
        TileError: as for :func:`decode`.
    """
    parts = png_file.parse(data)
    parts.check(shape)
    _, _, depth, colour, _, _, interlaced = HEADER.unpack(parts.header)
    if depth != 8 or colour == PALETTE or interlaced or parts.transparency:
        return _rare(parts, shape)
    found = parts.unpacked()
    _check_filters(found, len(found) // shape[0])
    return Rows(CHANNELS[colour], found)


def _rare(parts: Parts, shape: tuple[int, int]) -> Rows:
    """Of what is not stored as 8-bit grey or colours: grey, not filtered, and looked at."""
    image = _image(parts, shape)
    grey = _grey(image)
    odd = oddities.of(_colours(image), grey, _transparency(image, parts))
    return Rows(1, np.pad(grey, [(0, 0), (1, 0)]).tobytes(), odd)


def _check_filters(found: bytes, stride: int) -> None:
    unknown = max(found[::stride])
    if unknown not in _FILTERS:
        raise TileError(f"image data cannot be decoded (a row has filter {unknown}, of 0 to 4)")


def decode_mask(data: bytes) -> npt.NDArray[np.uint8]:
    """Decode a mask: uint8 [101, 101], 1 wherever any channel of a pixel is above 0.

    TGS masks are 16-bit {0, 65535} where there is salt and 8-bit where there is none, and others
    write a class number into one channel or a palette: so the only sound rule is ``> 0``, of the
    colours themselves. See :mod:`salt_infer.data.mask_pixels` for transparency.

    Raises:
        TileError: as for :func:`decode`, or it has more than two colours, or two of which none is
            black, or transparency that hides a colour.
    """
    parts = png_file.parse(data)
    image = _image(parts, TILE_SHAPE)
    colours, transparency = _colours(image), _transparency(image, parts)
    if image.mode == "P" and transparency is None:
        mask_pixels.check_palette(np.asarray(image), colours)
    return mask_pixels.salt(colours, transparency)


def values(data: bytes) -> tuple[int, ...]:
    """The values that occur in an image, ascending; of a colour the largest of its channels.

    Raises:
        TileError: as for :func:`decode`.
    """
    return tuple(np.unique(_colours(_image(png_file.parse(data), TILE_SHAPE)).max(axis=2)).tolist())


def encode(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Encode a uint8 [H, W] array as an 8-bit grey PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _image(parts: Parts, shape: tuple[int, int]) -> Image.Image:
    """The picture as stored."""
    parts.check(shape)
    colours = parts.palette_size
    # Packed again by copying alone: unpacking twice would be a quarter of the work.
    parts = parts._replace(data=zlib.compress(parts.unpacked(), 0))
    try:
        with Image.open(io.BytesIO(parts.plain()), formats=["PNG"]) as image:
            image.load()
            if image.mode == "P" and (last := int(np.asarray(image).max())) >= colours:
                raise TileError(f"damaged PNG: colour {last} of a palette of {colours}")
            return image
    except (OSError, SyntaxError, ValueError) as error:
        raise TileError(f"image data cannot be decoded ({one_line(error)})") from error


def _grey(image: Image.Image) -> npt.NDArray[np.uint8]:
    """uint8 [H, W]."""
    if not image.mode.startswith("I;16"):
        return np.array(image.convert("L"), dtype=np.uint8)
    wide = np.asarray(image, dtype=np.uint32)
    return ((wide + 128) // 257).astype(np.uint8)  # round(v * 255 / 65535)


def _colours(image: Image.Image) -> npt.NDArray[Any]:
    """uint8 [H, W, 1 or 3] without alpha, or uint16 [H, W, 1] of 16-bit grey."""
    if image.mode.startswith("I;16"):
        return np.asarray(image, dtype=np.uint16)[:, :, None]
    kind = "L" if image.mode in ("1", "L") else "RGB"
    # Of an image with alpha, convert() would only drop it; of a palette it gives the colours.
    pixels = np.asarray(image if image.mode == kind else image.convert(kind), dtype=np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1)


def _transparency(image: Image.Image, parts: Parts) -> npt.NDArray[np.uint8] | None:
    """uint8 [H, W], 0 where nothing is to be seen; None where the file has none that is sound.

    A colour that is marked transparent (tRNS), or a palette's own transparencies, count too.
    """
    if image.mode == "RGBA":
        return np.asarray(image, dtype=np.uint8)[:, :, 3]
    if not parts.transparency:
        return None
    if image.mode == "P":
        known = np.frombuffer(parts.transparency[:256], np.uint8)
        table = np.full(256, 255, np.uint8)
        table[: len(known)] = known
        return np.take(table, np.asarray(image))
    pixels = _colours(image)
    if len(parts.transparency) != 2 * pixels.shape[2]:
        return None
    key = np.frombuffer(parts.transparency, ">u2")  # a channel each; 1-bit pixels are 0 and 255
    marked = (pixels == key * (255 if image.mode == "1" else 1)).all(axis=2)
    return np.where(marked, 0, 255).astype(np.uint8)
