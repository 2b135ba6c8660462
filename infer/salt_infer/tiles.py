"""Where tiles are: a directory or a zip, listed as ids and read as bytes."""

from __future__ import annotations

import itertools
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import NamedTuple, NoReturn

from salt_infer.errors import InputError, TileError
from salt_infer.png import MAX_FILE_BYTES

SUFFIX = ".png"


class Tile(NamedTuple):
    """One tile: ``id`` is the file's name without ``.png``; ``path`` is where it was found."""

    id: str
    path: str


class BadTile(NamedTuple):
    """A tile that could not be read, and why, in one line."""

    tile: Tile
    reason: str


class TileSource(AbstractContextManager["TileSource"]):
    """Something that holds tiles, safe to read from many threads; close it, or use ``with``."""

    tiles: list[Tile]

    def read(self, tile: Tile) -> bytes:
        """The tile's file, at most MAX_FILE_BYTES + 1 bytes; raises TileError if unreadable."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back what is open."""

    def __exit__(self, *exception: object) -> None:
        self.close()


class TileFolder(TileSource):
    """Tiles in a directory, searched recursively; links to directories are followed once."""

    def __init__(self, root: Path) -> None:
        self.tiles = _sorted_unique(_walk(root), root)

    def read(self, tile: Tile) -> bytes:
        _check_id(tile)
        try:
            # A pipe or device called x.png would block or never end: only regular files are opened.
            if not stat.S_ISREG(os.stat(tile.path).st_mode):
                raise TileError("not a regular file")
            with open(tile.path, "rb") as file:
                return file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise TileError(f"cannot be read ({error.strerror or error})") from error


class TileZip(TileSource):
    """Tiles in a .zip, or in one folder of it, read in place; nothing is unpacked to disk."""

    def __init__(self, path: Path, folder: str = "") -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise InputError(
                f"{path} is neither a directory nor a readable zip file ({error})"
            ) from error
        self.tiles = _sorted_unique(self._names(folder), path / folder)

    def _names(self, folder: str) -> Iterator[tuple[PurePosixPath, str]]:
        for name in self._zip.namelist():
            # Some Windows programs write backslashes, against the format.
            place = PurePosixPath(name.replace("\\", "/"))
            inside = name.startswith(folder) and not name.endswith("/")
            if inside and _is_tile_name(place):
                yield place, name

    def read(self, tile: Tile) -> bytes:
        _check_id(tile)
        try:
            with self._zip.open(tile.path) as file:
                # Reads what is there, not what the directory claims: a zip bomb stops here.
                return file.read(MAX_FILE_BYTES + 1)
        except (
            OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError,
        ) as error:  # fmt: skip
            raise TileError(f"cannot be read from the zip ({error})") from error
        except (RuntimeError, NotImplementedError) as error:  # encrypted; unknown compression
            raise TileError(f"cannot be unpacked from the zip ({error})") from error

    def close(self) -> None:
        self._zip.close()


def open_tiles(path: Path) -> TileSource:
    """List the tiles of a directory (recursively) or of a .zip, sorted by id.

    Raises:
        InputError: no such path, neither a directory nor a zip, no ``.png`` in it, or two tiles
            with one id (both are named).
    """
    try:
        if path.is_dir():
            return TileFolder(path)
        if path.is_file():
            return TileZip(path)
    except OSError as error:  # a name too long for the system, say
        raise InputError(f"{path} cannot be opened ({error.strerror})") from error
    raise InputError(f"{path} does not exist; expected a directory of PNG tiles or a .zip of them")


def _walk(root: Path) -> Iterator[tuple[PurePosixPath, str]]:
    """Name and path of every file called ``*.png`` below ``root``."""
    seen: set[tuple[int, int]] = set()
    _first_visit(os.fspath(root), seen)
    for folder, folders, files in os.walk(root, onerror=_unlistable, followlinks=True):
        folders[:] = [
            name
            for name in folders
            if not _is_hidden(name) and _first_visit(os.path.join(folder, name), seen)
        ]
        for name in files:
            if _is_tile_name(PurePosixPath(name)):
                yield PurePosixPath(name), os.path.join(folder, name)


def _unlistable(error: OSError) -> NoReturn:
    """A folder that cannot be listed must not make a submission silently short."""
    raise InputError(f"folder {error.filename} cannot be listed ({error.strerror})") from error


def _first_visit(folder: str, seen: set[tuple[int, int]]) -> bool:
    """Whether this directory was not met before: a link back to a parent must not loop."""
    try:
        info = os.stat(folder)
    except OSError:  # gone, or a link to nothing: os.walk passes over it as well
        return False
    key = (info.st_dev, info.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True


def _is_tile_name(path: PurePosixPath) -> bool:
    return path.suffix.lower() == SUFFIX and not any(map(_is_hidden, path.parts))


def _is_hidden(name: str) -> bool:
    # "._x.png" and "__MACOSX/" are what macOS adds to archives; they hold no pixels.
    return name.startswith(".") or name == "__MACOSX"


def _check_id(tile: Tile) -> None:
    """An id is a cell of a CSV that others must read: no line breaks, no undecodable bytes."""
    if not tile.id.isprintable():
        raise TileError("its name has characters that cannot be printed; rename it")


def shown(text: str) -> str:
    """A file's name, safe to print: escaped where it holds more than printable characters."""
    return text if text.isprintable() else ascii(text)


def _sorted_unique(found: Iterable[tuple[PurePosixPath, str]], root: Path) -> list[Tile]:
    tiles = sorted(Tile(place.stem, path) for place, path in found)
    if not tiles:
        raise InputError(f"{root} holds no {SUFFIX} files; expected 101x101 PNG tiles")
    for first, second in itertools.pairwise(tiles):
        if first.id == second.id:
            raise InputError(
                f"two tiles have the id {first.id!r}: {shown(first.path)} and "
                f"{shown(second.path)}; ids are file names without folder and must be unique: name "
                "one folder of them, unpacked if they are in a zip"
            )
    return tiles
