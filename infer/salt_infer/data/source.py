"""Something that holds tiles, listed as ids and read as bytes."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from salt_infer.errors import InputError, TileError
from salt_infer.system.text import shown

SUFFIX = ".png"
# Folders that systems and programs add to others: thumbnails, what was deleted, earlier versions.
NO_TILES = {
    "__macosx", "network trash folder", "temporary items", "@eadir", "#recycle", "#snapshot",
    "@recycle", "@recently-snapshot", "@sharebin", "@tmp", "@__thumb", "~snapshot", "lost+found",
    "$recycle.bin", "recycler", "system volume information", "thumbs", "thumbs.db", "thumbnails",
    "__pycache__",
}  # fmt: skip

# What a folder without tiles may have instead, by suffix.
_OTHERS = {
    "jpe?g|tiff?|bmp|gif|webp|jp2": "save pictures as PNG",
    "npy|npz|dat|sgy|segy": "tiles of amplitudes are made by salt_infer.stretched, sections are "
    "for salt-survey",
}

_UNPRINTABLE = "its name has characters that cannot be printed; rename it"
_FOREIGN = "its name is UTF-8, and the locale is of another encoding; set LC_ALL=C.UTF-8"

MAX_TILES = 20_000_000  # name and path of each are in memory: some 300 bytes


class Tile(NamedTuple):
    """One tile: ``id`` is what its row is called, the file's name without ``.png`` unless a list
    says otherwise; ``path`` is where it was found.
    """

    id: str
    path: str


class BadTile(NamedTuple):
    """A tile that could not be read, and why, in one line."""

    tile: Tile
    reason: str


class TileSource(AbstractContextManager["TileSource"]):
    """Something that holds tiles, safe to read from many threads; close it, or use ``with``.

    Attributes:
        tiles: sorted by id, at least one, no id twice.
        notes: what whoever asked for them should know of how they were read, a sentence each.
        advice: how to name them rightly, where none of them can be read.
    """

    tiles: list[Tile]
    notes: tuple[str, ...] = ()
    advice: str = "mend them as said above, or name the tiles' own folder, zip or list by --images"

    def read(self, tile: Tile) -> bytes:
        """The tile's file, at most MAX_FILE_BYTES + 1 bytes; raises TileError if unreadable."""
        raise NotImplementedError

    def stamp(self, tile: Tile) -> str:
        """What differs once the tile's file was changed, found without reading it; never raises.

        A source that cannot tell gives the empty string: its tiles count as never changed.
        """
        return ""

    def part(self, tiles: Sequence[Tile]) -> TileSource:
        """These of its tiles alone: small, it can be pickled, and reads and stamps them as this
        one does in any process, on any machine that finds them under the same paths.
        """
        raise NotImplementedError

    def nearby(self, tiles: Sequence[Tile]) -> TileSource | None:
        """These of its tiles for another process of this machine, which reads them there as this
        one would here; None where it could not: what is open here may be gone by its name.
        """
        return None

    def folders(self) -> set[Path]:
        """Those that the tiles' files lie in; none of a zip or bucket."""
        return set()

    def give_up(self) -> None:
        """Nobody wants the tiles any more: a read that waits for a server ends with TileError at
        once. Called from any thread, before the source is closed.
        """

    def close(self) -> None:
        """Give back what is open."""

    def __exit__(self, *exception: object) -> None:
        self.close()


def is_tile_name(path: PurePosixPath) -> bool:
    """Whether a file of that name, below the folder that was asked for, is taken for a tile."""
    return path.suffix.lower() == SUFFIX and not any(map(is_hidden, path.parts))


def is_hidden(name: str) -> bool:
    """Whether a file or folder of that name is passed over."""
    # "._x.png" and "__MACOSX/" are what macOS adds to archives; they hold no pixels.
    return (name.startswith(".") and name != "..") or name.lower() in NO_TILES


def check_id(tile: Tile) -> None:
    """An id is a cell of a CSV that others must read: no line breaks, no undecodable bytes.

    Raises:
        TileError: it has such characters.
    """
    if not tile.id.isprintable():
        raise TileError(_FOREIGN if _is_foreign(tile.id) else _UNPRINTABLE)


def _is_foreign(name: str) -> bool:
    """Whether a name is UTF-8 that this system's settings do not let be read as such."""
    try:
        decoded = os.fsencode(name).decode()
    except UnicodeError:
        return False
    return decoded != name and decoded.isprintable()


def _made_of(there: str) -> str:
    """How files of other kinds become tiles, in words."""
    for suffixes, how in _OTHERS.items():
        if re.search(rf"\.({suffixes})\b", there, re.IGNORECASE):
            return f"; {how}"
    return ""


def sorted_unique(
    found: Iterable[Tile], where: object, holds: Callable[[], object] | None = None
) -> list[Tile]:
    """Tiles sorted by id.

    Args:
        found: in any order.
        where: they were looked for, to name in an error.
        holds: tells what is there where there are no tiles.

    Raises:
        InputError: there are none, more than MAX_TILES, or two with one id (both are named).
    """
    name = shown(str(where))
    tiles = sorted(itertools.islice(found, MAX_TILES + 1))
    if len(tiles) > MAX_TILES:
        raise InputError(f"{name} holds more than {MAX_TILES} tiles; split them over several runs")
    if not tiles:
        there = str(holds()) if holds else ""
        more = f"; it holds {there}" if there else ""
        raise InputError(
            f"{name} holds no {SUFFIX} files; expected 101x101 PNG tiles{more}{_made_of(there)}"
        )
    for first, second in itertools.pairwise(tiles):
        if first.id == second.id:
            if first.path == second.path:
                raise InputError(
                    f"two tiles have the id {first.id!r}: {name} holds {shown(first.path)} twice; "
                    "leave one out"
                )
            raise InputError(
                f"two tiles have the id {first.id!r}: {shown(first.path)} and "
                f"{shown(second.path)}; ids are file names without folder and must be unique: name "
                "one folder of them, unpacked if they are in a zip, or a list with an id for each"
            )
    return tiles
