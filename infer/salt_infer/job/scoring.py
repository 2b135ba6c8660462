"""Rows against true masks, of which no more than some are unpacked at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from salt_infer.data.labels import Labels
from salt_infer.errors import LabelError
from salt_infer.execution.results import Row
from salt_infer.masks import coverage, metric, rle
from salt_infer.masks.orientation import MOST, Fit
from salt_infer.modelfile.learnt import Learnt

_AT_ONCE = 1024  # tiles; true and predicted masks of these are in memory together


_UNTOLD = (
    "whether the model has learnt from {} of the {} tiles that are scored is not known: the run "
    "was begun without --labels"
)


class Score(NamedTuple):
    """Mean precision of rows, and what all-empty masks would have; of how many tiles.

    Attributes:
        doubt: a warning about how labels lie; empty as a rule.
        learnt: those of the tiles that the model is known to have learnt from; None where that
            is none, and its file does not name all of its tiles, or ``untold`` is not 0.
        untold: tiles of which it cannot be told, as their run was begun without labels.
    """

    mean: float
    empty: float
    tiles: int
    doubt: str
    learnt: int | None = 0
    untold: int = 0

    def flattered(self) -> str:
        """A warning where the score is of tiles that the model has learnt from; empty as a rule."""
        if not self.learnt:
            return _UNTOLD.format(self.untold, self.tiles) if self.untold else ""
        return (
            f"the model has learnt from {self.learnt} of the {self.tiles} tiles that are scored: "
            "the score says less of others"
        )


class Truth(NamedTuple):
    """Labels as they were before the run.

    Attributes:
        rle: run-length string of each labelled tile, by the tile's id.
        doubt: a warning about what all of them have in common; empty as a rule.
    """

    rle: dict[str, str]
    doubt: str


def read(labels: Labels, ids: Sequence[str], partial: bool) -> Truth:
    """Read all labels, before hours are spent on what cannot be scored.

    Args:
        labels: true masks.
        ids: of the tiles.
        partial: tiles may lack a label.

    Raises:
        LabelError: a tile lacks its label, or all do, or a label is malformed.
    """
    ids = [name for name in ids if name.isprintable()]  # others have no row to be scored
    labelled = [name for name in ids if labels.find(name) is not None]
    if not (partial and labelled):
        labels.check(ids, "; --partial scores the tiles that have one" if labelled else "")
    sides, strings = coverage.Sides(), dict[str, str]()
    for start in range(0, len(labelled), _AT_ONCE):
        part = labelled[start : start + _AT_ONCE]
        masks = labels.masks(part)
        sides = sides.joined(coverage.Sides.of(masks))
        strings.update(zip(part, rle.encode(masks), strict=True))
    doubt = sides.doubt()
    return Truth(strings, f"{labels.path}: {doubt}" if doubt else "")


def score(truth: Truth, rows: Iterator[Row], out: Path, learnt: Learnt) -> Score:
    """Score the rows that have a label, as written.

    Args:
        truth: the labels.
        rows: at least one with a label.
        out: where the rows were written.
        learnt: what the model has learnt from.

    Raises:
        LabelError: no row has one.
    """
    mine, empty, fit, known, untold = [], [], Fit(), 0, 0
    rows = (row for row in rows if row.id in truth.rle)
    while part := list(itertools.islice(rows, _AT_ONCE)):
        true = np.stack([rle.decode(truth.rle[row.id]) for row in part])
        predicted = np.stack([rle.decode(row.rle) for row in part])
        mine.append(metric.score(true, predicted).per_tile)
        empty.append(metric.score(true, np.zeros_like(true)).per_tile)
        known += int(learnt.among_checksums([row.crc32 for row in part]).sum())
        untold += sum(not row.crc32 and row.position >= 0 for row in part)
        if fit.tiles < MOST:
            fit = fit.joined(Fit.of(predicted, true))
    if not mine:
        raise LabelError(f"{out} is written but has no score: it has no tile that has a label")
    scores = np.concatenate(mine)
    mean, all_empty = float(scores.mean()), float(np.concatenate(empty).mean())
    told = known if known or (learnt.complete and not untold) else None
    return Score(mean, all_empty, len(scores), fit.doubt(), told, untold)
