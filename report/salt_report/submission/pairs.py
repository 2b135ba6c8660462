"""Two submissions of the same tiles, side by side."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from salt_infer.masks import metric
from salt_report.submission.outcomes import FALSE, GROUPS, MISSED


@dataclasses.dataclass(frozen=True)
class Pairs:
    """A submission against another; differences are the first minus the other.

    Attributes:
        score, other: of each, 0..1.
        difference: of the scores, with its paired 95 % bootstrap interval ``low`` and ``high``.
        wins, losses, ties: tiles that the first scores higher, lower, and the same.
        presence_mended, presence_spoilt: tiles whose presence of salt only the first, or only the
            other, tells right.
        moves: tiles by score group: a row a group of the other, a column a group of the first.
        changed: a row a tile of another score, the largest difference first: ``score`` and
            ``other`` of the tile, ``difference``, ``loss`` and ``other_loss``.
    """

    score: float
    other: float
    difference: float
    low: float
    high: float
    wins: int
    losses: int
    ties: int
    presence_mended: int
    presence_spoilt: int
    moves: pd.DataFrame
    changed: pd.DataFrame


def compare(first: pd.DataFrame, other: pd.DataFrame) -> Pairs:
    """Pair two tables of :func:`salt_report.submission.outcomes.table`, their tiles in the same
    order.
    """
    difference = (first.score - other.score).to_numpy()
    tenths = (first.group - other.group).to_numpy()
    low, high = metric.interval_of_tenths(tenths)
    wrong, other_wrong = (it.loss.isin([MISSED, FALSE]) for it in (first, other))
    return Pairs(
        score=float(first.score.mean()),
        other=float(other.score.mean()),
        difference=float(difference.mean()),
        low=low,
        high=high,
        wins=int((tenths > 0).sum()),
        losses=int((tenths < 0).sum()),
        ties=int((tenths == 0).sum()),
        presence_mended=int((~wrong & other_wrong).sum()),
        presence_spoilt=int((wrong & ~other_wrong).sum()),
        moves=_moves(first, other),
        changed=_changed(first, other, tenths != 0),
    )


def _moves(first: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    counted = pd.crosstab(other.group, first.group)
    return counted.reindex(index=range(GROUPS), columns=range(GROUPS), fill_value=0)


def _changed(first: pd.DataFrame, other: pd.DataFrame, chosen: np.ndarray) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "score": first.score,
            "other": other.score,
            "difference": (first.group - other.group) / 10,
            "loss": first.loss,
            "other_loss": other.loss,
        }
    )[chosen]
    order = rows.difference.abs().sort_values(ascending=False, kind="stable").index
    return rows.loc[order]
