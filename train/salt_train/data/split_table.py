"""Folds that somebody has chosen: a table of ``id,fold``, as ``split.csv`` of a run is one."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from salt_infer.data.ids import Known, some
from salt_infer.errors import InputError
from salt_infer.system.text import named, shown
from salt_train.data.dataset import Dataset
from salt_train.errors import DataError

COLUMNS = ("id", "fold")
_MOST_DIGITS = 3  # of a fold's number
# pandas writes 1.0 where a column of whole numbers has an empty cell.
_NUMBER = re.compile(rf"([0-9]{{1,{_MOST_DIGITS}}})(?:\.0+)?")


@dataclasses.dataclass(frozen=True)
class SplitTable:
    """Which tile is in which fold.

    Attributes:
        path: of the table.
        fold: of each id, 0..folds-1; every fold has a tile.
        left_out: ids that are in none, of tiles that take no part.
    """

    path: Path
    fold: Mapping[str, int]
    left_out: frozenset[str] = frozenset()

    @property
    def folds(self) -> int:
        """How many there are, at least 2."""
        return max(self.fold.values()) + 1

    def of(self, data: Dataset) -> Dataset:
        """The same tiles without those that are left out, dealt as the table says.

        Raises:
            DataError: as of :meth:`dealt`.
        """
        dealt = self.dealt(data.ids)
        out = frozenset(data.ids) - dealt.keys()
        data = data.without(out) if out else data
        return dataclasses.replace(data, dealt=np.array([*dealt.values()], dtype=np.int64))

    def dealt(self, ids: Sequence[str]) -> dict[str, int]:
        """The fold of each of these tiles, in their order, but for those that are left out.

        Raises:
            DataError: it does not have each of them, or a fold none.
        """
        out, known = Known(ids).found(self.left_out), Known(self.fold)
        part = [name for name in ids if name not in out]
        if missing := known.missing(part):
            raise DataError(
                f"{self.path} has no fold for {len(missing)} of {len(part)} tiles: "
                f"{named(missing)}; its ids are {some([*self.fold], 2)}; to leave a tile out, give "
                "it an empty fold"
            )
        dealt = {name: self.fold[known.find(name) or name] for name in part}
        if left := sorted(set(self.fold.values()) - set(dealt.values())):
            raise DataError(f"no tile of the data is in fold {left[0]} of {self.path}")
        return dealt


def read(path: Path) -> SplitTable:
    """Read a CSV with the columns ``id`` and ``fold``; others are passed over.

    Raises:
        InputError: there is no such file.
        DataError: it cannot be read, or does not say a fold of each id, from 0 without a gap.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if lacking := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
                raise DataError(
                    f"{path} has no column {' nor '.join(lacking)}, expected a CSV of id,fold"
                )
            if twice := [name for name in COLUMNS if (rows.fieldnames or []).count(name) > 1]:
                raise DataError(f"{path} has the column {twice[0]} twice, expected it once")
            pairs = [(row["id"], row["fold"]) for row in rows]
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}; expected a CSV of id,fold") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV ({error})") from error
    read = _read(path, pairs)
    dealt = {name: fold for name, fold in read.items() if fold is not None}
    _check_folds(path, set(dealt.values()))
    return SplitTable(path, dealt, frozenset(read.keys() - dealt.keys()))


def _read(path: Path, pairs: list[tuple[str, str | None]]) -> dict[str, int | None]:
    """The fold of each id, None where the cell is empty; one that is not there is a fault."""
    found: dict[str, int | None] = {}
    for name, text in pairs:
        number = _NUMBER.fullmatch((text or "").strip())
        left_out = text is not None and not text.strip()
        if not left_out and not number:
            raise DataError(
                f"{path}: the fold of {shown(name)} is {shown(str(text))}, expected 0 to "
                f"{10**_MOST_DIGITS - 1}: number the groups, such as val 0 and train 1"
            )
        if name in found:
            raise DataError(f"{path} has {shown(name)} twice, expected each id once")
        found[name] = int(number[1]) if number else None
    return found


def _check_folds(path: Path, there: set[int]) -> None:
    if gap := sorted(set(range(max(there, default=0) + 1)) - there):
        less = ": subtract 1 from each" if there and gap[0] == 0 else ""
        raise DataError(
            f"{path} has no tile in fold {gap[0]}, expected folds from 0 without a gap{less}"
        )
    if len(there) < 2:
        raise DataError(
            f"{path} has all its tiles in one fold, expected two folds at least: every tile is in "
            "one, those that are only trained on, too"
        )
