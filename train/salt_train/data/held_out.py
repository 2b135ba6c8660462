"""The fold that a run holds out, and its tiles."""

from __future__ import annotations

import dataclasses
from functools import cached_property

from salt_train.data.dataset import Dataset
from salt_train.data.folds import Split


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """What a run validates on and must not learn from.

    Attributes:
        everything: all its tiles, with their masks.
        split: how they are dealt to folds.
        fold: that is held out; None for none, and then no tile is kept from anything.
    """

    everything: Dataset
    split: Split
    fold: int | None

    @cached_property
    def data(self) -> Dataset:
        """The tiles of that fold; none of fold None."""
        return self.everything.subset(self.split.held_out(self.fold))

    @cached_property
    def others(self) -> Dataset:
        """All other tiles."""
        return self.everything.subset(~self.split.held_out(self.fold))

    @cached_property
    def fresh(self) -> Dataset:
        """Those of the fold that have no twin among the others: of twins every network that held
        this fold out has learnt, and so does this run.
        """
        return self.data.subset(~self.data.pixels_in(self.others))
