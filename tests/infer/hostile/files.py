"""Hostile PNG files, each called ``x.png``."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests import pngs
from tests.infer.hostile.case import Case, Gives, with_good, write
from tests.pngs import EDGE, SIGNATURE, chunk, header

ROWS = [bytes(row) for row in pngs.ramp()]
RAW = b"".join(b"\0" + row for row in ROWS)
END = chunk(b"IEND", b"")
GREYS = chunk(b"PLTE", bytes(v for i in range(256) for v in (i, i, i)))
GOOD = pngs.good_tile()

ADAM7 = [
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
    (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
]  # fmt: skip


def cases() -> Iterator[Case]:
    """All of them."""
    for about, gives, says, data in [*_modes(), *_sizes(), *_no_png(), *_damage(), *_chunks()]:

        def make(folder: Path, data: bytes = data) -> str:
            write(folder / "x.png", data)
            return with_good(folder)

        yield Case(about, gives, says, make)


_Row = tuple[str, Gives, str, bytes]


def of_bits(depth: int, colour: int, before: tuple[bytes, ...] = ()) -> bytes:
    """Zeros of any kind: a row is as long as depth and colour type ask for."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
    return pngs.png(
        depth, colour, [bytes((EDGE * depth * channels + 7) // 8)] * EDGE, before=before
    )


def of_stream(stream: bytes, *after: bytes, before: tuple[bytes, ...] = ()) -> bytes:
    """8-bit grey with this as image data."""
    head = SIGNATURE + header(EDGE, EDGE, 8, 0) + b"".join(before)
    return head + chunk(b"IDAT", stream) + b"".join(after) + END


def of_palette(palette: bytes, *more: bytes) -> bytes:
    return pngs.png(8, 3, ROWS, before=(chunk(b"PLTE", palette), *more))


def of_header(body: bytes) -> bytes:
    return SIGNATURE + chunk(b"IHDR", body) + chunk(b"IDAT", zlib.compress(RAW)) + END


def _modes() -> Iterator[_Row]:
    for depth, colour, kind, taken in [
        (1, 0, "grey", True), (2, 0, "grey", False), (4, 0, "grey", False), (8, 0, "grey", True),
        (16, 0, "grey", True), (8, 2, "RGB", True), (16, 2, "RGB", False),
        (8, 4, "grey with alpha", False), (16, 4, "grey with alpha", False),
        (8, 6, "RGBA", True), (16, 6, "RGBA", False),
    ]:  # fmt: skip
        says = "" if taken else f"is {depth}-bit {kind}, expected 8-bit grey, RGB, RGBA, palette"
        yield f"{depth}-bit {kind}", "tile" if taken else "bad tile", says, of_bits(depth, colour)
    for depth in (1, 2, 4, 8):
        palette = (chunk(b"PLTE", bytes(3 * 2**depth)),)
        yield f"{depth}-bit palette", "tile", "", of_bits(depth, 3, palette)
    yield "16-bit palette", "bad tile", "is 16-bit palette", of_bits(16, 3, (GREYS,))
    yield "colour type 5", "bad tile", "is 8-bit colour type 5", of_bits(8, 5)
    yield "0 bits a pixel", "bad tile", "is 0-bit grey", of_bits(0, 0)
    yield "3 bits a pixel", "bad tile", "is 3-bit grey", of_bits(3, 0)
    clear = chunk(b"tRNS", bytes(2))
    yield "16-bit grey with a transparent value", "tile", "", of_bits(16, 0, (clear,))
    yield "RGB with a transparent colour", "tile", "", of_bits(8, 2, (chunk(b"tRNS", bytes(6)),))
    yield (
        "palette with transparency", "tile", "",
        of_palette(bytes(768), chunk(b"tRNS", bytes(256))),
    )  # fmt: skip
    passes = b"".join(
        b"\0" + ROWS[row][x::dx] for x, y, dx, dy in ADAM7 for row in range(y, EDGE, dy)
    )
    head = SIGNATURE + header(EDGE, EDGE, 8, 0, interlace=1)
    whole, short = (chunk(b"IDAT", zlib.compress(data)) for data in (passes, passes[:9000]))
    yield "interlaced", "tile", "", head + whole + END
    yield (
        "interlaced, the last pass cut short", "bad tile", "image data ends at byte 9000",
        head + short + END,
    )  # fmt: skip
    for place, method in enumerate(("compression", "filter", "interlace"), start=10):
        body = bytearray(struct.pack(">IIBBBBB", EDGE, EDGE, 8, 0, 0, 0, 0))
        body[place] = 2
        says = "unknown compression, filter or interlace method"
        yield f"{method} method 2", "bad tile", says, of_header(bytes(body))


def _sizes() -> Iterator[_Row]:
    for width, height in [(0, 0), (1, 1), (100, 101), (101, 102), (128, 128)]:
        rows = [bytes(width)] * height
        says = f"is {width}x{height} pixels, expected 101x101: cut or resize tiles"
        yield f"{width}x{height} pixels", "bad tile", says, pngs.png(8, 0, rows, width, height)
    for width, height in [(50_000, 50_000), (2**31 - 1, 1), (2**32 - 1, 2**32 - 1)]:
        about = f"a small file that declares {width}x{height} pixels"
        yield about, "bad tile", f"is {width}x{height} pixels", pngs.bomb(width, height)
    yield (
        "101x101 pixels, then 100 MB of zeros in the image data", "tile", "",
        of_stream(_packed(RAW, 100_000_000)),
    )  # fmt: skip
    yield "a file of more than 4 MiB", "bad tile", "too large", GOOD + bytes(4 * 1024 * 1024)
    count = (4 * 1024 * 1024 - len(GOOD)) // 12
    yield (
        f"{count} chunks of 0 bytes", "tile", "",
        GOOD[:33] + chunk(b"teXt", b"") * count + GOOD[33:],
    )  # fmt: skip


def _packed(start: bytes, zeros: int) -> bytes:
    packer = zlib.compressobj()
    parts = [packer.compress(start)]
    parts += [packer.compress(bytes(100_000)) for _ in range(zeros // 100_000)]
    return b"".join([*parts, packer.flush()])


def _no_png() -> Iterator[_Row]:
    yield "0 bytes", "bad tile", "empty file (0 bytes)", b""
    no_png = "not a PNG: starts with"
    yield "one byte", "bad tile", f"{no_png} 89", b"\x89"
    yield "JPEG", "bad tile", f"{no_png} ff d8 ff", b"\xff\xd8\xff\xe0" + bytes(99)
    yield "GIF", "bad tile", f"{no_png} 47 49 46", b"GIF89a" + bytes(99)
    yield "TIFF", "bad tile", f"{no_png} 49 49 2a", b"II*\0" + bytes(99)
    yield "an HTML page", "bad tile", f"{no_png} 3c 21 44", b"<!DOCTYPE html><title>404</title>"
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5000\n"
    yield "a Git LFS pointer", "bad tile", f"{no_png} 76 65 72", lfs
    yield "a PNG packed with gzip", "bad tile", f"{no_png} 1f 8b", gzip.compress(GOOD, mtime=0)
    text = GOOD.replace(b"\r\n", b"\n")
    yield "a PNG that was transferred as text", "bad tile", f"{no_png} 89 50 4e 47 0a", text
    yield "a PNG after a byte order mark", "bad tile", f"{no_png} ef bb bf", b"\xef\xbb\xbf" + GOOD
    mng = b"\x8aMNG\r\n\x1a\n"
    yield "MNG", "bad tile", f"{no_png} 8a 4d 4e 47", mng + GOOD[8:]


PARTS = [
    ("the signature", SIGNATURE),
    ("IHDR", header(EDGE, EDGE, 8, 3)),
    ("gAMA", chunk(b"gAMA", struct.pack(">I", 45455))),
    ("PLTE", GREYS),
    ("the first IDAT", chunk(b"IDAT", zlib.compress(RAW)[:500])),
    ("the second IDAT", chunk(b"IDAT", zlib.compress(RAW)[500:])),
    ("IEND", END),
]


def _damage() -> Iterator[_Row]:
    sound = b"".join(part for _, part in PARTS)
    end = 0
    for name, part in PARTS[:-1]:
        end += len(part)
        yield f"cut off after {name}", "bad tile", f"ends at byte {end}, before IEND", sound[:end]
    yield "cut off in an IDAT", "bad tile", "before IEND", sound[: end - 100]
    yield "cut off in the last checksum", "bad tile", "before IEND", sound[:-1]
    start = 0
    for name, part in PARTS:
        if name != "the signature":
            broken = bytearray(sound)
            broken[start + len(part) - 1] ^= 1
            says = f"wrong checksum in chunk {name.split()[-1]} at {start}"
            yield f"a wrong checksum in {name}", "bad tile", says, bytes(broken)
        start += len(part)
    flipped = bytearray(GOOD)
    flipped[len(GOOD) // 2] ^= 0x10
    yield "a flipped bit in the image data", "bad tile", "wrong checksum", bytes(flipped)
    yield from _streams()


def _streams() -> Iterator[_Row]:
    packed = zlib.compress(RAW)
    undecodable = "image data cannot be decoded"
    yield "image data that is not zlib", "bad tile", undecodable, of_stream(b"rubbish" * 99)
    yield "image data of 0 bytes", "bad tile", "ends at byte 0 of 10302", of_stream(b"")
    few = of_stream(zlib.compress(RAW[:5100]))
    yield "half of the rows", "bad tile", "image data ends at byte 5100 of 10302", few
    yield "three times the rows", "tile", "", of_stream(zlib.compress(RAW * 3))
    yield "rubbish after the image data", "tile", "", of_stream(packed + b"rubbish")
    adler = packed[:-1] + bytes([packed[-1] ^ 1])
    yield "a wrong checksum inside the image data", "bad tile", undecodable, of_stream(adler)
    filters = zlib.compress(b"".join(b"\7" + row for row in ROWS))
    yield "an unknown filter type", "bad tile", undecodable, of_stream(filters)
    secret = zlib.compressobj(zdict=b"words")
    dictionary = secret.compress(RAW) + secret.flush()
    yield "a preset dictionary", "bad tile", undecodable, of_stream(dictionary)
    bare = zlib.compressobj(wbits=-15)
    deflate = bare.compress(RAW) + bare.flush()
    yield "deflate without zlib's header", "bad tile", undecodable, of_stream(deflate)
    bytewise = b"".join(chunk(b"IDAT", packed[i : i + 1]) for i in range(len(packed)))
    head = SIGNATURE + header(EDGE, EDGE, 8, 0)
    yield "an IDAT for each byte", "tile", "", head + bytewise + END
    apart = of_stream(packed[:99], chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", packed[99:]))
    yield "another chunk between two IDATs", "tile", "", apart


def _chunks() -> Iterator[_Row]:
    packed = zlib.compress(RAW)
    for length in (2**31 - 1, 2**32 - 1):
        huge = GOOD[:33] + struct.pack(">I", length) + GOOD[37:]
        yield f"a chunk that declares {length} bytes", "bad tile", "truncated", huge
    one = "expected one IHDR of 13 bytes"
    yield "an IHDR of 0 bytes", "bad tile", one, of_header(b"")
    body = struct.pack(">IIBBBBB", EDGE, EDGE, 8, 0, 0, 0, 0)
    yield "an IHDR of 14 bytes", "bad tile", one, of_header(body + b"\0")
    second = (header(50_000, 50_000, 8, 0),)
    yield "a second IHDR", "bad tile", one, of_stream(packed, before=second)
    text = chunk(b"tEXt", b"a\0b")
    first = "the first chunk is not IHDR"
    yield "a chunk before IHDR", "bad tile", first, GOOD[:8] + text + GOOD[8:]
    apple = chunk(b"CgBI", bytes(4))
    yield "Apple's CgBI variety", "bad tile", first, GOOD[:8] + apple + GOOD[8:]
    nothing = SIGNATURE + header(EDGE, EDGE, 8, 0) + END
    yield "no IDAT", "bad tile", "no image data (IDAT)", nothing
    yield "nothing but IEND", "bad tile", one, SIGNATURE + END
    critical = "which no decoder may pass over"
    yield (
        "an unknown critical chunk", "bad tile", f"chunk ABCD, {critical}",
        of_stream(packed, before=(chunk(b"ABCD", b""),)),
    )  # fmt: skip
    yield (
        "a chunk whose name is an escape sequence", "bad tile", f"chunk 0a1b5b4a, {critical}",
        of_stream(packed, before=(chunk(b"\n\x1b[J", b""),)),
    )  # fmt: skip
    yield from _palettes()
    frames = (
        chunk(b"acTL", struct.pack(">II", 1000, 0)),
        chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, EDGE, EDGE, 0, 0, 1, 1, 0, 0)),
    )
    more = chunk(b"fdAT", struct.pack(">I", 2) + packed)
    yield "an animation (APNG)", "tile", "", of_stream(packed, more, before=frames)
    bomb = _packed(b"", 100_000_000)
    for name, start in [("zTXt", b"a\0\0"), ("iCCP", b"a\0\0"), ("iTXt", b"a\0\1\0\0\0")]:
        about = f"100 MB of zeros packed in {name}"
        yield about, "tile", "", of_stream(packed, before=(chunk(name.encode(), start + bomb),))
    yield "rubbish for Exif data", "tile", "", of_stream(packed, chunk(b"eXIf", b"MM\0*" * 99))
    yield "an unknown ancillary chunk", "tile", "", of_stream(packed, chunk(b"abCd", b"x"))
    yield "rubbish after IEND", "tile", "", GOOD + b"PK\3\4" * 999
    yield "a second PNG after the first", "tile", "", GOOD + pngs.bomb()


def _palettes() -> Iterator[_Row]:
    yield "palette image without palette", "bad tile", "a palette of 0 bytes", of_bits(8, 3)
    yield "a palette of 10 bytes", "bad tile", "a palette of 10 bytes", of_palette(bytes(10))
    yield "a palette of 300 colours", "bad tile", "a palette of 900 bytes", of_palette(bytes(900))
    yield "two palettes", "bad tile", "2 palettes", of_palette(bytes(768), GREYS)
    yield (
        "colours that the palette lacks", "bad tile", "colour 255 of a palette of 100",
        of_palette(bytes(300)),
    )  # fmt: skip
    late = SIGNATURE + header(EDGE, EDGE, 8, 3) + chunk(b"IDAT", zlib.compress(RAW))
    yield "the palette after the image data", "tile", "", late + GREYS + END
    yield "grey with a palette", "tile", "", of_bits(8, 0, (chunk(b"PLTE", bytes(10)),))
