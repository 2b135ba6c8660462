"""Hostile zips, and files that are called so."""

from __future__ import annotations

import functools
import io
import os
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests import pngs
from tests.infer.hostile.case import Case, Gives, write

GOOD = pngs.good_tile()
LOCAL, TABLE, TAIL = b"PK\3\4", b"PK\1\2", b"PK\5\6"
FLAGS, METHOD, CRC, PACKED, SIZE, OFFSET = 8, 10, 16, 20, 24, 42  # in an entry of the table
VERSION = 6

_Edit = Callable[[bytearray], object]


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _entries()
    yield from _names()
    yield from _bombs()
    yield from _whole()
    yield from _changes()


def zipped(*names: str, data: bytes = GOOD, method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def _case(
    about: str, gives: Gives, says: str, data: bytes, meddle: _Edit | None = None, tile: str = "x"
) -> Case:
    """One that is a file called ``t.zip``; ``meddle`` edits its bytes in place."""

    def change(folder: Path) -> None:
        assert meddle is not None
        broken = bytearray(data)
        meddle(broken)
        with open(folder / "t.zip", "r+b") as file:
            file.write(broken)
            file.truncate()

    def make(folder: Path) -> str:
        return str(write(folder / "t.zip", data))

    return Case(f"a zip {about}", gives, says, make, change if meddle else None, tile)


def _edited(place: int, form: str, value: int, data: bytes | None = None) -> bytes:
    """A zip of good.png and x.png where the table says something else of the second."""
    edited = bytearray(data or zipped("good.png", "x.png"))
    struct.pack_into(form, edited, edited.rindex(TABLE) + place, value)
    return bytes(edited)


def _both(place: int, form: str, value: int) -> bytes:
    """The same of the entry's own header: its fields lie two bytes before the table's."""
    edited = bytearray(_edited(place, form, value))
    struct.pack_into(form, edited, edited.rindex(LOCAL) + place - 2, value)
    return bytes(edited)


def _entries() -> Iterator[Case]:
    unread, locked = "cannot be read from the zip", "is encrypted; unpack the zip"
    deflated = zipped("good.png", "x.png", method=zipfile.ZIP_DEFLATED)
    yield _case("packed by deflate", "tile", "", deflated)
    for name, method in [("deflate64", 9), ("bzip2", 12), ("LZMA", 14), ("Zstandard", 93)]:
        says = f"is compressed by method {method}, expected 0 or 8"
        yield _case(f"packed by {name}", "bad tile", says, _both(METHOD, "<H", method))
    yield _case("with an encrypted entry", "bad tile", locked, _both(FLAGS, "<H", 1))
    yield _case("with a strongly encrypted entry", "bad tile", unread, _both(FLAGS, "<H", 65))
    yield _case("with an entry that is a patch", "bad tile", unread, _both(FLAGS, "<H", 32))
    yield _case("with a wrong checksum", "bad tile", unread, _edited(CRC, "<I", 1))
    yield _case(
        "whose entry starts beyond its end", "bad tile", unread, _edited(OFFSET, "<I", 2**31)
    )
    yield _case("whose entry starts inside another", "bad tile", unread, _edited(OFFSET, "<I", 7))
    yield _case("whose entries overlap", "bad tile", unread, _edited(OFFSET, "<I", 0))
    beyond = _zip64(2**64 - 1)
    yield _case("whose entry starts at byte 2^64 - 1", "bad tile", unread, beyond)
    short = _edited(SIZE, "<I", 10)
    yield _case("that declares a smaller tile than there is", "bad tile", unread, short)
    large = _edited(SIZE, "<I", 2**32 - 2, _edited(PACKED, "<I", 2**32 - 2))
    yield _case("that declares a tile of 4 GB", "bad tile", unread, large)
    link = io.BytesIO()
    with zipfile.ZipFile(link, "w") as archive:
        archive.writestr("good.png", GOOD)
        info = zipfile.ZipInfo("x.png")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    yield _case("with a link", "bad tile", "not a PNG: starts with 2f 65 74 63", link.getvalue())


def _zip64(offset: int) -> bytes:
    """x.png alone, at an offset of 64 bits."""
    data = zipped("x.png")
    start, end = data.rindex(TABLE), data.rindex(TAIL)
    extra = struct.pack("<HHQ", 1, 8, offset)
    table = bytearray(data[start:end] + extra)
    struct.pack_into("<H", table, 30, len(extra))
    struct.pack_into("<I", table, OFFSET, 2**32 - 1)
    tail = bytearray(data[end:])
    struct.pack_into("<I", tail, 12, len(table))
    return data[:start] + bytes(table) + bytes(tail)


def _names() -> Iterator[Case]:
    for name in ("../x.png", "../in/x.png", "..\\x.png", "C:\\x.png", "./a/./x.png"):
        yield _case(f"with an entry `{name}`", "tile", "", zipped("good.png", name))
    yield Case("a zip with an absolute name", "tile", "", _absolute)
    inside = zipped("good.png", "x.png/", "x.png/x.png")
    yield _case("with a directory called x.png", "tile", "", inside)
    yield _case("with x.png behind a NUL", "passed over", "", zipped("good.png", "y\0x.png"))
    two = zipped("good.png", "two\nlines.png")
    yield _case(
        "with a name with a line break", "bad tile", "rename it", two, tile="two\nlines"
    )  # fmt: skip
    apple = zipped("good.png", "__MACOSX/x.png")
    yield _case("with what macOS adds", "passed over", "", apple)
    yield _case("with two entries of one name", "error", "two tiles have the id 'x'", _twice())
    apart = zipped("a/x.png", "b/x.png")
    yield _case("with tiles of one id", "error", "two tiles have the id 'x'", apart)
    other = bytearray(zipped("good.png", "x.png"))
    other[other.rindex(LOCAL) + 30] = ord("y")
    yield _case("whose entry has another name", "bad tile", "from the zip", bytes(other))
    latin = bytearray(_both(FLAGS, "<H", 0x800))
    latin[latin.rindex(b"x.png")] = 0xFF
    yield _case(
        "with a name that is not UTF-8",
        "error",
        "says its names are UTF-8 and they are not",
        bytes(latin),
    )


def _absolute(folder: Path) -> str:
    return str(write(folder / "t.zip", zipped("good.png", f"{folder.parent}/x.png")))


def _twice() -> bytes:
    return zipped("x.png", "y.png").replace(b"y.png", b"x.png")


def _bombs() -> Iterator[Case]:
    large, other = "file is larger than 4194304 bytes", "is compressed by method"
    for name, method, says in [
        ("deflate", zipfile.ZIP_DEFLATED, large),
        ("bzip2", zipfile.ZIP_BZIP2, other),
        ("LZMA", zipfile.ZIP_LZMA, other),
    ]:
        make = functools.partial(_bomb, method)
        yield Case(f"a zip bomb: 200 MB of zeros by {name}", "bad tile", says, make)
    nested = zipped("a.zip", data=zipped("b.zip", data=zipped("x.png")))
    yield _case("in a zip in a zip", "error", "holds no .png files", nested)
    shared = _overlapping(500)
    about = "bomb of 500 entries for one tile"
    yield _case(about, "bad tile", "from the zip", shared, tile="y007")
    yield Case("a zip with a table of contents of 70 MB", "error", "a table of contents of", _table)


def _bomb(method: int, folder: Path) -> str:
    with zipfile.ZipFile(folder / "t.zip", "w", method) as archive:
        archive.writestr("good.png", GOOD, zipfile.ZIP_STORED)
        with archive.open("x.png", "w") as entry:
            for _ in range(200):
                entry.write(bytes(1_000_000))
    return str(folder / "t.zip")


def _overlapping(count: int) -> bytes:
    """Many entries of the table that share one packed tile, as in Fifield's bomb."""
    data = zipped("good.png", "x.png")
    start, end = data.index(TABLE), data.rindex(TAIL)
    entry = data[data.rindex(TABLE) : end]
    assert entry.endswith(b"x.png")
    more = [
        entry[:28] + struct.pack("<H", 8) + entry[30:46] + b"y%03d.png" % i for i in range(count)
    ]
    table = data[start:end] + b"".join(more)
    tail = struct.pack("<4sHHHHIIH", TAIL, 0, 0, count + 2, count + 2, len(table), start, 0)
    return data[:start] + table + tail


def _table(folder: Path) -> str:
    size = 70_000_000
    with open(folder / "t.zip", "wb") as file:
        file.seek(size)
        file.write(struct.pack("<4sHHHHIIH", TAIL, 0, 0, 9, 9, size, 0, 0))
    return str(folder / "t.zip")


def _whole() -> Iterator[Case]:
    data = zipped("good.png", "x.png")
    none = "neither a directory nor a readable zip file"
    for about, content in [
        ("of 0 bytes", b""),
        ("of one byte", b"P"),
        ("that is text", b"This is no zip.\n"),
        ("that is a tile", GOOD),
        ("that is a tar", b"x.png".ljust(257, b"\0") + b"ustar".ljust(255, b"\0") + bytes(1024)),
        ("that is RAR", b"Rar!\x1a\x07\1\0" + bytes(99)),
        ("that is 7z", b"7z\xbc\xaf\x27\x1c" + bytes(99)),
        ("that is cut in the middle", data[: len(data) // 2]),
        ("that is cut in its table of contents", data[: data.rindex(TABLE)]),
        ("that is cut in its last record", data[:-4]),
        ("whose table is longer than the file", _tail(12, "<I", 2**32 - 2)),
        ("for a later version of the format", _edited(VERSION, "<H", 200)),
    ]:
        yield _case(about, "error", none, content)
    lost = "cannot be read from the zip"
    yield _case("without its first bytes", "bad tile", lost, data[100:], tile="good")
    yield _case("without entries", "error", "holds no .png files", TAIL + bytes(18))
    yield _case("that says it has 65535 entries", "tile", "", _tail(8, "<HH", 65535, 65535))
    yield _case("after a program", "tile", "", b"#!/bin/sh\nexit\n" + data)
    comment = data[:-2] + struct.pack("<H", 65535) + b"c" * 65535
    yield _case("with a comment of 64 kB", "tile", "", comment)


def _tail(place: int, form: str, *values: int) -> bytes:
    data = bytearray(zipped("good.png", "x.png"))
    struct.pack_into(form, data, data.rindex(TAIL) + place, *values)
    return bytes(data)


def _changes() -> Iterator[Case]:
    data = zipped("good.png", "x.png")
    unread = "from the zip"

    def rubbish(content: bytearray) -> None:
        content[content.rindex(LOCAL) :] = os.urandom(1000)

    yield _case("that is cut when it is read", "bad tile", unread, data, _cut)
    yield _case("that is rubbish when it is read", "bad tile", unread, data, rubbish)

    def make(folder: Path) -> str:
        return str(write(folder / "t.zip", data))

    yield Case("a zip that is gone when it is read", "tile", "", make, _gone)


def _cut(content: bytearray) -> None:
    del content[content.rindex(LOCAL) + 10 :]


def _gone(folder: Path) -> None:
    (folder / "t.zip").unlink()
