"""One PNG tile, as bytes, to pixels; what counts as a bad tile.

The file is walked chunk by chunk before anything is decompressed: a tile from an unknown source
must not make the decoder allocate more than a tile needs, and a flipped bit must not become a
plausible mask. Pillow by itself checks neither the size first nor the CRC of image data.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from salt_infer.data import mask_pixels, oddities, png_filters
from salt_infer.data.png_filters import Rows
from salt_infer.errors import TileError, one_line
from salt_infer.masks.rle import TILE_SHAPE
from salt_infer.system import file_kind

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# A 101x101 tile of the widest accepted kind (RGBA) is 41 kB before compression. What is larger
# than this by a hundred times holds something that is not a tile.
MAX_FILE_BYTES = 4 * 1024 * 1024

HEADER = struct.Struct(">IIBBBBB")  # width, height, depth, colour, compression, filter, interlace

ANCILLARY = 0x20  # this bit of a chunk's name: pixels can be had without it
PALETTE = 3  # colour type
_FILTERS = range(5)  # of rows

_CHANNELS = {0: 1, 2: 3, 3: 1, 6: 4}  # by colour type
# First column, first row and steps of each pass of an interlaced image.
_ADAM7 = [
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
    (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
]  # fmt: skip
COLOUR_TYPES = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGBA"}
# (bit depth, colour type), PNG specification 3rd edition, table 8
_ACCEPTED = {(8, 0), (8, 2), (8, 6), (1, 3), (2, 3), (4, 3), (8, 3), (1, 0), (16, 0)}
_ACCEPTED_TEXT = "8-bit grey, RGB, RGBA, palette, 1-bit grey or 16-bit grey"


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
    parts = _parts(data)
    _check_header(parts.header, shape)
    _, _, depth, colour, _, _, interlaced = HEADER.unpack(parts.header)
    if depth != 8 or colour == PALETTE or interlaced or parts.transparency:
        return _rare(parts, shape)
    found = _unpacked(parts)
    _check_filters(found, len(found) // shape[0])
    return Rows(_CHANNELS[colour], found)


def _rare(parts: _Parts, shape: tuple[int, int]) -> Rows:
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
    parts = _parts(data)
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
    return tuple(np.unique(_colours(_image(_parts(data), TILE_SHAPE)).max(axis=2)).tolist())


def encode(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Encode a uint8 [H, W] array as an 8-bit grey PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


class _Parts(NamedTuple):
    """What of a PNG makes pixels."""

    header: bytes  # body of IHDR
    palette: bytes  # body of PLTE, or nothing
    data: bytes  # bodies of all IDAT, one zlib stream
    transparency: bytes  # body of tRNS, or nothing; decoders need not heed it


def _image(parts: _Parts, shape: tuple[int, int]) -> Image.Image:
    """The picture as stored."""
    _check_header(parts.header, shape)
    colours = _palette_size(parts)
    # Packed again by copying alone: unpacking twice would be a quarter of the work.
    parts = parts._replace(data=zlib.compress(_unpacked(parts), 0))
    try:
        with Image.open(io.BytesIO(_plain(parts)), formats=["PNG"]) as image:
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


def _transparency(image: Image.Image, parts: _Parts) -> npt.NDArray[np.uint8] | None:
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


def _parts(data: bytes) -> _Parts:
    if not data:
        raise TileError("empty file (0 bytes)")
    if len(data) > MAX_FILE_BYTES:
        raise TileError(f"file is larger than {MAX_FILE_BYTES} bytes, too large for a tile")
    if not data.startswith(SIGNATURE):
        what = file_kind.picture(data)
        raise TileError(
            f"not a PNG: starts with {data[:8].hex(' ')}, expected 89 50 4e 47 ..."
            + (f"; it is {what}, whatever its name: save it as PNG" if what else "")
        )
    bodies: dict[bytes, list[bytes]] = {b"IHDR": [], b"PLTE": [], b"IDAT": [], b"tRNS": []}
    for name, body in _chunks(data):
        if name != b"IHDR" and not bodies[b"IHDR"]:
            raise TileError("damaged PNG: the first chunk is not IHDR")
        if name in bodies:
            bodies[name].append(body)
        elif not name[0] & ANCILLARY:
            raise TileError(f"damaged PNG: chunk {_name(name)}, which no decoder may pass over")
    if len(bodies[b"IHDR"]) != 1 or len(bodies[b"IHDR"][0]) != HEADER.size:
        raise TileError(f"damaged PNG: expected one IHDR of {HEADER.size} bytes")
    if len(bodies[b"PLTE"]) > 1:
        raise TileError(f"damaged PNG: {len(bodies[b'PLTE'])} palettes")
    if not bodies[b"IDAT"]:
        raise TileError("damaged PNG: no image data (IDAT)")
    palette, image, transparency = (b"".join(bodies[name]) for name in (b"PLTE", b"IDAT", b"tRNS"))
    return _Parts(bodies[b"IHDR"][0], palette, image, transparency)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, body) of each chunk before IEND, with its CRC checked."""
    position = len(SIGNATURE)
    while True:
        if position + 12 > len(data):
            raise TileError(f"truncated: the file ends at byte {len(data)}, before IEND")
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            raise TileError(f"truncated: the file ends at byte {len(data)}, before IEND")
        (stored,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(memoryview(data)[position + 4 : end]) != stored:
            raise TileError(f"damaged PNG: wrong checksum in chunk {_name(name)} at {position}")
        if name == b"IEND":
            return
        yield name, data[position + 8 : end]
        position = end + 4


def _plain(parts: _Parts) -> bytes:
    """A PNG of nothing but pixels. What else a file may hold (text, profiles, animation) is where
    decoders have bombs and warnings.
    """
    palette = [(b"PLTE", parts.palette)] if _palette_size(parts) else []
    chunks = [(b"IHDR", parts.header), *palette, (b"IDAT", parts.data), (b"IEND", b"")]
    return SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def _palette_size(parts: _Parts) -> int:
    """Colours in the palette that the pixels are of; 0 where they are none. Decoders make colours
    up that a palette lacks.
    """
    _, _, depth, colour, *_ = HEADER.unpack(parts.header)
    if colour != PALETTE:
        return 0
    colours, rest = divmod(len(parts.palette), 3)
    if rest or not 1 <= colours <= 2**depth:
        raise TileError(
            f"damaged PNG: a palette of {len(parts.palette)} bytes, expected 3 each for 1 to "
            f"{2**depth} colours"
        )
    return colours


def _unpacked(parts: _Parts) -> bytes:
    """Filter bytes and pixels. They must fill the tile: decoders leave missing rows black without a
    word.
    """
    expected = _raw_bytes(parts.header)
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(parts.data, expected)
        # One byte more than there should be: only at its end is the stream's own checksum compared.
        stream.decompress(stream.unconsumed_tail, 1)
    except zlib.error as error:
        raise TileError(f"image data cannot be decoded ({one_line(error)})") from error
    if len(found) < expected:
        raise TileError(f"damaged PNG: image data ends at byte {len(found)} of {expected}")
    return found


def _raw_bytes(header: bytes) -> int:
    """Bytes of the unpacked image: one filter byte a row, then the row's pixels.

    Interlaced images have seven passes (PNG specification 3rd edition, section 8.2).
    """
    width, height, depth, colour, _, _, interlaced = HEADER.unpack(header)
    bits = depth * _CHANNELS[colour]
    total = 0
    for x0, y0, dx, dy in _ADAM7 if interlaced else [(0, 0, 1, 1)]:
        columns, rows = -(-(width - x0) // dx), -(-(height - y0) // dy)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _check_header(header: bytes, shape: tuple[int, int]) -> None:
    width, height, depth, colour, compression, filters, interlaced = HEADER.unpack(header)
    if (height, width) != shape:
        raise TileError(f"is {width}x{height} pixels, expected {shape[1]}x{shape[0]}")
    if (depth, colour) not in _ACCEPTED:
        kind = COLOUR_TYPES.get(colour, f"colour type {colour}")
        raise TileError(f"is {depth}-bit {kind}, expected {_ACCEPTED_TEXT}")
    if (compression, filters) != (0, 0) or interlaced > 1:
        raise TileError("damaged PNG: unknown compression, filter or interlace method")


def _name(name: bytes) -> str:
    return name.decode("ascii") if name.isalpha() else name.hex()
