"""True masks, from a CSV of run-length strings, a directory of PNG masks, or a zip of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from salt_infer import png, rle
from salt_infer.errors import LabelError, RleError, TileError
from salt_infer.tiles import TileSource, open_tiles

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

COLUMNS = ("id", "rle_mask")


class Labels(AbstractContextManager["Labels"]):
    """True masks by tile id; a context manager, since a zip stays open."""

    def __init__(self, path: Path, source: TileSource | None = None) -> None:
        """Open labels.

        Args:
            path: a ``.csv`` with columns ``id`` and ``rle_mask``, or a directory or zip of PNG
                masks named like the tiles.
            source: the masks, where they are open already; closed with the labels.

        Raises:
            LabelError: the CSV cannot be read.
            InputError: no such directory or zip, or no masks in it.
        """
        self.path = path
        self._rows: dict[str, str] = {}
        self._source = source
        if source is None and path.suffix.lower() == ".csv":
            self._rows = read_rows(path)
        else:
            self._source = source or open_tiles(path)
        self._tiles = {tile.id: tile for tile in self._source.tiles} if self._source else {}

    def check(self, ids: Sequence[str]) -> None:
        """Raise LabelError unless every one of these tiles has a label."""
        missing = [name for name in ids if name not in self._tiles and name not in self._rows]
        if missing:
            names = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
            raise LabelError(
                f"{self.path} has no label for {len(missing)} of {len(ids)} tiles: {names}"
            )

    def masks(self, ids: Sequence[str]) -> npt.NDArray[np.uint8]:
        """Masks of the named tiles, in that order: uint8 [N, 101, 101], 0 or 1.

        Raises:
            LabelError: a tile has no label, or one cannot be read.
        """
        self.check(ids)
        masks = np.zeros((len(ids), *rle.TILE_SHAPE), dtype=np.uint8)
        for index, name in enumerate(ids):
            try:
                masks[index] = self._mask(name)
            except (RleError, TileError) as error:
                raise LabelError(f"{self.path}: label of {name}: {error}") from error
        return masks

    def _mask(self, name: str) -> npt.NDArray[np.uint8]:
        if self._source is None:
            return rle.decode(self._rows[name])
        return png.decode_mask(self._source.read(self._tiles[name]))

    def __exit__(self, *exception: object) -> None:
        if self._source is not None:
            self._source.close()


def read_rows(path: Path) -> dict[str, str]:
    """Run-length string of each id in a submission or label CSV; nothing is decoded.

    Raises:
        LabelError: unreadable, another header, a malformed row, or one id twice.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            if tuple(header) != COLUMNS:
                raise LabelError(f"{path} starts with {header}, expected {','.join(COLUMNS)}")
            return _unique(path, lines)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{path} cannot be read as CSV ({error})") from error


def _unique(path: Path, lines: CsvReader) -> dict[str, str]:
    rows: dict[str, str] = {}
    for line in lines:
        where = f"{path}, line {lines.line_num}"
        if len(line) != len(COLUMNS):
            raise LabelError(f"{where}: {len(line)} columns, expected {','.join(COLUMNS)}")
        if line[0] in rows:
            raise LabelError(f"{where}: id {line[0]!r} appears a second time")
        rows[line[0]] = line[1]
    return rows
