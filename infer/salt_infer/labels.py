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

    @property
    def ids(self) -> list[str]:
        """The ids that have a label; nothing is decoded."""
        return [*self._tiles, *self._rows]

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

    def folders(self) -> set[Path]:
        """Those that the masks' files lie in; none of a CSV or zip."""
        return self._source.folders() if self._source else set()

    def __exit__(self, *exception: object) -> None:
        if self._source is not None:
            self._source.close()


def read_rows(path: Path) -> dict[str, str]:
    """Run-length string of each id in a submission or label CSV; nothing is decoded.

    Columns after ``id,rle_mask`` are passed over.

    Raises:
        LabelError: unreadable, another header, a malformed row, or one id twice.
    """
    return {name: row[0] for name, row in _read(path)[1].items()}


def read_column(path: Path, column: str) -> dict[str, float]:
    """Number of each id in one of the columns that ``salt-infer --details`` adds: ``salt``, NaN
    for a tile that could not be read, or ``confidence``; both are 0..1.

    Raises:
        LabelError: as :func:`read_rows`, or there is no such column or no number in it.
    """
    header, rows = _read(path)
    if column not in header[len(COLUMNS) :]:
        raise LabelError(f"{path} has no column {column}; write it with salt-infer --details")
    index = header.index(column, len(COLUMNS)) - 1
    return {name: _number(row[index], f"{path}: {column} of {name}") for name, row in rows.items()}


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise LabelError(f"{what} is {text[:20]!r}, expected a number") from error


def _read(path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """Header, and by id what follows it in its row."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            if tuple(header[: len(COLUMNS)]) != COLUMNS:
                raise LabelError(f"{path} starts with {header}, expected {','.join(COLUMNS)}")
            return header, _unique(path, header, lines)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{path} cannot be read as CSV ({error})") from error


def _unique(path: Path, header: list[str], lines: CsvReader) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {}
    for line in lines:
        where = f"{path}, line {lines.line_num}"
        if len(line) != len(header):
            raise LabelError(f"{where}: {len(line)} columns, expected {','.join(header)}")
        name, *rest = line
        if name in rows:
            raise LabelError(f"{where}: id {name!r} appears a second time")
        rows[name] = rest
    return rows
