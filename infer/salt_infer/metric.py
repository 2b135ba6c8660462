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
    truth_flat = truth.reshape(len(truth), -1) != 0
    predicted_flat = predicted.reshape(len(truth), -1) != 0
    intersection = np.count_nonzero(truth_flat & predicted_flat, axis=1)
    union = np.count_nonzero(truth_flat | predicted_flat, axis=1)
    per_tile = precision(intersection, union)
    return Score(per_tile=per_tile, mean=float(per_tile.mean()))


def precision(
    intersection: npt.NDArray[np.int64], union: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Mean precision of each tile from pixel counts; int64 [N] each -> float64 [N] in 0..1."""
    hits = 20 * intersection[:, None] > TWENTIETHS * union[:, None]
    return np.where(union == 0, 1.0, hits.mean(axis=1))
