"""Where the tiles and labels of a labelled data set lie: in folders or in a zip."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Literal

from salt_infer import archive
from salt_infer.errors import InputError
from salt_infer.labels import Labels
from salt_infer.listing import LIST_SUFFIXES
from salt_infer.place import Place
from salt_infer.source import is_hidden
from salt_infer.tiles import TileSource, TileZip, open_tiles

Part = Literal["images", "masks"]


@dataclasses.dataclass(frozen=True)
class Layout:
    """A folder or zip with tiles, and the labels that belong to it.

    Attributes:
        root: the folder or zip with ``images/``, or ``tiles/``, inside.
        masks: ``masks/`` inside it, or None. Where there is one, training takes its masks.
        table: a ``train.csv`` inside the folder, or beside the folder or zip; or None. Not both
            are None.
    """

    root: Path
    masks: Path | None
    table: Path | None

    @property
    def images(self) -> Path:
        """Where the tiles are, inside the folder or zip."""
        return self.root / _folder_of("images", _folders(self.root))

    def open(self, name: Part) -> TileSource:
        """List tiles or masks.

        Raises:
            InputError: there are none, or two with one id.
        """
        return _open(self.root, name)

    def labels(self) -> Labels:
        """The labels that training takes.

        Raises:
            InputError: there are no masks in ``masks/``, or two with one id.
            LabelError: the table cannot be read.
        """
        if self.masks is not None:
            return Labels(self.masks, self.open("masks"))
        assert self.table is not None
        return Labels(self.table)


def find(path: Path) -> Layout:
    """Find tiles and labels; nothing is listed or read yet.

    Args:
        path: a directory or zip that holds ``images/`` (or ``tiles/``) and ``masks/``, or
            ``images/`` with a ``train.csv`` beside; or a directory that has one of these as
            ``train/`` or ``train.zip``, as the competition's download has.

    Raises:
        InputError: nothing of that kind is there.
    """
    root = _root(path)
    masks = root / "masks" if _holds(root, "masks") else None
    tables = (root / "train.csv", root.parent / "train.csv")
    table = next((file for file in tables if file.exists()), None)
    if masks is None and table is None:
        raise InputError(f"{root} has neither masks/ nor train.csv beside it")
    return Layout(root, masks, table)


def open_images(place: Place) -> TileSource:
    """:func:`salt_infer.tiles.open_tiles`, but of a labelled data set the tiles alone.

    That is a directory or zip with ``images/`` (or ``tiles/``) and ``masks/`` and no folder beside
    them, as the competition's ``train.zip`` is: with the masks, each id would be there twice.
    """
    found = _of_data_set(place, "images") if isinstance(place, Path) else None
    return found or open_tiles(place)


def open_labels(path: Path) -> Labels:
    """:class:`salt_infer.labels.Labels`, but of such a data set ``masks/`` alone."""
    return Labels(path, _of_data_set(path, "masks"))


def open_within(path: Path, name: Part) -> TileSource:
    """List what is in that folder of a directory or zip, or in all of it if it has no such folder.

    Raises:
        InputError: no such path, nothing in it, or two tiles with one id.
    """
    within = path.exists() and path.suffix.lower() not in LIST_SUFFIXES and _holds(path, name)
    return _open(path, name) if within else open_tiles(path)


def _open(root: Path, name: Part) -> TileSource:
    if root.is_dir():
        return open_tiles(root / _folder_of(name, _folders(root)))
    return TileZip(root, lambda folders: f"{_folder_of(name, folders)}/")


def _root(path: Path) -> Path:
    if path.is_file():
        return path
    for folder in (path, path / "train"):
        if folder.is_dir() and _holds(folder, "images"):
            return folder
    if (path / "train.zip").is_file():
        return path / "train.zip"
    raise InputError(
        f"no training data in {path}: expected images/ and masks/ (or train.csv), or train/ or "
        "train.zip with these inside"
    )


def _holds(root: Path, name: Part) -> bool:
    """Whether there is such a folder; it may be empty, which is for :meth:`Layout.open` to say."""
    folders = _folders(root)
    return _folder_of(name, folders) in folders


def _folder_of(name: Part, folders: set[str]) -> str:
    return _tiles_in(folders) if name == "images" else name


def _tiles_in(folders: set[str]) -> str:
    """Which of these holds a data set's tiles; ``tiles`` beside other folders may be anything."""
    return "tiles" if "images" not in folders and {"tiles", "masks"} <= folders else "images"


def _folders(root: Path) -> set[str]:
    """Names at the top of a directory or zip; raises InputError where it is neither."""
    if not root.is_dir():
        return archive.folders(root)
    try:
        with os.scandir(root) as entries:
            return {entry.name for entry in entries if entry.is_dir()}
    except OSError as error:
        raise InputError(f"folder {root} cannot be listed ({error.strerror})") from error


def _of_data_set(path: Path, name: Part) -> TileSource | None:
    """Tiles or masks of a labelled data set; of a zip that is none, all. None of other places."""
    try:
        zipped = path.suffix.lower() == ".zip" and path.is_file()
        folders = _folders(path) if path.is_dir() else set()
    except (InputError, OSError, ValueError):  # told better by whoever opens it
        return None
    if zipped:
        return TileZip(
            path, lambda inside: f"{_folder_of(name, inside)}/" if _is_data_set(inside) else ""
        )
    return _open(path, name) if _is_data_set(folders) else None


def _is_data_set(folders: set[str]) -> bool:
    """Whether there are tiles and masks, and no other folder that may hold tiles."""
    visible = {name for name in folders if not is_hidden(name)}
    return visible == {_tiles_in(visible), "masks"}
