"""Stratified folds by salt coverage."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from salt_infer.masks.coverage import coverage_class
from salt_infer.system.whole_files import write_whole
from salt_train.data.dataset import Dataset
from salt_train.errors import ConfigError

FILE = "split.csv"


def assign(
    ids: Sequence[str], classes: npt.NDArray[np.int64], folds: int, seed: int
) -> npt.NDArray[np.int64]:
    """Fold 0..folds-1 of each tile, every class spread evenly.

    Tiles are ordered by a keyed hash of their id, so that the split does not depend on the order
    of files or on any library's random generator.

    Raises:
        ConfigError: fewer tiles than folds.
    """
    size(len(ids), 0, folds)
    keys = [hashlib.sha256(f"{seed}/{name}".encode()).digest() for name in ids]
    order = sorted(range(len(ids)), key=lambda index: (int(classes[index]), keys[index]))
    fold = np.empty(len(ids), dtype=np.int64)
    fold[order] = np.arange(len(ids)) % folds
    return fold


def folder(fold: int) -> str:
    """Of a fold's run, in that of a run of all folds."""
    return f"fold-{fold}"


def size(tiles: int, fold: int | None, folds: int) -> int:
    """Tiles that :func:`assign` deals to a fold, 0 to none; raises as it does."""
    if tiles < folds:
        raise ConfigError(
            f"there are {tiles} tiles for {folds} folds, expected at least {folds}; give a smaller "
            "number of --folds, or --fold none to train on every tile"
        )
    return 0 if fold is None else tiles // folds + (fold < tiles % folds)


@dataclasses.dataclass(frozen=True)
class Split:
    """Which tile is in which fold.

    Attributes:
        ids: N ids.
        fold: int64 [N], 0..folds-1.
        classes: int64 [N], coverage class 0..10.
    """

    ids: tuple[str, ...]
    fold: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int64]

    @classmethod
    def of(cls, data: Dataset, folds: int, seed: int) -> Self:
        """Split a data set, as a table says where there is one; raises as :func:`assign`."""
        classes = coverage_class(data.masks)
        if data.dealt is not None:
            return cls(data.ids, data.dealt, classes)
        return cls(data.ids, assign(data.ids, classes, folds, seed), classes)

    def held_out(self, fold: int | None) -> npt.NDArray[np.bool_]:
        """Which tiles are not trained on when that fold is held out, or none is: bool [N]."""
        return np.asarray(self.fold == (-1 if fold is None else fold))

    @property
    def sha256(self) -> str:
        """Digest of which tile is in which fold, by their names."""
        pairs = zip(self.ids, self.fold.tolist(), strict=True)
        rows = sorted(f"{name},{number}\n" for name, number in pairs)
        return hashlib.sha256("".join(rows).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write ``split.csv``: id, fold, coverage class."""
        write_whole(folder / FILE, self._content(), overwrite=True)

    def is_in(self, folder: Path) -> bool:
        """Whether the split that is written there, if there is one, is this."""
        path = folder / FILE
        return not path.exists() or path.read_bytes() == self._content()

    def _content(self) -> bytes:
        rows = zip(self.ids, self.fold.tolist(), self.classes.tolist(), strict=True)
        content = io.StringIO()
        writer = csv.writer(content, lineterminator="\n")  # ids may have commas and quotes
        writer.writerows([("id", "fold", "coverage_class"), *rows])
        return content.getvalue().encode()
