"""A PNG as a file: its chunks, and what of them makes pixels.

It is walked chunk by chunk before anything is decompressed: a tile from an unknown source must not
make the decoder allocate more than a tile needs, and a flipped bit must not become a plausible
mask. Pillow by itself checks neither the size first nor the CRC of image data.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from salt_infer.errors import TileError, one_line
from salt_infer.system import file_kind

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# A 101x101 tile of the widest accepted kind (RGBA) is 41 kB before compression. What is larger
# than this by a hundred times holds something that is not a tile.
MAX_FILE_BYTES = 4 * 1024 * 1024

HEADER = struct.Struct(">IIBBBBB")  # width, height, depth, colour, compression, filter, interlace

ANCILLARY = 0x20  # this bit of a chunk's name: pixels can be had without it
PALETTE = 3  # colour type
CHANNELS = {0: 1, 2: 3, 3: 1, 6: 4}  # by colour type
# First column, first row and steps of each pass of an interlaced image.
_ADAM7 = [
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
    (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
]  # fmt: skip
COLOUR_TYPES = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGBA"}
# (bit depth, colour type), PNG specification 3rd edition, table 8
_ACCEPTED = {(8, 0), (8, 2), (8, 6), (1, 3), (2, 3), (4, 3), (8, 3), (1, 0), (16, 0)}
_ACCEPTED_TEXT = "8-bit grey, RGB, RGBA, palette, 1-bit grey or 16-bit grey"


class Parts(NamedTuple):
    """What of a PNG makes pixels.

    Attributes:
        header: body of IHDR.
        palette: body of PLTE, or nothing.
        data: bodies of all IDAT, one zlib stream.
        transparency: body of tRNS, or nothing; decoders need not heed it.
    """

    header: bytes
    palette: bytes
    data: bytes
    transparency: bytes

    def check(self, shape: tuple[int, int]) -> None:
        """Raise TileError unless it is of a size and kind that tiles have."""
        width, height, depth, colour, compression, filters, interlaced = HEADER.unpack(self.header)
        if (height, width) != shape:
            section = "; whole sections are for salt-survey"
            raise TileError(
                f"is {width}x{height} pixels, expected {shape[1]}x{shape[0]}: cut or resize tiles"
                f"{section if min(width, height) > max(shape) else ''}"
            )
        if (depth, colour) not in _ACCEPTED:
            kind = COLOUR_TYPES.get(colour, f"colour type {colour}")
            raise TileError(f"is {depth}-bit {kind}, expected {_ACCEPTED_TEXT}")
        if (compression, filters) != (0, 0) or interlaced > 1:
            raise TileError("damaged PNG: unknown compression, filter or interlace method")

    @property
    def palette_size(self) -> int:
        """Colours in the palette that the pixels are of; 0 where they are of none. Decoders make
        colours up that a palette lacks.

        Raises:
            TileError: the palette is damaged.
        """
        _, _, depth, colour, *_ = HEADER.unpack(self.header)
        if colour != PALETTE:
            return 0
        colours, rest = divmod(len(self.palette), 3)
        if rest or not 1 <= colours <= 2**depth:
            raise TileError(
                f"damaged PNG: a palette of {len(self.palette)} bytes, expected 3 each for 1 to "
                f"{2**depth} colours"
            )
        return colours

    def unpacked(self) -> bytes:
        """Filter bytes and pixels. They must fill the tile: decoders leave missing rows black
        without a word.

        Raises:
            TileError: they do not.
        """
        expected = self._raw_bytes()
        stream = zlib.decompressobj()
        try:
            found = stream.decompress(self.data, expected)
            # A byte more than there should be: only at its end is the stream's checksum compared.
            stream.decompress(stream.unconsumed_tail, 1)
        except zlib.error as error:
            raise TileError(f"image data cannot be decoded ({one_line(error)})") from error
        if len(found) < expected:
            raise TileError(f"damaged PNG: image data ends at byte {len(found)} of {expected}")
        return found

    def plain(self) -> bytes:
        """A PNG of nothing but pixels. What else a file may hold (text, profiles, animation) is
        where decoders have bombs and warnings.
        """
        palette = [(b"PLTE", self.palette)] if self.palette_size else []
        chunks = [(b"IHDR", self.header), *palette, (b"IDAT", self.data), (b"IEND", b"")]
        return SIGNATURE + b"".join(
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            for name, body in chunks
        )

    def _raw_bytes(self) -> int:
        """Bytes of the unpacked image: one filter byte a row, then the row's pixels.

        Interlaced images have seven passes (PNG specification 3rd edition, section 8.2).
        """
        width, height, depth, colour, _, _, interlaced = HEADER.unpack(self.header)
        bits = depth * CHANNELS[colour]
        total = 0
        for x0, y0, dx, dy in _ADAM7 if interlaced else [(0, 0, 1, 1)]:
            columns, rows = -(-(width - x0) // dx), -(-(height - y0) // dy)
            if columns > 0 and rows > 0:
                total += rows * (1 + (columns * bits + 7) // 8)
        return total


def parse(data: bytes) -> Parts:
    """Walk a file chunk by chunk; nothing is unpacked.

    Raises:
        TileError: it is no PNG, is too large for a tile, or is damaged.
    """
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
    return Parts(bodies[b"IHDR"][0], palette, image, transparency)


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


def _name(name: bytes) -> str:
    return name.decode("ascii") if name.isalpha() else name.hex()
