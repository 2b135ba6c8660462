"""Tables beside a data set: the tiles' depths, and their folds."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer.data.ids import Known
from salt_infer.errors import InputError
from salt_infer.system.text import listed, named
from salt_report.errors import ReportError

DEPTHS = "depths.csv"
DEPTH_COLUMNS = ("id", "z")
SPLIT_COLUMNS = ("id", "fold")
CLASS_COLUMN = "coverage_class"

_Rows = dict[str, dict[str, str]]


def find_depths(data: Path) -> Path | None:
    """The ``depths.csv`` in a data set's folder or beside it, if there is one."""
    above = data.parent if data.name not in ("", "..") else data / ".."  # of ".", it would be "."
    places = (data / DEPTHS, above / DEPTHS)
    return next((path for path in places if path.is_file()), None)


def depths_beside(path: Path, ids: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """:func:`depths` of a table that nobody named; None where it is of other tiles."""
    rows = _read(path, DEPTH_COLUMNS)
    known = Known(rows)
    if all(known.find(name) is None for name in ids):
        return None
    return _depths(path, rows, ids)


def depths(path: Path, ids: Sequence[str]) -> npt.NDArray[np.float64]:
    """Depth of each tile in metres: float64 [N], NaN where the table does not have it.

    Raises:
        ReportError: the table cannot be read, has something else than numbers, or none of the
            tiles.
    """
    found = _depths(path, _read(path, DEPTH_COLUMNS), ids)
    if np.isnan(found).all():
        raise ReportError(f"{path} has the depth of none of the {len(ids)} tiles: {named(ids)}")
    return found


def _depths(path: Path, rows: _Rows, ids: Sequence[str]) -> npt.NDArray[np.float64]:
    known = Known(rows)
    own = [rows[row]["z"].strip() if (row := known.find(name)) else "" for name in ids]
    values = [_number(text) for text in own]  # an empty cell is not known
    told = zip(ids, own, values, strict=True)
    if faults := [(name, text) for name, text, value in told if text and math.isnan(value)]:
        raise ReportError(
            f"{path}: {len(faults)} of {len(ids)} depths are no numbers:{listed(faults)}"
        )
    return np.array(values)


def folds(path: Path, ids: Sequence[str], classes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Fold of each tile, from a ``split.csv`` as ``salt-train`` writes it: int64 [N].

    Args:
        path: CSV with the columns ``id,fold`` and, as a rule, ``coverage_class``.
        ids: N ids.
        classes: int64 [N], the tiles' coverage classes, which the table has to agree with.

    Raises:
        ReportError: the table cannot be read, or is of other tiles or masks.
    """
    rows = _read(path, SPLIT_COLUMNS)
    known, tiles = Known(rows), Known(ids)
    for what, strays in (
        ("has no row for", known.missing(ids)),
        ("has rows of tiles that are not in the data:", sorted(tiles.missing(rows))),
    ):
        if strays:
            raise ReportError(f"{path} {what} {len(strays)} tiles: {named(strays)}")
    if faults := [(name, row["fold"]) for name, row in rows.items() if not _is_fold(row["fold"])]:
        raise ReportError(
            f"{path}: {len(faults)} folds are not numbers from 0 to 999:{listed(faults)}"
        )
    own = [rows[known.find(name) or name] for name in ids]
    differing = [
        (name, f"class {row[CLASS_COLUMN]}, its mask is of class {expected}")
        for name, row, expected in zip(ids, own, map(str, classes.tolist()), strict=True)
        if CLASS_COLUMN in row and row[CLASS_COLUMN] != expected
    ]
    if differing:
        raise ReportError(
            f"{path} is of other masks: {len(differing)} coverage classes differ{listed(differing)}"
        )
    return np.array([int(row["fold"]) for row in own], dtype=np.int64)


def _read(path: Path, columns: tuple[str, ...]) -> _Rows:
    """Cells by id and column; the first columns must be those, the first of all ``id``."""
    rows: _Rows = {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            if tuple(header[: len(columns)]) != columns:
                raise ReportError(f"{path} starts with {header[:9]}, expected {','.join(columns)}")
            named = [name for name in header if name]  # a spreadsheet may save more without names
            if len(set(named)) != len(named):
                raise ReportError(f"{path} has a column twice in {header[:9]}, expected each once")
            for line in lines:
                where = f"{path}, line {lines.line_num}"
                if len(line) != len(header):
                    raise ReportError(f"{where}: {len(line)} columns, expected {len(header)}")
                if line[0] in rows:
                    raise ReportError(f"{where}: id {line[0]!r} appears a second time")
                rows[line[0]] = dict(zip(header, line, strict=True))
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReportError(f"{path} cannot be read as CSV ({error})") from error
    return rows


def _number(text: str) -> float:
    """The number, NaN if it is none or not finite."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _is_fold(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 3
