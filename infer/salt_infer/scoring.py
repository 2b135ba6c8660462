"""Rows against true masks, in bounded memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer import metric, rle
from salt_infer.errors import LabelError
from salt_infer.labels import Labels
from salt_infer.record import Entry

_AT_ONCE = 1024  # tiles; true and predicted masks of these are in memory together


def score(labels: Labels, rows: Iterator[Entry], out: Path) -> tuple[float, float]:
    """Score of the rows as written, and of all-empty masks.

    Args:
        labels: true masks.
        rows: at least one.
        out: where the rows were written.

    Raises:
        LabelError: a label is missing or malformed.
    """
    mine, empty = [], []
    while part := list(itertools.islice(rows, _AT_ONCE)):
        truth = _truth(labels, [row.id for row in part], out)
        predicted = np.stack([rle.decode(row.rle) for row in part])
        mine.append(metric.score(truth, predicted).per_tile)
        empty.append(metric.score(truth, np.zeros_like(truth)).per_tile)
    return float(np.concatenate(mine).mean()), float(np.concatenate(empty).mean())


def _truth(labels: Labels, ids: list[str], out: Path) -> npt.NDArray[np.uint8]:
    try:
        return labels.masks(ids)
    except LabelError as error:
        raise LabelError(f"{out} is written but has no score: {error}") from error
