"""Where the tiles and labels of a data set lie: in folders or in a zip."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path
from typing import Literal

from salt_infer.labels import Labels
from salt_infer.tiles import TileSource, TileZip, open_tiles
from salt_train.errors import DataError


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

    def open(self, name: Literal["images", "masks"]) -> TileSource:
        """List tiles or masks.

        Raises:
            InputError: there are none, or two with one id.
        """
        if self.root.is_dir():
            return open_tiles(self.root / name)
        return TileZip(self.root, f"{name}/")

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
        DataError: nothing of that kind is there.
    """
    root = _root(path)
    masks = root / "masks" if _has_masks(root) else None
    tables = (root / "train.csv", root.parent / "train.csv")
    table = next((file for file in tables if file.exists()), None)
    if masks is None and table is None:
        raise DataError(f"{root} has neither masks/ nor train.csv beside it")
    return Layout(root, masks, table)


def _root(path: Path) -> Path:
    if path.is_file():
        return path
    for folder in (path, path / "train"):
        if (folder / "images").is_dir():
            return folder
    if (path / "train.zip").is_file():
        return path / "train.zip"
    raise DataError(
        f"no training data in {path}: expected images/ and masks/ (or train.csv), or train/ or "
        "train.zip with these inside"
    )


def _has_masks(root: Path) -> bool:
    """Whether there is ``masks/``; it may be empty, which is for :meth:`Layout.open` to say."""
    if root.is_dir():
        return (root / "masks").exists()
    try:
        with zipfile.ZipFile(root) as archive:
            return any(name.startswith("masks/") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DataError(
            f"{root} is neither a directory nor a readable zip file ({error})"
        ) from error
