"""Tiles in a bucket or on a server, through fsspec (extra ``cloud``)."""

from __future__ import annotations

import functools
import html
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import PurePosixPath
from typing import Literal, Protocol, TypeVar, cast
from urllib.parse import unquote

from salt_infer.data.folder import MAX_FOLDERS
from salt_infer.data.list_file import LIST_SUFFIXES
from salt_infer.data.png_file import MAX_FILE_BYTES
from salt_infer.data.prefetch import ReadAhead
from salt_infer.data.source import (
    Tile,
    TileSource,
    check_id,
    is_hidden,
    is_tile_name,
    sorted_unique,
)
from salt_infer.data.tree import Listing
from salt_infer.data.zip_archive import BinaryFile, StorageError, TileZip
from salt_infer.errors import InputError, PackageError, TileError, one_line
from salt_infer.system.daemon_threads import Daemons, GivenUpError
from salt_infer.system.location import Location, Url

Got = TypeVar("Got")

# What storages say of a file that is another once the file was changed; its size first.
_CHANGING = ("size", "ETag", "etag", "md5Hash", "LastModified", "mtime", "created")
_QUERY = re.compile(r"(?<=[^\s?])\?[^\s'\")]*")
# Of a zip, so many bytes are fetched at a time, and 32 such blocks kept; left to itself, S3's would
# be 50 MB. Databricks' storage takes no other size than this.
_BLOCK_BYTES = 2**20
_INSTALL = "pip install 'salt-toolkit[cloud]'"
_LONGEST = 300  # characters that are told of an error
_PAUSE_S = 1.0  # before something is asked for once more,
_PATIENCE = 30  # and how often at most, but for those that helped: a server may be gone for good
_PASSING = {429, 500, 502, 503, 504}  # answers that a server may not give a second later
_BROKEN = {"ClientConnectionError", "ClientPayloadError"}  # aiohttp's, of connections


class _Opened(BinaryFile, AbstractContextManager["_Opened"], Protocol): ...


class _FileSystem(Protocol):
    """What is used of fsspec's AbstractFileSystem; it is safe to use from many threads."""

    def ls(self, path: str, detail: Literal[True]) -> list[dict[str, object]]: ...
    def open(self, path: str, mode: str, **options: object) -> _Opened: ...
    def cat_file(self, path: str, *, start: int, end: int) -> bytes: ...
    def invalidate_cache(self) -> None: ...
    def unstrip_protocol(self, name: str) -> str: ...


def open_remote(url: Url, folder: str | Callable[[Listing], str] = "") -> TileSource:
    """List the tiles below a URL (recursively), or in the ``.zip`` that it names.

    Args:
        url: where.
        folder: of a zip, see :class:`salt_infer.data.zip_archive.TileZip`.

    Raises:
        PackageError: fsspec or the package for this kind of URL is not installed.
        InputError: the place cannot be listed; no tiles, or two with one id; a zip that cannot be
            read in place.
    """
    if url.suffix in LIST_SUFFIXES:
        raise InputError(f"{url} cannot be a list of tiles; lists have to be local files")
    if url.suffix == ".zip":
        return TileZip(url, folder, _remote_zip)
    if url.is_http and "?" in url.text:
        raise InputError(
            f"{url} is given with a '?', which the tiles that a folder's page links to have not; "
            "give its address without, or that of a .zip"
        )
    system, path = _file_system(url)
    return ReadAhead(TileBucket(url, system, path))


class _Patience:
    """Asks once more where a network or a server may have failed for a moment; from any thread."""

    def __init__(self) -> None:
        self._left, self._lock = _PATIENCE, threading.Lock()

    def __reduce__(self) -> tuple[type[_Patience], tuple[()]]:
        """In another process it begins anew."""
        return _Patience, ()

    def __call__(self, read: Callable[[], Got]) -> Got:
        """What ``read`` gives, or its error."""
        try:
            return read()
        except Exception as error:  # each kind of storage has its own
            if not _may_pass(error) or not self._take(1):
                raise
        time.sleep(_PAUSE_S)
        found = read()
        self._take(-1)
        return found

    def _take(self, count: int) -> bool:
        with self._lock:
            enough = self._left >= count
            self._left -= count if enough else 0
            return enough


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: Exception) -> int | None:
    """What a web server answered; it may be hidden below that there is no such file."""
    found = (getattr(each, "status", None) for each in _causes(error))
    return next((status for status in found if isinstance(status, int)), None)


def _may_pass(error: Exception) -> bool:
    if (status := _status(error)) is not None:
        return status in _PASSING
    kinds = {kind.__name__ for each in _causes(error) for kind in type(each).__mro__}
    return bool(kinds & (_BROKEN | {ConnectionError.__name__}))


class _RemoteTiles(TileSource):
    """Tiles of one storage, and what it said of each when it was listed."""

    def __init__(self, tiles: list[Tile], url: Url, stamps: dict[str, str]) -> None:
        """``stamps`` are by path."""
        self.tiles, self._url, self._stamps = tiles, url, stamps
        self._patiently = _Patience()

    def stamp(self, tile: Tile) -> str:
        """What the storage said when it was listed: nothing, of most web servers."""
        return self._stamps[tile.path]

    def read(self, tile: Tile) -> bytes:
        check_id(tile)
        try:
            return self._patiently(lambda: self._up_to(MAX_FILE_BYTES + 1, tile.path))
        except Exception as error:  # each kind of storage has its own
            raise TileError(f"cannot be read ({_told(error)})") from error

    def _up_to(self, size: int, path: str) -> bytes:
        """The start of a file, and nothing fetched beyond."""
        if self._stamps[path].partition(" ")[0] == "0":  # no range of it could be asked for
            return b""
        if not self._url.is_http:
            return self._storage().cat_file(path, start=0, end=size)
        # A web server need not keep to the range it was asked for: only a stream can be left.
        with self._storage().open(path, "rb", block_size=0) as file:
            return _read(file, size)

    def _storage(self) -> _FileSystem:
        return _file_system(self._url)[0]  # fsspec keeps one for all who ask

    def part(self, tiles: Sequence[Tile]) -> TileSource:
        stamps = {tile.path: self._stamps[tile.path] for tile in tiles}
        return _RemoteTiles(list(tiles), self._url, stamps)


class TileBucket(_RemoteTiles):
    """Tiles below a URL."""

    def __init__(self, url: Url, system: _FileSystem, root: str) -> None:
        """List them; raises InputError as :func:`open_remote`."""
        super().__init__([], url, {})
        self._system = system
        system.invalidate_cache()
        self.tiles = sorted_unique(self._listed(root), url)

    def _storage(self) -> _FileSystem:
        return self._system

    def _listed(self, root: str) -> Iterator[Tile]:
        """Folder by folder: fsspec's own recursion leaves out a folder that cannot be listed."""
        waiting, seen = [root], {root.rstrip("/")}
        while waiting:
            for name, is_folder, stamp in self._entries(waiting.pop()):
                place = PurePosixPath(unquote(name) if self._url.is_http else name)
                if is_folder and not is_hidden(place.name) and name.rstrip("/") not in seen:
                    seen.add(name.rstrip("/"))
                    waiting.append(name)
                elif not is_folder and is_tile_name(PurePosixPath(place.name)):
                    path = self._system.unstrip_protocol(name)
                    self._stamps[path] = stamp
                    yield Tile(place.stem, path)
            if len(seen) > MAX_FOLDERS:
                raise InputError(f"{self._url} holds more than {MAX_FOLDERS} folders")

    def _entries(self, folder: str) -> Iterator[tuple[str, bool, str]]:
        """Full name of what is in a folder, whether it is one, and what changes with it."""
        try:
            found = self._patiently(lambda: self._system.ls(folder, detail=True))
        except Exception as error:  # each kind of storage has its own
            raise InputError(f"{self._url} cannot be listed ({_told(error)})") from error
        for entry in found:
            name = str(entry["name"])
            if self._url.is_http:  # as it stands in a page's source
                name = html.unescape(name)
            if not (self._url.is_http and "/../" in name):  # a page may link anywhere
                told = (str(entry[key]) for key in _CHANGING if entry.get(key) is not None)
                yield name, entry["type"] == "directory", " ".join(told)


class _RemoteZip:
    """A zip's file in a bucket. What goes wrong is a StorageError; a place that is not in the file
    is an OSError, as readers of zips expect.
    """

    def __init__(self, url: Url, system: _FileSystem, path: str) -> None:
        self._patiently = _Patience()
        options: dict[str, object] = {"block_size": _BLOCK_BYTES, "cache_type": "blockcache"}
        try:
            self._file = self._patiently(lambda: system.open(path, "rb", **options))
        except Exception as error:  # each kind of storage has its own
            raise InputError(f"{url} cannot be opened ({_told(error)})") from error
        self._reader = Daemons(1, "read-zip")

    def read(self, size: int = -1) -> bytes:
        try:
            read = functools.partial(self._patiently, lambda: self._file.read(size))
            return self._reader.result(self._reader.submit(read))
        except GivenUpError:
            raise
        except Exception as error:
            raise StorageError(_told(error)) from error

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._file.seek(offset, whence)
        except Exception as error:
            # Every file has an end, but for those that can only be read from start to end.
            kind = StorageError if (offset, whence) == (0, os.SEEK_END) else OSError
            raise kind(_told(error)) from error

    def seekable(self) -> bool:
        return self._file.seekable()

    def tell(self) -> int:
        return self._file.tell()

    def give_up(self) -> None:
        self._reader.give_up()

    def close(self) -> None:
        self._reader.close()
        self._file.close()


def _remote_zip(url: Location) -> BinaryFile:
    assert isinstance(url, Url)
    return _RemoteZip(url, *_file_system(url))


def _file_system(url: Url) -> tuple[_FileSystem, str]:
    """The storage, and what the place is called in it."""
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError as error:
        raise PackageError(f"{url} needs fsspec; {_INSTALL}") from error
    try:
        # What a folder's page links to is compared with its address, and has no spaces.
        text = url.text.replace(" ", "%20") if url.is_http else url.text
        return cast("tuple[_FileSystem, str]", url_to_fs(text))
    except ImportError as error:
        raise PackageError(
            f"{url}: {one_line(error)}; {_INSTALL} has what http, https, s3 and gs need"
        ) from error
    except Exception as error:  # each kind of storage has its own
        raise InputError(f"{url} cannot be opened ({_told(error)})") from error


def _read(file: BinaryFile, size: int) -> bytes:
    """Up to ``size`` bytes; a stream gives what has arrived."""
    parts = []
    while size > 0 and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _told(error: Exception) -> str:
    """Without what follows ``?`` in URLs: signatures of download links. And without most of what a
    server has sent in place of an answer, all of which some errors hold.
    """
    text = _QUERY.sub("", f"{type(error).__name__}: {one_line(error)}")
    if isinstance(error, FileNotFoundError) and _status(error) in _PASSING:
        return f"the server answered {_status(error)}"  # fsspec takes it for a file that is missing
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
