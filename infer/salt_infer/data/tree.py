"""What lies where in a directory or zip, a folder at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from salt_infer.data.source import SUFFIX, is_hidden
from salt_infer.errors import InputError
from salt_infer.system.text import shown

TABLE, DOWNLOAD = "train.csv", "train.zip"  # names in the competition's download
DEEPEST = 8  # folders around a data set that are looked through
_NAMED = 6  # names that a message lists


class Level(NamedTuple):
    """What is directly in a folder; what is hidden is left out.

    Attributes:
        folders: names.
        tiles: how many PNG files there are.
        files: names of the other files.
    """

    folders: frozenset[str]
    tiles: int
    files: frozenset[str]

    @property
    def images(self) -> str:
        """Name of the folder with a data set's tiles, if it is here, else empty. ``tiles`` without
        labels beside it may be anything.
        """
        labelled = "masks" in self.folders or TABLE in self.files
        found = ("images", "tiles") if labelled else ("images",)
        return next((name for name in found if name in self.folders), "")

    @property
    def archives(self) -> list[str]:
        """Names of the zips."""
        return sorted(name for name in self.files if name.lower().endswith(".zip"))

    def __str__(self) -> str:
        """What is here, for people."""
        names = [f"{name}/" for name in sorted(self.folders)] + sorted(self.files)
        said = [shown(name) for name in names[:_NAMED]]
        said += [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
        said += [f"{self.tiles} {SUFFIX} files"] if self.tiles else []
        return ", ".join(said) or "nothing"


Listing = Callable[[str], Level]  # takes a folder by its path from the top: "" or ending in "/"


def of_folder(root: Path) -> Listing:
    """Lists a directory; raises InputError where one of its folders cannot be listed."""

    def listing(inside: str) -> Level:
        folder = root / inside
        try:
            with os.scandir(folder) as entries:
                return _level((entry.name, _is_folder(entry)) for entry in entries)
        except OSError as error:
            raise InputError(
                f"folder {shown(str(folder))} cannot be listed ({error.strerror})"
            ) from error

    return listing


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Of links that lead nowhere, or round and round, the tile that has the name will tell."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def of_names(names: Iterable[str]) -> Listing:
    """Lists a zip, by the names in its table of contents; see :func:`plain`."""
    known = [plain(name) for name in names]

    def listing(inside: str) -> Level:
        parts = (name[len(inside) :].partition("/") for name in known if name.startswith(inside))
        return _level({name: bool(slash) for name, slash, _ in parts if name}.items())

    return listing


def plain(name: str) -> str:
    """A zip's name for a file as its format wants it. Some Windows programs write backslashes;
    others begin each name with ``./``, or write absolute ones.
    """
    if not ("\\" in name or name.startswith((".", "/"))):
        return name  # as nearly all are
    return name.replace("\\", "/").removeprefix("./").lstrip("/")


def wrapped(listing: Listing) -> str:
    """Path of the first folder, from the top, that holds more than one other folder: the top
    itself, as a rule. Where a folder was packed instead of what is in it, it is that one.
    """
    inside = ""
    for _ in range(DEEPEST):
        level = listing(inside)
        if level.images or level.tiles or level.archives or len(level.folders) != 1:
            break
        inside += f"{next(iter(level.folders))}/"
    return inside


def _level(entries: Iterable[tuple[str, bool]]) -> Level:
    folders, files, tiles = set[str](), set[str](), 0
    for name, is_folder in entries:
        if is_hidden(name):
            continue
        if is_folder:
            folders.add(name)
        elif name.lower().endswith(SUFFIX):
            tiles += 1
        else:
            files.add(name)
    return Level(frozenset(folders), tiles, frozenset(files))
