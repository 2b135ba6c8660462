"""The competition's score, in integers.

For one tile: the share of the thresholds t in {0.50, 0.55, ..., 0.95} with IoU > t; two empty
masks score 1, one empty mask scores 0. The score is the mean over tiles. ``IoU > k / 20`` is
compared as ``20 * intersection > k * union``: a floating-point IoU gives wrong hits on exact ties
(Kaggle, "TGS Salt Identification Challenge", Evaluation).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from salt_infer.errors import LabelError
from salt_infer.masks.blocks import blocks

# Where none were chosen. A mask scores s on average when there is salt and 0 when there is none; no
# mask scores 1 when there is none. So of a tile that has salt with probability p it pays iff
# p * s > 1 - p, that is p > 1 / (1 + s), and s is about 0.8.
NEUTRAL_THRESHOLD, NEUTRAL_GATE = 0.5, 1 / 1.8
_BLOCK = 500  # bootstrap resamples drawn at once
TWENTIETHS = np.arange(10, 20, dtype=np.int64)  # thresholds in units of 1/20: 0.50 .. 0.95


@dataclasses.dataclass(frozen=True)
class Score:
    """Score of a set of masks.

    Attributes:
        per_tile: float64 [N], each in {0, 0.1, ..., 1}.
        mean: mean of ``per_tile``; the competition's score, 0..1.
    """

    per_tile: npt.NDArray[np.float64]
    mean: float


def score(truth: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> Score:
    """Score predicted masks against true ones.

    Args:
        truth: [N, H, W], bool or any number; every non-zero pixel is salt.
        predicted: the same shape.

    Raises:
        LabelError: the shapes differ, are not [N, H, W], or N is 0.
    """
    if truth.shape != predicted.shape or truth.ndim != 3 or len(truth) == 0:
        raise LabelError(
            f"truth has shape {truth.shape} and prediction {predicted.shape}, expected the same "
            "[N, H, W] with N >= 1; score masks at tile size, not on the padded canvas"
        )
    per_tile = precision(*overlap(truth, predicted))
    return Score(per_tile=per_tile, mean=float(per_tile.mean()))


def overlap(
    truth: npt.NDArray[Any], predicted: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pixels in the intersection and in the union of masks [N, H, W]: int64 [N] each."""
    intersection, union = np.empty((2, len(truth)), np.int64)
    for part in blocks(len(truth)):
        drawn, found = truth[part] != 0, predicted[part] != 0
        intersection[part] = np.count_nonzero(drawn & found, axis=(1, 2))
        union[part] = np.count_nonzero(drawn | found, axis=(1, 2))
    return intersection, union


def hits(
    intersection: npt.NDArray[np.int64], union: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Whether each tile's IoU is above each threshold; two empty masks are above all of them.

    Returns:
        bool [N, 10], in the order of TWENTIETHS.
    """
    above = 20 * intersection[:, None] > TWENTIETHS * union[:, None]
    return np.asarray(above | (union == 0)[:, None])


def precision(
    intersection: npt.NDArray[np.int64], union: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Mean precision of each tile from pixel counts; int64 [N] each -> float64 [N] in 0..1."""
    return np.asarray(hits(intersection, union).mean(axis=1), dtype=np.float64)


def interval(
    per_tile: npt.NDArray[np.float64], confidence: float = 0.95, resamples: int = 10_000
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean over tiles (Efron, 1979).

    Args:
        per_tile: float64 [N]: scores, or paired differences of scores.
        confidence: share of resampled means within the interval, 0..1.
        resamples: how often N tiles are drawn with replacement; always the same draws.

    Raises:
        LabelError: there are no tiles.
    """
    if not len(per_tile):
        raise LabelError("there are no tiles, so their mean has no interval; expected one or more")
    random = np.random.default_rng(0)
    # Tiles of one score are alike: how often each score is drawn says the same as which tiles are.
    scores, first, tiles = np.unique(per_tile, return_index=True, return_counts=True)
    # In the order in which they come: of differences the other way round it is the same.
    scores, tiles = scores[np.argsort(first)], tiles[np.argsort(first)]
    count = len(per_tile)
    # In blocks, for the memory's sake: of other means than those of scores no two may be alike.
    means = np.concatenate(
        [
            random.multinomial(count, tiles / count, size=min(_BLOCK, resamples - start))
            @ scores
            / count
            for start in range(0, resamples, _BLOCK)
        ]
    )
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def interval_of_tenths(tenths: npt.NDArray[Any]) -> tuple[float, float]:
    """:func:`interval` of scores or differences that are given in tenths, whole numbers [N]: in
    binary fractions rounding would decide whether a bound of 0 is above it.
    """
    low, high = interval(tenths.astype(np.float64))
    return low / 10, high / 10
