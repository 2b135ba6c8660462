"""PNG files of any kind, sound and broken, made by hand: Pillow cannot write most of these."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"
EDGE = 101


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def header(width: int, height: int, depth: int, colour: int, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def png(
    depth: int,
    colour: int,
    rows: list[bytes],
    width: int = EDGE,
    height: int = EDGE,
    before: tuple[bytes, ...] = (),
) -> bytes:
    """A PNG of unfiltered rows; ``before`` are extra chunks ahead of the image data."""
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        SIGNATURE
        + header(width, height, depth, colour)
        + b"".join(before)
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


def grey(values: list[list[int]], width: int = EDGE, height: int = EDGE) -> bytes:
    return png(8, 0, [bytes(row) for row in values], width, height)


def ramp() -> list[list[int]]:
    """Grey values that differ along both axes."""
    return [[(2 * x + 3 * y) % 256 for x in range(EDGE)] for y in range(EDGE)]


def good_tile() -> bytes:
    return grey(ramp())


def bomb(width: int = 50_000, height: int = 50_000) -> bytes:
    """A small file that claims 2.5 gigapixels."""
    return (
        SIGNATURE
        + header(width, height, 8, 0)
        + chunk(b"IDAT", zlib.compress(bytes(1_000_000)))
        + chunk(b"IEND", b"")
    )


def bad_tiles() -> dict[str, tuple[bytes, str]]:
    """Many kinds of bad tile: name -> (file, what the reason must say)."""
    good = good_tile()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 0x10
    return {
        "empty": (b"", "empty file"),
        "text": (b"this is not a picture", "not a PNG"),
        "jpeg": (b"\xff\xd8\xff\xe0" + bytes(100), "not a PNG"),
        "signature-only": (SIGNATURE, "truncated"),
        "truncated": (good[: len(good) // 2], "truncated"),
        "no-end": (good[:-12], "truncated"),
        "flipped-bit": (bytes(flipped), "checksum"),
        "small": (grey([[7] * 64] * 64, 64, 64), "64x64 pixels, expected 101x101"),
        "wide": (grey([[7] * 102] * 101, 102, 101), "102x101 pixels, expected 101x101"),
        "grey-alpha": (png(8, 4, [bytes(2 * EDGE)] * EDGE), "grey with alpha"),
        "bomb": (bomb(), "50000x50000 pixels"),
        "few-rows": (png(8, 0, [bytes(EDGE)] * 50), "image data ends at byte 5100 of 10302"),
        "no-data": (
            SIGNATURE + header(EDGE, EDGE, 8, 0) + chunk(b"IEND", b""),
            "no image data",
        ),
    }


def put(folder: Path, *names: str) -> Path:
    """A folder with good tiles of these names."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(good_tile())
    return folder


def pack(path: Path, *names: str) -> Path:
    """A zip of good tiles of these names."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, good_tile())
    return path
