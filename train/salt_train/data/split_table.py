"""Folds that somebody has chosen: a table of ``id,fold``, as ``split.csv`` of a run is one."""

from __future__ import annotations

import csv
import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from salt_infer.data.ids import Known, some
from salt_infer.errors import InputError
from salt_infer.system.text import named, shown
from salt_train.data.dataset import Dataset
from salt_train.errors import DataError

COLUMNS = ("id", "fold")
_MOST_DIGITS = 3  # of a fold's number


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

    def held_out(self, fold: int | None) -> int:
        """Tiles of a fold, 0 of none."""
        return Counter(self.fold.values())[-1 if fold is None else fold]

    def of(self, data: Dataset) -> Dataset:
        """The same tiles without those that are left out, dealt as the table says.

        Raises:
            DataError: it does not have each of these tiles.
        """
        out = Known(data.ids).found(self.left_out)
        data = data.without(out) if out else data
        known = Known(self.fold)
        if missing := known.missing(data.ids):
            raise DataError(
                f"{self.path} has no fold for {len(missing)} of {len(data)} tiles: "
                f"{named(missing)}; its ids are {some([*self.fold], 2)}; to leave a tile out, give "
                "it an empty fold"
            )
        own = [known.find(name) or name for name in data.ids]
        dealt = np.array([self.fold[name] for name in own], dtype=np.int64)
        if left := sorted(set(self.fold.values()) - set(dealt.tolist())):
            raise DataError(f"no tile of the data is in fold {left[0]} of {self.path}")
        return dataclasses.replace(data, dealt=dealt)


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
        digits = (text or "").strip()
        left_out = text is not None and not digits
        if not left_out and not (
            digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS
        ):
            raise DataError(
                f"{path}: the fold of {shown(name)} is {shown(str(text))}, expected 0 to "
                f"{10**_MOST_DIGITS - 1}: number the groups, such as val 0 and train 1"
            )
        if name in found:
            raise DataError(f"{path} has {shown(name)} twice, expected each id once")
        found[name] = None if left_out else int(digits)
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
