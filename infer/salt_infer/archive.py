"""Tiles in a zip, read in place."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, cast

from salt_infer.errors import InputError, TileError, one_line
from salt_infer.place import Place
from salt_infer.png import MAX_FILE_BYTES
from salt_infer.source import Tile, TileSource, check_id, is_tile_name, shown, sorted_unique

MAX_TABLE_BYTES = 64 * 1024 * 1024  # of a zip's table of contents: about a million tiles

# zipfile unpacks bzip2 and LZMA without a limit: 600 bytes of bzip2 become 600 MB in memory.
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}

_UNREADABLE = (OSError, zipfile.BadZipFile, NotImplementedError, ValueError)


class BinaryFile(Protocol):
    """A file open for reading at any place, here or in a bucket."""

    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def seekable(self) -> bool: ...
    def tell(self) -> int: ...
    def close(self) -> None: ...


class TileZip(TileSource):
    """Tiles in a .zip, or in one folder of it; nothing is unpacked to disk."""

    def __init__(self, path: Place, folder: str = "", file: BinaryFile | None = None) -> None:
        """List the tiles.

        Args:
            path: the zip.
            folder: only names that begin with this count.
            file: the zip, where it is open already; closed with the source.

        Raises:
            InputError: it cannot be read as a zip, its table of contents is longer than
                MAX_TABLE_BYTES, it holds no tiles, or two with one id.
        """
        self._file = file or _opened(path)
        with contextlib.ExitStack() as stack:
            stack.callback(self.close)
            try:
                self._zip = zipfile.ZipFile(cast("IO[bytes]", _Bounded(self._file)))
            except _UNREADABLE as error:
                raise _no_zip(path, error) from error
            self.tiles = sorted_unique(self._named(folder), f"{path}/{folder}".rstrip("/"))
            stack.pop_all()

    def _named(self, folder: str) -> Iterator[Tile]:
        for name in self._zip.namelist():
            # Some Windows programs write backslashes, against the format.
            place = PurePosixPath(name.replace("\\", "/"))
            inside = name.startswith(folder) and not name.endswith("/")
            if inside and is_tile_name(place):
                yield Tile(place.stem, name)

    def read(self, tile: Tile) -> bytes:
        check_id(tile)
        try:
            entry = self._zip.getinfo(tile.path)
            if entry.compress_type not in _METHODS:
                raise TileError(
                    f"is compressed by method {entry.compress_type}, expected 0 or 8 (stored, "
                    "deflate); pack the zip anew"
                )
            with self._zip.open(tile.path) as file:
                # Reads what is there, not what the directory claims: a zip bomb stops here.
                return file.read(MAX_FILE_BYTES + 1)
        except (*_UNREADABLE, zlib.error, EOFError) as error:
            raise TileError(f"cannot be read from the zip ({one_line(error)})") from error
        except RuntimeError as error:  # encrypted
            raise TileError(f"cannot be unpacked from the zip ({one_line(error)})") from error

    def stamp(self, tile: Tile) -> str:
        info = self._zip.getinfo(tile.path)
        return f"{info.file_size} {info.CRC:08x}"

    def close(self) -> None:
        self._file.close()


def _opened(path: Place) -> BinaryFile:
    assert isinstance(path, Path)
    try:
        return open(path, "rb")
    except OSError as error:
        raise _no_zip(path, error) from error


def _no_zip(path: Place, error: Exception) -> InputError:
    return InputError(
        f"{shown(str(path))} is neither a directory nor a readable zip file ({one_line(error)})"
    )


class _Bounded:
    """A zip's file. zipfile reads the table of contents at once, however long it says it is."""

    def __init__(self, file: BinaryFile) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > MAX_TABLE_BYTES:
            raise zipfile.BadZipFile(
                f"a table of contents of {size} bytes, expected at most {MAX_TABLE_BYTES}"
            )
        return self._file.read(size if size >= 0 else MAX_TABLE_BYTES)
