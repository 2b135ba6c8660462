"""Tiles in a directory."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from salt_infer.data import tree
from salt_infer.data.png_file import MAX_FILE_BYTES
from salt_infer.data.source import (
    Tile,
    TileSource,
    check_id,
    is_hidden,
    is_tile_name,
    sorted_unique,
)
from salt_infer.errors import InputError, TileError
from salt_infer.system import resource_limits
from salt_infer.system.text import shown

MAX_FOLDERS = 100_000  # a link to / must not list the machine

# Opening waits for nobody at the other end, and makes no terminal this program's own.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class TileFiles(TileSource):
    """Tiles that are each a file of this machine; relative paths are relative to ``base``."""

    def __init__(self, tiles: list[Tile], base: str = "") -> None:
        self.tiles, self._base = tiles, base

    def read(self, tile: Tile) -> bytes:
        check_id(tile)
        return read_file(os.path.join(self._base, tile.path))

    def stamp(self, tile: Tile) -> str:
        return stamp_file(os.path.join(self._base, tile.path))

    def part(self, tiles: Sequence[Tile]) -> TileFiles:
        return TileFiles(list(tiles), self._base or os.fspath(Path.cwd()))

    def nearby(self, tiles: Sequence[Tile]) -> TileFiles:
        return self.part(tiles)

    def folders(self) -> set[Path]:
        names = {tile.path.rpartition("/")[0] for tile in self.tiles}
        return {Path(name) for name in names if "\0" not in name}  # a list may say anything


class TileFolder(TileFiles):
    """Tiles in a directory, searched recursively; links to directories are followed once."""

    def __init__(self, root: Path) -> None:
        """List the tiles.

        Raises:
            InputError: a folder in it cannot be listed, there are more than MAX_FOLDERS or no
                tiles, or two tiles have one id.
        """
        super().__init__(sorted_unique(_walk(root), root, lambda: _holds(root)))


def _holds(root: Path) -> str:
    """What is in a folder without tiles; a zip has to be named itself."""
    level = tree.of_folder(root)("")
    if not level.archives:
        return str(level)
    which = "" if len(level.archives) == 1 else "one of the zips, such as "
    return f"{level}: name {which}{shown(str(root / level.archives[0]))}"


def read_file(path: str) -> bytes:
    """The first MAX_FILE_BYTES + 1 bytes of a regular file.

    Raises:
        TileError: it is something else, or cannot be read.
        OSError: this process may open no more files, or has no memory: no fault of the file, and
            nothing to be noted of it.
    """
    try:
        # A pipe called x.png would never end, and opening some devices does something. The second
        # look is for a file that was swapped in between.
        _check_regular(os.stat(path))
        file = os.open(path, _FLAGS)
        try:
            return _first_bytes(file)
        finally:
            os.close(file)
    except OSError as error:
        if resource_limits.is_of_process(error):
            raise
        raise TileError(f"cannot be read ({error.strerror or error})") from error
    except ValueError as error:  # a NUL in the name, from a list
        raise TileError(f"cannot be read ({error})") from error


def stamp_file(path: str) -> str:
    """Size and times of a file's last changes; see :meth:`salt_infer.data.source.TileSource.stamp`.

    The time that the kernel itself keeps tells of two files that changed names, and of contents
    that were given an older time. A copy has another: its tiles count as changed.
    """
    try:
        info = os.stat(path)
    except (OSError, ValueError):
        return "gone"
    return f"{info.st_size} {info.st_mtime_ns} {info.st_ctime_ns}"


def _check_regular(info: os.stat_result) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise TileError("not a regular file")


def _first_bytes(file: int) -> bytes:
    """Bytes of an open file. Not by Python's own file object: making one takes as long as reading a
    tile, and all of it under the interpreter's lock.
    """
    info = os.fstat(file)
    _check_regular(info)
    found = b""
    while len(found) <= MAX_FILE_BYTES:
        # Of a file that says its true size, all at once and then its end.
        most = min(max(info.st_size - len(found), 0) + 1, MAX_FILE_BYTES + 1 - len(found))
        more = os.read(file, max(most, 4096))
        if not more:
            break
        found += more
    return found[: MAX_FILE_BYTES + 1]


def _walk(root: Path) -> Iterator[Tile]:
    """Every file called ``*.png`` below ``root``. Not os.walk, which is recursive before Python
    3.12: a thousand folders inside each other would be too many for it.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [os.fspath(root)]
    _first_visit(waiting[0], seen)
    while waiting:
        for entry in _entries(waiting.pop()):
            name = PurePosixPath(entry.name)
            if _is_folder(entry):
                if not is_hidden(entry.name) and _first_visit(entry.path, seen):
                    waiting.append(entry.path)
            elif is_tile_name(name):
                yield Tile(name.stem, entry.path)
        if len(seen) > MAX_FOLDERS:
            raise InputError(
                f"{shown(str(root))} holds more than {MAX_FOLDERS} folders, with those that links "
                "lead to; name a folder nearer to the tiles"
            )


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise _unlistable(folder, error) from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link to itself: no folder, and a bad tile if it is *.png
            return False
        raise _unlistable(entry.path, error) from error


def _first_visit(folder: str, seen: set[tuple[int, int]]) -> bool:
    """Whether this directory was not met before: a link back to a parent must not loop."""
    try:
        info = os.stat(folder)
    except OSError as error:
        raise _unlistable(folder, error) from error
    key = (info.st_dev, info.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True


def _unlistable(folder: str, error: OSError) -> InputError:
    """A folder that cannot be listed must not make a submission silently short."""
    return InputError(f"folder {shown(folder)} cannot be listed ({error.strerror})")
