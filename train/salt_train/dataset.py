"""Labelled tiles, decoded once into memory (4000 tiles and masks are 82 MB)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer import png
from salt_infer.errors import InputError, SaltError, TileError
from salt_infer.labels import Labels
from salt_infer.tiles import TileFolder, TileSource, TileZip
from salt_train.errors import DataError


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Tiles with their masks.

    Attributes:
        ids: N ids, sorted.
        tiles: uint8 [N, 101, 101].
        masks: uint8 [N, 101, 101], 0 or 1.
    """

    ids: tuple[str, ...]
    tiles: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.ids)

    def subset(self, chosen: npt.NDArray[np.bool_]) -> Dataset:
        """The tiles where ``chosen`` (bool [N]) is true."""
        ids = tuple(name for name, keep in zip(self.ids, chosen, strict=True) if keep)
        return Dataset(ids, self.tiles[chosen], self.masks[chosen])


def load(path: Path) -> Dataset:
    """Read a labelled data set.

    Args:
        path: a directory or zip that holds ``images/`` and ``masks/``, or ``images/`` with a
            ``train.csv`` beside; or a directory that has one of these as ``train/`` or
            ``train.zip``, as the competition's download has.

    Raises:
        DataError: nothing of that kind is there, a tile is unreadable, or a label is missing.
    """
    try:
        return _load(path)
    except DataError:
        raise
    except SaltError as error:
        raise DataError(str(error)) from error


def _load(path: Path) -> Dataset:
    if path.is_file():
        return _load_zip(path)
    if (path / "images").is_dir():
        return _load_folder(path)
    if (path / "train" / "images").is_dir():
        return _load_folder(path / "train")
    if (path / "train.zip").is_file():
        return _load_zip(path / "train.zip")
    raise DataError(
        f"no training data in {path}: expected images/ and masks/ (or train.csv), or train/ or "
        "train.zip with these inside"
    )


def _load_zip(path: Path) -> Dataset:
    with TileZip(path, "images/") as source, _zip_labels(path) as labels:
        return _decoded(source, labels)


def _zip_labels(path: Path) -> Labels:
    beside = path.parent / "train.csv"
    try:
        return Labels(path, TileZip(path, "masks/"))
    except InputError:
        if beside.exists():
            return Labels(beside)
        raise


def _load_folder(path: Path) -> Dataset:
    with TileFolder(path / "images") as source, Labels(_label_path(path)) as labels:
        return _decoded(source, labels)


def _decoded(source: TileSource, labels: Labels) -> Dataset:
    ids = tuple(tile.id for tile in source.tiles)
    return Dataset(ids, read_tiles(source), labels.masks(ids))


def _label_path(path: Path) -> Path:
    candidates: Sequence[Path] = (path / "masks", path / "train.csv", path.parent / "train.csv")
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise DataError(f"{path} has images/ but neither masks/ nor train.csv beside it")


def read_tiles(source: TileSource, limit: int | None = None) -> npt.NDArray[np.uint8]:
    """Decode the tiles of a source, at most ``limit``: uint8 [N, 101, 101].

    Raises:
        DataError: a tile is bad.
    """
    tiles = []
    for tile in source.tiles[:limit]:
        try:
            tiles.append(png.decode(source.read(tile)))
        except TileError as error:
            raise DataError(f"{tile.path}: {error}; mend or remove this tile") from error
    return np.stack(tiles)
