"""Hostile names, folders, links, lists and URLs, and files that change under the reader."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

from tests import pngs
from tests.infer.hostile.case import Case, sparse, with_good, write

GOOD = pngs.good_tile()
TB = 2**40

_Put = Callable[[Path], object]


def _beside_good(put: _Put) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        put(folder)
        return with_good(folder)

    return make


def _called(name: str, data: bytes = GOOD) -> Callable[[Path], str]:
    return _beside_good(lambda folder: write(folder / name, data))


def names() -> Iterator[Case]:
    """Files whose name is the trouble; the tile in each is sound."""
    unprintable = "its name has characters that cannot be printed; rename it"
    for about, name, gives in [
        ("a line break", "two\nlines", "bad tile"),
        ("an escape sequence of terminals", "\x1b[2J\x1b]0;title\x07", "bad tile"),
        ("bytes that are not UTF-8", os.fsdecode(b"\xff\xfe"), "bad tile"),
        ("a mark that turns the writing direction", "a\u202egnp", "bad tile"),
        ("a tab", "a\tb", "bad tile"),
        ("commas and quotation marks", 'a,"b', "tile"),
        ("an equals sign at the start", "=1+1", "tile"),
        ("letters of many scripts", "соль-塩-\U0001f9c2", "tile"),
        ("nothing but a space", " ", "tile"),
        ("255 bytes", "x" * 251, "tile"),
        ("a dot at the start", ".x", "passed over"),
        ("dots at the end", "x..", "tile"),
    ]:
        says = unprintable if gives == "bad tile" else ""
        yield Case(f"a name with {about}", gives, says, _called(f"{name}.png"), tile=name)
    yield Case("x.PNG", "tile", "", _called("x.PNG"))
    yield Case("x.png.gz", "passed over", "", _called("x.png.gz"))
    for other in ("x.PNG", "deep/x.png"):

        def make(folder: Path, other: str = other) -> str:
            write(folder / "x.png", GOOD)
            write(folder / other, GOOD)
            return str(folder)

        yield Case(f"both x.png and {other}", "error", "two tiles have the id 'x'", make)


def links() -> Iterator[Case]:
    """Things called x.png that are no files."""
    for about, gives, says, put in [
        ("an empty directory called x.png", "passed over", "", lambda f: (f / "x.png").mkdir()),
        (
            "a directory called x.png with a tile in it", "tile", "",
            lambda f: write(f / "x.png/x.png", GOOD),
        ),
        ("a pipe", "bad tile", "not a regular file", lambda f: os.mkfifo(f / "x.png")),
        ("a socket", "bad tile", "not a regular file", lambda f: _listen(f / "x.png")),
        ("a link to nothing", "bad tile", "No such file", lambda f: _link(f, "nowhere")),
        ("a link to itself", "bad tile", "Too many levels", lambda f: _link(f, "x.png")),
        ("a link to a device", "bad tile", "not a regular file", lambda f: _link(f, "/dev/zero")),
        ("a link to a pipe", "bad tile", "not a regular file", _link_to_pipe),
        ("a link to the process's memory", "bad tile", "cannot be read", _link_to_memory),
        ("a link to a sound tile", "tile", "", _link_to_tile),
        ("1 TB of zeros", "bad tile", "file is larger than", lambda f: sparse(f / "x.png", TB)),
    ]:  # fmt: skip
        yield Case(about, gives, says, _beside_good(put))


def _link(folder: Path, target: str) -> None:
    (folder / "x.png").symlink_to(target)


def _link_to_memory(folder: Path) -> None:
    _link(folder, "/proc/self/mem")


def _link_to_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    _link(folder, "pipe")


def _link_to_tile(folder: Path) -> None:
    write(folder / "tile", GOOD)
    _link(folder, "tile")


def _listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))


def folders() -> Iterator[Case]:
    """Folders to search, and what else --images may name."""
    for about, put in [
        ("a folder with a link to itself", lambda f: (f / "loop").symlink_to(".")),
        ("a folder with a link to its parent", lambda f: (f / "up").symlink_to("..")),
        ("a folder with two links to one folder", _two_links),
        ("1500 folders inside each other", _nested),
    ]:

        def make(folder: Path, put: _Put = put) -> str:
            write(folder / "x.png", GOOD)
            put(folder)
            return str(folder)

        yield Case(about, "tile", "", make)
    for about, says, start in [
        ("folders inside each other beyond the longest path", "File name too long", _too_deep),
        ("a folder without tiles", "holds no .png files", str),
        ("nothing", "does not exist", lambda f: str(f / "nowhere")),
        ("an empty name", "an empty path was given", lambda f: ""),
        ("what is not there, with a line break", "does not exist", lambda f: "two\nlines"),
        ("a name that is too long", "File name too long", lambda f: "x" * 300),
        ("a name below a file", "Not a directory", lambda f: str(write(f / "a", b"") / "b")),
        ("a link to itself", "Too many levels", _loop),
        ("a pipe", "is a pipe or device", _pipe),
        ("a device", "is a pipe or device", lambda f: "/dev/zero"),
        ("a tile", "neither a directory nor a readable zip", _tile),
    ]:  # fmt: skip
        yield Case(f"`--images` names {about}", "error", says, start)


def _two_links(folder: Path) -> None:
    write(folder / "deep/y.png", GOOD)
    for name in ("a", "b"):
        (folder / name).symlink_to("deep")


def _nest(folder: Path, count: int) -> None:
    """Folders of one letter inside each other, made from within: the path may be too long."""
    here = os.open(folder, os.O_DIRECTORY)
    for _ in range(count):
        os.mkdir("d", dir_fd=here)
        inside = os.open("d", os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = inside
    os.close(here)


def _nested(folder: Path) -> None:
    _nest(folder, 1500)


def _too_deep(folder: Path) -> str:
    _nest(folder, 2200)
    return str(folder)


def _loop(folder: Path) -> str:
    (folder / "loop").symlink_to("loop")
    return str(folder / "loop")


def _tile(folder: Path) -> str:
    return str(write(folder / "x.png", GOOD))


def _pipe(folder: Path) -> str:
    os.mkfifo(folder / "pipe")
    return str(folder / "pipe")


def changes() -> Iterator[Case]:
    """A sound tile that is something else when it is read."""
    for about, gives, says, meddle in [
        ("is gone", "bad tile", "No such file", lambda f: (f / "x.png").unlink()),
        ("is rubbish", "bad tile", "not a PNG", lambda f: write(f / "x.png", b"rubbish")),
        ("is cut short", "bad tile", "truncated", lambda f: os.truncate(f / "x.png", 100)),
        ("is 1 TB long", "bad tile", "too large", lambda f: os.truncate(f / "x.png", TB)),
        ("is another tile", "tile", "", lambda f: write(f / "x.png", pngs.grey([[0] * 101] * 101))),
        ("is a pipe", "bad tile", "not a regular file", _now_a_pipe),
        ("is a directory", "bad tile", "not a regular file", _now_a_folder),
        ("is a link to itself", "bad tile", "Too many levels", _now_a_loop),
    ]:  # fmt: skip
        when = f"a tile that {about} when it is read"
        yield Case(when, gives, says, _called("x.png"), meddle)

    def make(folder: Path) -> str:
        write(folder / "deep/x.png", GOOD)
        return with_good(folder)

    yield Case(
        "a tile whose folder is gone when it is read", "bad tile", "No such file", make,
        lambda folder: shutil.rmtree(folder / "deep"),
    )  # fmt: skip


def _now_a_pipe(folder: Path) -> None:
    (folder / "x.png").unlink()
    os.mkfifo(folder / "x.png")


def _now_a_folder(folder: Path) -> None:
    (folder / "x.png").unlink()
    (folder / "x.png").mkdir()


def _now_a_loop(folder: Path) -> None:
    (folder / "x.png").unlink()
    _link(folder, "x.png")


def lists() -> Iterator[Case]:
    """Lists of tiles; one that names x names good too."""
    for about, name, text, gives, says in [
        ("a tile that is not there", "l.txt", "good\nx", "bad tile", "No such file"),
        ("a device", "l.txt", "good\nzero/x.png", "bad tile", "not a regular file"),
        ("a tile in another folder", "l.txt", "good\n../elsewhere/x.png", "tile", ""),
        ("a URL", "l.txt", "good\nhttp://localhost/x.png", "bad tile", "No such file"),
        ("a path with a NUL", "l.txt", "good\na\0b/x", "bad tile", "embedded null byte"),
        ("a path that is too long", "l.txt", f"good\n{'a' * 300}/x", "bad tile", "too long"),
        ("nothing", "l.txt", "\n \n", "error", "names no tiles"),
        ("a tile twice", "l.txt", "good\nimages/good", "error", "two tiles have the id 'good'"),
        ("tiles in no known column", "l.csv", "name\nx", "error", "a column path or id"),
        ("tiles in a row that is too short", "l.csv", "id,z\nx", "error", "1 columns, expected 2"),
        ("a tile without a name", "l.csv", "id,z\n,1", "error", "an empty id or path"),
        ("tiles after a quotation mark", "l.csv", 'id\n"x\ny', "error", "cannot be read as CSV"),
        ("a tile by 200,000 letters", "l.csv", f"id\n{'x' * 200_000}", "error", "as CSV"),
        ("an id with a line break", "l.csv", 'id\ngood\n"x\ny"', "bad tile", "rename it"),
    ]:

        def make(folder: Path, name: str = name, text: str = text) -> str:
            write(folder / "images/good.png", GOOD)
            write(folder / "../elsewhere/x.png", GOOD)
            (folder / "zero").mkdir()
            (folder / "zero/x.png").symlink_to("/dev/zero")
            return str(write(folder / name, text.encode()))

        tile = "x\ny" if "line break" in about else "x"
        yield Case(f"a list that names {about}", gives, says, make, tile=tile)
    utf8 = "cannot be read as a list in UTF-8"
    for about, data in [
        ("in Latin-1", "Säule".encode("latin-1")),
        ("in UTF-16", "x".encode("utf-16")),
        ("that is a PNG", GOOD),
    ]:

        def listed(folder: Path, data: bytes = data) -> str:
            return str(write(folder / "l.txt", data))

        yield Case(f"a list {about}", "error", utf8, listed)
    yield Case(
        "a list of 1 TB", "error", "is larger than 67108864 bytes",
        lambda folder: str(sparse(folder / "l.txt", TB)),
    )  # fmt: skip


def urls() -> Iterator[Case]:
    """URLs; memory: stands for any storage."""
    for text, says in [
        ("nosuch://bucket/tiles", "Protocol not known: nosuch"),
        ("https://me:secret@host/tiles/", "a https URL holds a password"),
        ("zip://x.png::file:///tiles.zip", "chains several systems"),
        ("file:///dev/zero", "is a local path"),
        ("memory://nowhere", "cannot be listed (FileNotFoundError"),
        ("memory://nowhere.zip", "cannot be opened (FileNotFoundError"),
        ("memory://list.txt", "lists have to be local files"),
    ]:
        yield Case(f"`{text}`", "error", says, lambda folder, text=text: text)
    yield Case("a zip at a URL that is none", "error", "readable zip", _in_memory("x.zip", b"PK"))
    for about, gives, says, data in [
        ("sound", "tile", "", GOOD),
        ("0 bytes long", "bad tile", "empty file", b""),
        ("more than 4 MiB long", "bad tile", "larger than", GOOD + bytes(2**23)),
    ]:
        yield Case(f"a tile in a bucket that is {about}", gives, says, _in_memory("x.png", data))
    yield Case(
        "a tile in a bucket that is gone when it is read", "bad tile", "FileNotFoundError",
        _in_memory("x.png", GOOD), lambda folder: _memory().rm_file(f"/{folder.name}/x.png"),
    )  # fmt: skip
    yield Case(
        "a name in a bucket with a line break", "bad tile", "rename it",
        _in_memory("x\ny.png", GOOD), tile="x\ny",
    )  # fmt: skip


def _in_memory(name: str, data: bytes) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        store = _memory()
        store.store.clear()
        store.pipe_file(f"/{folder.name}/{name}", data)
        store.pipe_file(f"/{folder.name}/good.png", GOOD)
        return f"memory://{folder.name}/{name if name.endswith('.zip') else ''}"

    return make


def _memory() -> MemoryFileSystem:
    return fsspec.filesystem("memory")
