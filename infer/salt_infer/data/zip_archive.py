"""Tiles in a zip, read in place."""

from __future__ import annotations

import contextlib
import functools
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, cast, runtime_checkable

from salt_infer.data import tree, zip_names
from salt_infer.data.png_file import MAX_FILE_BYTES
from salt_infer.data.source import Tile, TileSource, check_id, is_tile_name, sorted_unique
from salt_infer.data.tree import Listing
from salt_infer.errors import InputError, LabelError, TileError, one_line
from salt_infer.system import file_kind
from salt_infer.system.location import Location
from salt_infer.system.text import shown

# Of a zip's table of contents: about a million tiles, 500 bytes of memory each.
MAX_TABLE_BYTES = 64 * 1024 * 1024

# zipfile unpacks bzip2 and LZMA without a limit: 600 bytes of bzip2 become 600 MB in memory.
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}

NESTED = ": a zip inside a zip is not read; unpack it and name what is in it"

_CUT = (
    "it begins as a zip and has no table of contents at its end: it was cut, or is a part of "
    "several; copy or join it anew"
)
_NO_UTF8 = "it says its names are UTF-8 and they are not; pack it anew"
_ENCRYPTED = "is encrypted; unpack the zip with its password"


class StorageError(Exception):
    """What a storage says that does not give a zip's bytes. Not an OSError: zipfile takes those for
    signs of a file that is no zip.
    """


_UNREADABLE = (OSError, StorageError, zipfile.BadZipFile, NotImplementedError, ValueError)


class BinaryFile(Protocol):
    """A file open for reading at any place, here or in a bucket."""

    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def seekable(self) -> bool: ...
    def tell(self) -> int: ...
    def close(self) -> None: ...


@runtime_checkable
class _Hanging(Protocol):
    """A file whose reading may hang, and can be given up."""

    def give_up(self) -> None: ...


class TileZip(TileSource):
    """Tiles in a .zip, or in one folder of it; nothing is unpacked to disk."""

    def __init__(
        self, path: Location, folder: str | Callable[[Listing], str] = "",
        opener: Callable[[Location], BinaryFile] | None = None,
    ) -> None:  # fmt: skip
        """List the tiles.

        Args:
            path: the zip.
            folder: only names that begin with this count; or what tells it from what is where, as
                the table of contents is read but once.
            opener: opens the zip, where it is not a file of this machine; a module's function.

        Raises:
            InputError: it cannot be read as a zip, its table of contents is longer than
                MAX_TABLE_BYTES, it holds no tiles, or two with one id.
        """
        self._path, self._opener = path, opener or _opened
        self._file = self._opener(path)
        with contextlib.ExitStack() as stack:
            stack.callback(self.close)
            try:
                self._zip, unsure = _read(self._file)
            except _UNREADABLE as error:
                raise _no_zip(path, error) from error
            if callable(folder):
                folder = folder(tree.of_names(self._zip.namelist()))
            self.notes = _doubts(path, unsure)
            self.folder = folder
            self.tiles = sorted_unique(
                self._named(folder), f"{path}/{folder}".rstrip("/"), self._holds
            )
            stack.pop_all()

    def _named(self, folder: str) -> Iterator[Tile]:
        for name in self._zip.namelist():
            plain = tree.plain(name)
            inside = plain.startswith(folder) and not plain.endswith("/")
            if inside and is_tile_name(path := PurePosixPath(plain)):
                yield Tile(path.stem, name)

    def _holds(self) -> str:
        """What is in it, where there are no tiles."""
        level = tree.of_names(self._zip.namelist())(self.folder)
        return f"{level}{NESTED if level.archives else ''}"

    def table(self, name: str) -> bytes:
        """A file that is no tile, at most MAX_TABLE_BYTES.

        Raises:
            LabelError: there is none, it cannot be unpacked, or it is longer.
        """
        found = next((each for each in self._zip.namelist() if tree.plain(each) == name), name)
        try:
            if self._zip.getinfo(found).compress_type not in METHODS:
                raise LabelError(f"{self._path}/{name} is not stored or deflated; pack it anew")
            with self._zip.open(found) as file:
                data = file.read(MAX_TABLE_BYTES + 1)
        except (KeyError, *_UNREADABLE, zlib.error, EOFError) as error:
            raise LabelError(f"{self._path}/{name} cannot be read ({one_line(error)})") from error
        except RuntimeError as error:
            raise LabelError(f"{self._path}/{name} {_ENCRYPTED}") from error
        if len(data) > MAX_TABLE_BYTES:
            raise LabelError(f"{self._path}/{name} is larger than {MAX_TABLE_BYTES} bytes")
        return data

    def read(self, tile: Tile) -> bytes:
        check_id(tile)
        try:
            entry = self._zip.getinfo(tile.path)
            if entry.compress_type not in METHODS:
                raise TileError(
                    f"is compressed by method {entry.compress_type}, expected 0 or 8 (stored, "
                    "deflate); pack the zip anew"
                )
            with self._zip.open(entry) as file:
                # Reads what is there, not what the directory claims: a zip bomb stops here.
                return file.read(MAX_FILE_BYTES + 1)
        except (*_UNREADABLE, zlib.error, EOFError) as error:
            raise TileError(f"cannot be read from the zip ({one_line(error)})") from error
        except RuntimeError as error:
            raise TileError(_ENCRYPTED) from error

    def stamp(self, tile: Tile) -> str:
        info = self._zip.getinfo(tile.path)
        return f"{info.file_size} {info.CRC:08x}"

    def part(self, tiles: Sequence[Tile]) -> TileSource:
        path = self._path.absolute() if isinstance(self._path, Path) else self._path
        return _ZipPart(list(tiles), path, self.folder, self._opener)

    def give_up(self) -> None:
        if isinstance(self._file, _Hanging):
            self._file.give_up()

    def close(self) -> None:
        self._file.close()


class _ZipPart(TileSource):
    """Some tiles of a zip, which is opened when the first is asked for."""

    def __init__(
        self,
        tiles: list[Tile],
        path: Location,
        folder: str,
        opener: Callable[[Location], BinaryFile],
    ) -> None:
        self.tiles, self._path, self._folder, self._opener = tiles, path, folder, opener

    def read(self, tile: Tile) -> bytes:
        try:
            return self._zip().read(tile)
        except (InputError, KeyError) as error:
            raise TileError(f"cannot be read from the zip ({one_line(error)})") from error

    def stamp(self, tile: Tile) -> str:
        try:
            return self._zip().stamp(tile)
        except (InputError, KeyError):
            return "gone"

    def part(self, tiles: Sequence[Tile]) -> TileSource:
        return _ZipPart(list(tiles), self._path, self._folder, self._opener)

    def _zip(self) -> TileZip:
        return _again(self._path, self._folder, self._opener)


@functools.lru_cache(maxsize=1)
def _again(path: Location, folder: str, opener: Callable[[Location], BinaryFile]) -> TileZip:
    """A zip that stays open, once a process: its table of contents is long."""
    return TileZip(path, folder, opener)


def _opened(path: Location) -> BinaryFile:
    assert isinstance(path, Path)
    try:
        return open(path, "rb")
    except OSError as error:
        raise _no_zip(path, error) from error


def _no_zip(path: Location, error: Exception) -> InputError:
    if isinstance(error, StorageError):
        return InputError(
            f"{path} cannot be read ({error}); a zip is read in parts, for which it must not be "
            "empty and a server has to give its length and any part of it: try again, or download "
            "it first"
        )
    reason, what = one_line(error), file_kind.kind(path) if isinstance(path, Path) else None
    if what and not what.startswith(file_kind.ZIP):
        reason = f"it is {what}"
    elif what and "not a zip file" in reason:
        reason = _CUT
    elif isinstance(error, UnicodeDecodeError):
        reason = _NO_UTF8
    if what == "a PNG":
        reason += ": name its folder, or a .txt with its name"
    return InputError(
        f"{shown(str(path))} is neither a directory nor a readable zip file ({reason})"
    )


class _Bounded:
    """A zip's file. zipfile reads the table of contents at once, however long it says it is."""

    def __init__(self, file: BinaryFile) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > MAX_TABLE_BYTES:
            raise zipfile.BadZipFile(
                f"a table of contents of {size} bytes, expected at most {MAX_TABLE_BYTES}: "
                "unpack it into a folder, or make several zips and runs"
            )
        return self._file.read(size if size >= 0 else MAX_TABLE_BYTES)


def _read(file: BinaryFile) -> tuple[zipfile.ZipFile, list[str]]:
    """An open zip, and those of its names that may have been meant otherwise."""
    opened = zipfile.ZipFile(cast("IO[bytes]", _Bounded(file)))
    return opened, zip_names.mend(opened)


def _doubts(path: Location, unsure: list[str]) -> tuple[str, ...]:
    if not unsure:
        return ()
    which, zipped = shown(unsure[0]), shown(str(path))
    if len(unsure) == 1:
        told = f"the name {which} in {zipped} does not say what encoding it is in and was read"
    else:
        told = (
            f"{len(unsure)} names in {zipped}, such as {which}, do not say what encoding they are "
            "in and were read"
        )
    return (f"{told} as cp437: if that is wrong, pack the zip anew",)


def listing_of(path: Path) -> Listing:
    """What is where in a zip; raises InputError as :class:`TileZip` does."""
    with contextlib.closing(_opened(path)) as file:
        try:
            opened, _ = _read(file)
        except _UNREADABLE as error:
            raise _no_zip(path, error) from error
        return tree.of_names(opened.namelist())
