"""The table beside tiles that were cut out of lines, ``tiles.csv``, as ``salt-survey tiles`` writes
it: who learns from such tiles should know that they overlap.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from salt_infer.data.layout import DatasetLayout
from salt_infer.errors import InputError, LabelError

TABLE = "tiles.csv"
COLUMNS = ("id", "line", "row", "column", "polarity", "salt")
_MOST = 100 << 20  # bytes that are read of a table


def lines_of(layout: DatasetLayout) -> dict[str, str]:
    """Of each tile of a data set, by id, the line that it was cut out of, as far as it is known:
    the names of its survey and itself, and a mark of its amplitudes.
    """
    folder = layout.images.parent
    if layout.root.is_dir():
        return lines_in(folder) or {}
    try:
        return _lines(layout.zipped_table(folder / TABLE)) or {}
    except (InputError, LabelError):
        return {}  # it is a hint, and no part of the data


def lines_in(folder: Path) -> dict[str, str] | None:
    """The same of a folder with the table in it; None where it holds none, or another."""
    try:
        with open(folder / TABLE, "rb") as file:
            return _lines(file.read(_MOST))
    except OSError:
        return None


def _lines(data: bytes) -> dict[str, str] | None:
    try:
        rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    except (ValueError, csv.Error):
        return None
    if not rows or tuple(rows[0]) != COLUMNS:
        return None
    cut = (row[0] for row in rows[1:] if len(row) == len(COLUMNS))
    return {name: name.rsplit("-", 2)[0] for name in cut}
