"""How sure a model is of its own answer for a tile."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def expected_iou(
    probability: npt.NDArray[np.float32], masks: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """IoU that masks would have on average if pixels were salt by these probabilities: expected
    intersection over expected union.

    Args:
        probability: float32 [K, H, W].
        masks: bool [K, H, W].

    Returns:
        float32 [K], 0..1; 0 for an empty mask.
    """
    inside = (probability * masks).sum(axis=(1, 2), dtype=np.float32)
    outside = probability.sum(axis=(1, 2), dtype=np.float32) - inside
    union = np.count_nonzero(masks, axis=(1, 2)).astype(np.float32) + outside
    return np.asarray(inside / np.maximum(union, np.float32(1e-6)), dtype=np.float32)


def of_tiles(
    salt: npt.NDArray[np.float32],
    kept: npt.NDArray[np.int64],
    probability: npt.NDArray[np.float32],
    masks: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float32]:
    """The score that the model itself expects: for an empty mask that there is no salt, for
    another that there is, times the IoU expected then.

    Args:
        salt: float32 [N], probability of any salt.
        kept: int64 [K], which tiles passed the gate.
        probability: float32 [K, H, W], of those.
        masks: bool [K, H, W], of those.

    Returns:
        float32 [N], 0..1; 0 where the model gave NaN.
    """
    confidence = np.float32(1) - salt
    drawn = masks.any(axis=(1, 2))
    confidence[kept[drawn]] = (salt[kept] * expected_iou(probability, masks))[drawn]
    confidence[np.isnan(confidence)] = 0.0
    return confidence
