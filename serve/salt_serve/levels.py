"""Probabilities in 8 bits, without loss for whoever moves a threshold in steps.

A slider stands on one of at most 202 levels: 0, .005, ..., 1 and the model's own threshold. A pixel
is told by how many of them its probability is above, so ``above > i`` is exactly
``probability > levels[i]``, and no mask differs from the one that the full numbers would give.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

STEPS = 200


def levels(threshold: float) -> list[float]:
    """All multiples of 1/200 in 0..1, and the threshold; ascending, no two alike in float32."""
    grid = [step / STEPS for step in range(STEPS + 1)]
    known = {np.float32(level) for level in grid}
    return sorted(grid if np.float32(threshold) in known else [*grid, threshold])


def above(probability: npt.NDArray[np.float32], steps: list[float]) -> npt.NDArray[np.uint8]:
    """How many levels each probability is above.

    Args:
        probability: float32 of any shape, 0..1.
        steps: ascending, at most 255.

    Returns:
        uint8 of the same shape, 0..len(steps).
    """
    edges = np.asarray(steps, dtype=np.float32)
    return np.searchsorted(edges, probability, side="left").astype(np.uint8)
