"""Where the tiles and labels of a labelled data set lie: in folders or in a zip."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path
from typing import Literal

from salt_infer.errors import InputError
from salt_infer.labels import Labels
from salt_infer.tiles import TileSource, TileZip, open_tiles

Part = Literal["images", "masks"]


@dataclasses.dataclass(frozen=True)
class Layout:
    """A folder or zip with tiles, and the labels that belong to it.

    Attributes:
        root: the folder or zip with ``images/`` inside.
        masks: ``masks/`` inside it, or None. Where there is one, training takes its masks.
        table: a ``train.csv`` inside the folder, or beside the folder or zip; or None. Not both
            are None.
    """

    root: Path
    masks: Path | None
    table: Path | None

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
        path: a directory or zip that holds ``images/`` and ``masks/``, or ``images/`` with a
            ``train.csv`` beside; or a directory that has one of these as ``train/`` or
            ``train.zip``, as the competition's download has.

    Raises:
        InputError: nothing of that kind is there.
    """
    root = _root(path)
    masks = root / "masks" if _has(root, "masks") else None
    tables = (root / "train.csv", root.parent / "train.csv")
    table = next((file for file in tables if file.exists()), None)
    if masks is None and table is None:
        raise InputError(f"{root} has neither masks/ nor train.csv beside it")
    return Layout(root, masks, table)


def open_within(path: Path, name: Part) -> TileSource:
    """List what is in that folder of a directory or zip, or in all of it if it has no such folder.

    Raises:
        InputError: no such path, nothing in it, or two tiles with one id.
    """
    return _open(path, name) if path.exists() and _has(path, name) else open_tiles(path)


def _open(root: Path, name: Part) -> TileSource:
    if root.is_dir():
        return open_tiles(root / name)
    return TileZip(root, f"{name}/")


def _root(path: Path) -> Path:
    if path.is_file():
        return path
    for folder in (path, path / "train"):
        if (folder / "images").is_dir():
            return folder
    if (path / "train.zip").is_file():
        return path / "train.zip"
    raise InputError(
        f"no training data in {path}: expected images/ and masks/ (or train.csv), or train/ or "
        "train.zip with these inside"
    )


def _has(root: Path, name: Part) -> bool:
    """Whether there is such a folder; it may be empty, which is for :meth:`Layout.open` to say."""
    if root.is_dir():
        return (root / name).exists()
    try:
        with zipfile.ZipFile(root) as archive:
            return any(entry.startswith(f"{name}/") for entry in archive.namelist())
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise InputError(
            f"{root} is neither a directory nor a readable zip file ({error})"
        ) from error
