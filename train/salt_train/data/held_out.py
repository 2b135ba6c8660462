"""The fold that a run holds out, and its tiles."""

from __future__ import annotations

import dataclasses
from typing import Self

from salt_train.data.dataset import Dataset
from salt_train.data.folds import Split


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """What a run validates on and must not learn from.

    Attributes:
        split: how all its tiles are dealt to folds.
        fold: that is held out; None for none, and then no tile is kept from anything.
        data: the tiles of that fold, with their masks; none of fold None.
        fresh: those of them that have no twin among the others: of twins every network that held
            this fold out has learnt, and so does this run.
    """

    split: Split
    fold: int | None
    data: Dataset
    fresh: Dataset

    @classmethod
    def of(cls, data: Dataset, split: Split, fold: int | None) -> Self:
        """A fold of the tiles that the split is of."""
        chosen = split.held_out(fold)
        found = data.subset(chosen)
        twins = found.pixels_in(data.subset(~chosen))
        return cls(split, fold, found, found.subset(~twins))
