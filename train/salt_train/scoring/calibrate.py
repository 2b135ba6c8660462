"""Threshold and gate, chosen on tiles other than those that report the score."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from salt_infer.masks import metric
from salt_infer.masks.decision import exceeds
from salt_train.data.dataset import Dataset, has_salt
from salt_train.scoring.evaluate import Decision, Prediction, by_class, presence

THRESHOLDS = np.round(np.arange(0.30, 0.71, 0.05), 2)
GATES = np.round(np.arange(0.05, 0.96, 0.05), 2)

# What a checkpoint says of the labels that its threshold and gate were chosen by.
CHOSEN_ON, OWN_FOLD, OTHER_FOLDS = "decision_chosen_on", "own fold", "other folds"

BY_OWN_CHOICE = "score_by_own_choice"  # of the fold that threshold and gate were chosen on
SEEN = "score_of_seen_tiles"  # instead of a score, where no tile was held out

Scores = npt.NDArray[np.float64]  # [N]
Masks = npt.NDArray[np.bool_]  # [N, 101, 101]
Fits = tuple[tuple[npt.NDArray[np.bool_], Decision], ...]  # tiles, bool [N], and what decides there


def choose(prediction: Prediction, truth: npt.NDArray[np.uint8], default: Decision) -> Decision:
    """The decision next to ``default`` whose score is as good as the best, as far as so few tiles
    can tell: within one standard error of the difference, tile by tile, of the best of the grid.

    The rule is that of Breiman et al., "Classification and Regression Trees", 1984, section 3.4.3.
    Of a few hundred tiles the best point itself is as much chance as merit: chosen on one half of
    a fold, it scores no more on the other than this one does (``benchmarks/decisions.py``). Points
    count with their neighbours, since single ones jump.

    Args:
        prediction: of N tiles.
        truth: uint8 [N, 101, 101], 0 or 1.
        default: where to stay in doubt.
    """
    if len(truth) < 2:  # an error takes two to tell
        return default
    return pick(smoothed(grid(prediction, truth)), default)


def pick(scores: npt.NDArray[np.float64], default: Decision) -> Decision:
    """The rule of :func:`choose`.

    Args:
        scores: of :func:`smoothed`, of two tiles at least.
        default: where to stay in doubt.
    """
    mean = scores.mean(axis=2)
    lost = scores[np.unravel_index(mean.argmax(), mean.shape)] - scores
    error = lost.std(axis=2, ddof=1) / np.sqrt(scores.shape[2])
    as_good = np.argwhere(lost.mean(axis=2) <= error + 1e-9)
    candidates = [Decision(float(THRESHOLDS[row]), float(GATES[col])) for row, col in as_good]
    return min(
        candidates,
        key=lambda it: abs(it.threshold - default.threshold) + abs(it.gate - default.gate),
    )


def grid(prediction: Prediction, truth: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Score of each tile by every pair of THRESHOLDS and GATES: float64 [thresholds, gates, N]."""
    empty = (~has_salt(truth)).astype(float)
    passed = exceeds(prediction.salt, GATES[:, None])
    rows = []
    for threshold in THRESHOLDS:
        emitted = metric.score(truth, exceeds(prediction.probability, threshold)).per_tile
        rows.append(np.where(passed, emitted, empty))
    return np.stack(rows)


def smoothed(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean of each point of a :func:`grid` and its eight neighbours; the edge's are repeated."""
    padded = np.pad(scores, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows, columns, _ = scores.shape
    shifted = (padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3))
    return np.asarray(sum(shifted) / 9.0)


def fits(prediction: Prediction, data: Dataset, default: Decision) -> Fits:
    """What each half of the tiles is to be decided by: what is chosen on the other half.

    So no tile has a say in the decision that it is scored by, and none is lost for scoring.
    """
    half = _halves(data.ids)
    return tuple(
        (mine, choose(prediction.subset(~mine), data.masks[~mine], default))
        for mine in (half, ~half)
    )


def masks_by(decided: Fits, prediction: Prediction) -> Masks:
    """The masks of all tiles, each by its own decision."""
    masks = np.zeros(prediction.probability.shape, bool)
    for mine, decision in decided:
        masks[mine] = prediction.subset(mine).masks(decision)
    return masks


def cross_fitted(
    prediction: Prediction, data: Dataset, default: Decision
) -> tuple[Scores, npt.NDArray[np.bool_]]:
    """Scores of all tiles by :func:`fits`.

    Returns:
        Score of each tile, and whether it was given a mask: float64 [N], bool [N].
    """
    return scored(masks_by(fits(prediction, data, default), prediction), data)


def scored(masks: Masks, data: Dataset) -> tuple[Scores, npt.NDArray[np.bool_]]:
    """Score of each tile, and whether it was given a mask: float64 [N], bool [N]."""
    return metric.score(data.masks, masks).per_tile, has_salt(masks)


def _halves(ids: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Two halves by a hash of the id: the same whatever the order and the other tiles are."""
    return np.array([hashlib.sha256(name.encode()).digest()[0] % 2 == 0 for name in ids], bool)


def final_scores(
    prediction: Prediction, plain: Prediction, data: Dataset, default: Decision
) -> dict[str, Any]:
    """What a run reports: the cross-fitted score and what puts it in proportion, which is by the
    same thresholds and gates, so that it differs in what its name says alone.

    Args:
        prediction: with the flip, as deployed.
        plain: the same network without test-time augmentation.
        data: the held-out tiles.
        default: the decision to start from.
    """
    prediction, plain = prediction.where_known(data), plain.where_known(data)
    decided, told = fits(prediction, data, default), data.told
    right = (prediction.salt > 0.5) == data.has_salt
    per_tile, said = scored(masks_by(decided, prediction), data)
    without_tta = metric.score(data.masks, masks_by(decided, plain)).mean
    return {
        **headline(per_tile, said, data),
        "judge_accuracy": float(right[told].mean()) if told.any() else 0.0,
        "score_without_tta": without_tta,
        **by_other_gates(prediction, data, decided),
    }


def by_other_gates(prediction: Prediction, data: Dataset, decided: Fits) -> dict[str, float]:
    """What the same thresholds score without a gate, and with one that is always right."""
    always = tuple((mine, dataclasses.replace(each, gate=0.0)) for mine, each in decided)
    ungated = masks_by(always, prediction)
    perfect = ungated & data.has_salt[:, None, None]
    return {
        "score_ungated": metric.score(data.masks, ungated).mean,
        "score_with_perfect_gate": metric.score(data.masks, perfect).mean,
    }


def seen_scores(prediction: Prediction, data: Dataset, decision: Decision) -> dict[str, Any]:
    """What a run reports that has held out nothing: it tells whether the network has learnt, and
    nothing of other tiles. Nor can threshold and gate be chosen by it.

    Args:
        prediction: with the flip, as deployed.
        data: the tiles, all of which were trained on.
        decision: to deploy with.
    """
    return {
        SEEN: metric.score(data.masks, prediction.masks(decision)).mean,
        **_of_tiles(data),
    }


def headline(per_tile: Scores, said: npt.NDArray[np.bool_], data: Dataset) -> dict[str, Any]:
    """Mean of the tiles' scores, how sure it is, and how presence was told (``said``: bool [N])."""
    low, high = metric.interval(per_tile)
    return {
        "score": float(per_tile.mean()),
        "score_interval": [low, high],
        "score_standard_error": float(per_tile.std() / np.sqrt(len(per_tile))),
        "score_by_class": by_class(per_tile, data),
        **presence(said, data),
        **_of_tiles(data),
    }


def _of_tiles(data: Dataset) -> dict[str, Any]:
    """What a score is to be held against, whatever the network."""
    return {"score_of_empty_masks": float(1.0 - data.has_salt.mean()), "tiles": len(data)}
