"""Rows against true masks, in bounded memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from salt_infer.data.labels import Labels
from salt_infer.errors import LabelError
from salt_infer.execution.results import Row
from salt_infer.masks import coverage, metric, rle

_AT_ONCE = 1024  # tiles; true and predicted masks of these are in memory together


class Score(NamedTuple):
    """Mean precision of rows, and what all-empty masks would have; of how many tiles."""

    mean: float
    empty: float
    tiles: int


def check(labels: Labels, ids: Sequence[str], partial: bool) -> str:
    """See that labels can be had, before hours are spent on what cannot be scored.

    Args:
        labels: true masks.
        ids: of the tiles.
        partial: tiles may lack a label.

    Returns:
        A warning about what all labels have in common; empty as a rule.

    Raises:
        LabelError: a tile lacks its label, or all do, or a label is malformed.
    """
    labelled = [name for name in ids if labels.find(name) is not None]
    if not (partial and labelled):
        labels.check(ids, "; --partial scores the tiles that have one" if labelled else "")
    sides = coverage.Sides()
    for start in range(0, len(labelled), _AT_ONCE):
        masks = labels.masks(labelled[start : start + _AT_ONCE])
        sides = sides.joined(coverage.Sides.of(masks))
    doubt = sides.doubt()
    return f"{labels.path}: {doubt}" if doubt else ""


def score(labels: Labels, rows: Iterator[Row], out: Path) -> Score:
    """Score the rows that have a label, as written.

    Args:
        labels: true masks, as :func:`check` has found them.
        rows: at least one with a label.
        out: where the rows were written.

    Raises:
        LabelError: a label is missing or malformed.
    """
    mine, empty = [], []
    rows = (row for row in rows if labels.find(row.id) is not None)
    while part := list(itertools.islice(rows, _AT_ONCE)):
        truth = _truth(labels, [row.id for row in part], out)
        predicted = np.stack([rle.decode(row.rle) for row in part])
        mine.append(metric.score(truth, predicted).per_tile)
        empty.append(metric.score(truth, np.zeros_like(truth)).per_tile)
    if not mine:
        raise LabelError(f"{out} is written but has no score: it has no tile that has a label")
    scores = np.concatenate(mine)
    return Score(float(scores.mean()), float(np.concatenate(empty).mean()), len(scores))


def _truth(labels: Labels, ids: list[str], out: Path) -> npt.NDArray[np.uint8]:
    try:
        return labels.masks(ids)
    except LabelError as error:
        raise LabelError(
            f"{out} is written but has no score: {error}; once that is mended, salt-report "
            "evaluate scores it without another run"
        ) from error
