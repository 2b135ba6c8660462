"""What became of each tile of a submission, and what that adds up to.

Everything is counted from one table with a row a tile (:func:`table`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from salt_infer.masks import coverage, metric
from salt_infer.masks.coverage import TINY
from salt_report.common.kinds import Flags, Images, nearly_full

THRESHOLDS = tuple(float(twentieth) / 20 for twentieth in metric.TWENTIETHS)  # 0.50 .. 0.95
_OFF = 0.1  # of an area, for masks to be too large or too small on the whole
GROUPS = 11  # scores of a tile in tenths: 0 to 10

_Measures = TypeVar("_Measures", float, "pd.Series[float]")

# How a tile can fall short of a score of 1, in the order of the pages.
MISSED, FALSE, BOUNDARY, NONE = "missed salt", "false salt", "boundary", "none"
LOSSES = {
    MISSED: "there is salt, the mask is empty",
    FALSE: "there is no salt, the mask is not empty",
    BOUNDARY: "salt in both, the IoU is not above .95",
}


def table(ids: Sequence[str], truth: Images, predicted: Images) -> pd.DataFrame:
    """Counts and score of each tile.

    Args:
        ids: N ids, the index of the table.
        truth: uint8 [N, 101, 101], non-zero is salt.
        predicted: the same shape.

    Returns:
        Columns ``truth_px``, ``predicted_px``, ``intersection``, ``union``, ``wrong_px`` (int),
        ``iou`` (0..1, 1 for two empty masks), ``score`` (0..1), ``group`` (the score in tenths,
        0..10), ``loss`` (a key of LOSSES, or NONE), ``coverage_class`` (0..10).
    """
    intersection, union = metric.overlap(truth, predicted)
    score = metric.precision(intersection, union)
    columns: dict[str, npt.NDArray[Any]] = {
        "truth_px": np.count_nonzero(truth, axis=(1, 2)),
        "predicted_px": np.count_nonzero(predicted, axis=(1, 2)),
        "intersection": intersection,
        "union": union,
        "wrong_px": union - intersection,
        "iou": np.where(union == 0, 1.0, intersection / np.maximum(union, 1)),
        "score": score,
        "group": np.rint(score * 10).astype(np.int64),
        "coverage_class": coverage.coverage_class(truth),
    }
    outcome = pd.DataFrame(columns, index=pd.Index(list(ids), name="id", dtype=object))
    salt, said = outcome.truth_px > 0, outcome.predicted_px > 0
    chosen = [salt & ~said, ~salt & said, salt & said & (outcome.group < 10)]
    outcome["loss"] = np.select(chosen, list(LOSSES), default=NONE)
    return outcome


@dataclasses.dataclass(frozen=True)
class Headline:
    """The score, how sure it is, and what it is to be compared with; all 0..1.

    Attributes:
        tiles: how many.
        score: mean over tiles of the precision over IoU .50 to .95.
        low, high: 95 % bootstrap interval of it.
        all_empty, all_full: what masks of no salt, and of nothing else, would score.
        perfect_presence: what these masks would score if each tile that is missed or falsely
            masked scored 1. No more than this is to be had of a better judge, and less if the
            outlines in missed tiles are not perfect.
    """

    tiles: int
    score: float
    low: float
    high: float
    all_empty: float
    all_full: float
    perfect_presence: float


def headline(outcome: pd.DataFrame, pixels: int) -> Headline:
    """Sum up a :func:`table`; ``pixels`` are those of a tile."""
    low, high = metric.interval(outcome.score.to_numpy())
    truth = outcome.truth_px.to_numpy()
    full = metric.precision(truth, np.full(len(truth), pixels))
    presence = outcome.loss.isin([MISSED, FALSE])
    return Headline(
        tiles=len(outcome),
        score=float(outcome.score.mean()),
        low=low,
        high=high,
        all_empty=float((outcome.truth_px == 0).mean()),
        all_full=float(full.mean()),
        perfect_presence=float(outcome.score.where(~presence, 1.0).mean()),
    )


def at_thresholds(outcome: pd.DataFrame) -> pd.DataFrame:
    """Share of tiles whose IoU is above each threshold.

    Returns:
        A row a threshold .50 to .95: ``all`` tiles, and those with ``salt_in_both`` masks alone
        (NaN where there are none).
    """
    hits = metric.hits(outcome.intersection.to_numpy(), outcome.union.to_numpy())
    both = ((outcome.truth_px > 0) & (outcome.predicted_px > 0)).to_numpy()
    part = hits[both].mean(axis=0) if both.any() else np.full(len(THRESHOLDS), np.nan)
    index = pd.Index(THRESHOLDS, name="iou")
    return pd.DataFrame({"all": hits.mean(axis=0), "salt_in_both": part}, index=index)


def groups(outcome: pd.DataFrame) -> pd.DataFrame:
    """Tiles of each score group, the case study's table.

    Returns:
        A row a group 0..10 (score in tenths): ``tiles``, of which ``empty`` (no salt) and ``salt``.
    """
    empty = outcome.truth_px == 0
    counted = pd.crosstab(outcome.group, empty)
    counted = counted.reindex(index=range(GROUPS), columns=[True, False], fill_value=0)
    counted.columns = ["empty", "salt"]
    return counted.assign(tiles=counted["empty"] + counted["salt"])


@dataclasses.dataclass(frozen=True)
class Presence:
    """Tiles by whether there is salt, and whether the mask says so: the confusion matrix."""

    found: int  # salt, and a mask
    missed: int
    false: int
    clear: int  # no salt, and no mask
    missed_full: int  # of the missed: salt is nearly all of the tile
    false_full: int  # of the false: the mask is nearly all of the tile

    @property
    def accuracy(self) -> float:
        right = self.found + self.clear
        return right / (right + self.missed + self.false)


def presence(outcome: pd.DataFrame, pixels: int) -> Presence:
    """The confusion matrix of a :func:`table`; ``pixels`` are those of a tile."""
    salt, said = outcome.truth_px > 0, outcome.predicted_px > 0
    missed, false = salt & ~said, ~salt & said
    cells = (
        salt & said,
        missed,
        false,
        ~salt & ~said,
        missed & nearly_full(outcome.truth_px, pixels),
        false & nearly_full(outcome.predicted_px, pixels),
    )
    return Presence(*(int(cell.sum()) for cell in cells))


@dataclasses.dataclass(frozen=True)
class PixelCounts:
    """Pixels of all tiles together, and the measures that other programs have of these: not the
    score, as large bodies of salt say most in them, and tiles without salt nothing.

    Attributes:
        found: salt, and in the mask; likewise the others.
        iou, dice: of these counts, 0..1; NaN where there is salt in no mask, true or drawn.
        tile_iou, tile_dice: mean of the tiles with salt, each by itself; NaN where none has any.
    """

    found: int
    missed: int
    false: int
    clear: int
    iou: float
    dice: float
    tile_iou: float
    tile_dice: float


def dice(iou: _Measures) -> _Measures:
    """Twice what two masks have in common, of both together; by their IoU."""
    return 2 * iou / (1 + iou)


def pixel_counts(outcome: pd.DataFrame, pixels: int) -> PixelCounts:
    """Pixels of a :func:`table`, of which each tile has so many."""
    found, union = int(outcome.intersection.sum()), int(outcome.union.sum())
    missed = int(outcome.truth_px.sum()) - found
    iou = found / union if union else float("nan")
    of_tiles = outcome.iou[outcome.truth_px > 0]
    return PixelCounts(
        found=found,
        missed=missed,
        false=union - found - missed,
        clear=pixels * len(outcome) - union,
        iou=iou,
        dice=dice(iou),
        tile_iou=float(of_tiles.mean()),
        tile_dice=float(dice(of_tiles).mean()),
    )


def losses(outcome: pd.DataFrame) -> pd.DataFrame:
    """Where the score went.

    Returns:
        A row a key of LOSSES: ``tiles``, and ``points`` (0..1), which sum up to 1 - score.
    """
    lost = (1 - outcome.score).groupby(outcome.loss).agg(["size", "sum"])
    lost = lost.reindex(list(LOSSES), fill_value=0)
    return pd.DataFrame({"tiles": lost["size"].astype(int), "points": lost["sum"] / len(outcome)})


def advice(outcome: pd.DataFrame) -> str:
    """What cost most, and what to try first, in words; empty where nothing was lost."""
    lost = losses(outcome).points
    if not lost.sum():
        return ""
    worst, share = str(lost.idxmax()), lost.max() / lost.sum()
    begin = f"{share:.0%} of the points went to {'outlines' if worst == BOUNDARY else worst}"
    if worst == MISSED:
        return f"{begin}: see whether a lower gate finds it (salt-infer --gate)."
    if worst == BOUNDARY:
        return f"{begin}: {_outlines(outcome[outcome.loss == BOUNDARY])}."
    tiny = int((outcome.predicted_px[outcome.loss == FALSE] <= TINY).sum())
    if 2 * tiny > (outcome.loss == FALSE).sum():
        return (
            f"{begin}: {tiny} of these masks have {TINY} pixels or fewer, which salt-infer "
            f"--min-area {TINY + 1} leaves out."
        )
    return f"{begin}: see whether a higher gate leaves it out (salt-infer --gate)."


def _outlines(tiles: pd.DataFrame) -> str:
    """What masks have in common that are not where the salt is."""
    elsewhere = int((2 * tiles.intersection <= tiles.union).sum())
    ratio = tiles.predicted_px.sum() / tiles.truth_px.sum()
    if ratio > 1 + _OFF:
        said = f"they are {ratio:.2f} times as large as the salt, so try a higher threshold"
    elif ratio < 1 - _OFF:
        said = f"they are {ratio:.2f} times as large as the salt, so try a lower threshold"
    else:
        said = "they are about as large as the salt, so it takes a better network, or several"
    return (
        f"masks are drawn where there is salt and do not fit it; {said}; {elsewhere} of these "
        f"{len(tiles)} tiles have an IoU of .5 or less, such as those of another place"
    )


def by_class(outcome: pd.DataFrame) -> pd.DataFrame:
    """:func:`of_parts` for the coverage classes that occur, 0..10."""
    classes = outcome.coverage_class.to_numpy()
    return of_parts(outcome, {str(number): classes == number for number in sorted(set(classes))})


def of_parts(outcome: pd.DataFrame, parts: Mapping[str, Flags]) -> pd.DataFrame:
    """What became of some of the tiles.

    Args:
        outcome: a :func:`table` of N tiles.
        parts: bool [N] by name.

    Returns:
        A row a part that is not empty: ``tiles``, ``score`` with its bootstrap interval ``low``
        and ``high``, ``missed`` and ``false`` tiles, and the ``points`` (0..1) that it costs the
        score of all.
    """
    rows = {
        name: _part(outcome[chosen], len(outcome)) for name, chosen in parts.items() if chosen.any()
    }
    columns = ["tiles", "score", "low", "high", "missed", "false", "points"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _part(part: pd.DataFrame, total: int) -> list[float]:
    low, high = metric.interval(part.score.to_numpy())
    counts = part.loss.value_counts()
    return [
        len(part),
        float(part.score.mean()),
        low,
        high,
        int(counts.get(MISSED, 0)),
        int(counts.get(FALSE, 0)),
        float((1 - part.score).sum() / total),
    ]
