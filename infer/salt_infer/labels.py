"""True masks, from a CSV of run-length strings, a directory of PNG masks, or a zip of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
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


def read_labels(path: Path, ids: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Masks of the named tiles, in that order.

    Args:
        path: a ``.csv`` with columns ``id`` and ``rle_mask``, or a directory or zip of PNG masks
            named like the tiles.
        ids: which tiles; labels of others are passed over.

    Returns:
        uint8 [N, 101, 101], 0 or 1.

    Raises:
        LabelError: a tile has no label, or one cannot be read.
        InputError: no such directory or zip, or no masks in it.
    """
    if path.suffix.lower() == ".csv":
        return _from_strings(read_rows(path), ids, path)
    with open_tiles(path) as source:
        return masks_of(source, ids, path)


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


def _from_strings(rows: dict[str, str], ids: Sequence[str], path: Path) -> npt.NDArray[np.uint8]:
    _check_present([name for name in ids if name not in rows], len(ids), path)
    masks = np.zeros((len(ids), *rle.TILE_SHAPE), dtype=np.uint8)
    for index, name in enumerate(ids):
        try:
            masks[index] = rle.decode(rows[name])
        except RleError as error:
            raise LabelError(f"{path}: label of {name}: {error}") from error
    return masks


def masks_of(source: TileSource, ids: Sequence[str], path: Path) -> npt.NDArray[np.uint8]:
    """Masks of the named tiles from an open source of PNG masks; as :func:`read_labels`."""
    found = {tile.id: tile for tile in source.tiles}
    _check_present([name for name in ids if name not in found], len(ids), path)
    masks = np.zeros((len(ids), *rle.TILE_SHAPE), dtype=np.uint8)
    for index, name in enumerate(ids):
        try:
            masks[index] = png.decode_mask(source.read(found[name]))
        except TileError as error:
            raise LabelError(f"{found[name].path}: {error}") from error
    return masks


def _check_present(missing: list[str], count: int, path: Path) -> None:
    if missing:
        names = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise LabelError(f"{path} has no label for {len(missing)} of {count} tiles: {names}")
