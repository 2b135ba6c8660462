"""A second pass over doubtful tiles alone: ``--tta doubtful``.

The flipped view costs as much as the first and changes few tiles. Here only those get it that the
first view leaves in doubt: the judge says neither no nor yes, or many pixels lie near the
threshold. The limits were the loosest of those tried on 2000 unlabelled tiles with which the first
default model found salt in the same tiles as with two views of each. The one that ships now does so
with them, too, on 3000: 39 % get the second pass, and 3 pixels in 10,000 differ. What it does to
score and speed: benchmarks/README.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from salt_infer.batch.result import BatchResult, Drawn
from salt_infer.masks.decision import Decision, exceeds

ABSENT, PRESENT = 0.1, 0.9  # what the judge says between these is neither no nor yes
NEAR = 0.3  # a pixel this near the threshold may change sides
SHARE = 0.01  # of a tile's pixels: from here on its mask may change
ALL = -1.0  # a gate that every tile passes

Forward = Callable[[npt.NDArray[np.uint8], float], BatchResult]


class First(NamedTuple):
    """A first pass, drawn on the device: every mask, before any gate.

    Attributes:
        bits: uint8 [N, 1276].
        nearby: float32 [N], how many pixels are within NEAR of the threshold.
        salt: float32 [N].
    """

    bits: npt.NDArray[np.uint8]
    nearby: npt.NDArray[np.float32]
    salt: npt.NDArray[np.float32]


class Passes(Protocol):
    """Two passes over tiles, uint8 [N, 1, H, W], whose probabilities stay on the device."""

    def first(self, tiles: npt.NDArray[np.uint8]) -> First:
        """Over all of them."""

    def second(
        self, mirrored: npt.NDArray[np.uint8], places: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Over some of them: masks of both passes, uint8 [M, 1276], and the second's salt alone,
        float32 [M].
        """


def run(
    forward: Forward,
    tiles: npt.NDArray[np.uint8],
    decision: Decision,
    keep_all: bool = False,
    again: Forward | None = None,
) -> BatchResult:
    """Run every tile once, the doubtful ones a second time, flipped.

    Args:
        forward: runs uint8 [N, 1, H, W] with a gate.
        tiles: uint8 [N, H, W].
        decision: threshold and gate, which say what is in doubt, and the gate what is kept.
        keep_all: keep the tiles too that the gate stops; the others' answers are the same.
        again: runs the second pass instead, in batches that suit it.

    Returns:
        Two views of each kept tile; where there was one pass, both are of it, so that their mean
        is what it gave. ``salt`` is the mean of one or two passes.
    """
    least = min(ABSENT, decision.gate)
    first = forward(tiles[:, None], ALL if keep_all else least)
    possible = exceeds(first.salt[first.kept], least)
    places = np.flatnonzero(possible & doubtful(first, decision))  # among first.kept
    torn = first.kept[places]
    probability = np.stack([first.probability[:, 0], first.probability[:, 0, :, ::-1]], axis=1)
    salt = first.salt.copy()
    if len(torn):
        second = (again or forward)(mirrored(tiles, torn), ALL)
        probability[places, 1] = second.probability[:, 0]
        salt[torn] = (salt[torn] + second.salt) * np.float32(0.5)
    passed = exceeds(salt[first.kept], ALL if keep_all else decision.gate)
    return BatchResult(probability[passed], salt, first.kept[passed])


def doubtful(first: BatchResult, decision: Decision) -> npt.NDArray[np.bool_]:
    """bool [K]: which of the kept tiles one view, float32 [K, 1, H, W], leaves in doubt."""
    near = np.abs(first.probability[:, 0] - np.float32(decision.threshold)) < NEAR
    blurred: npt.NDArray[np.bool_] = near.mean(axis=(1, 2)) > SHARE
    return blurred | _unsure(first.salt[first.kept], decision.gate)


def _unsure(salt: npt.NDArray[np.float32], gate: float) -> npt.NDArray[np.bool_]:
    """Where the judge does not say yes: of a gate that asks for more, it has not until then."""
    return (salt < PRESENT) | ~exceeds(salt, gate)


def draw(
    passes: Passes, tiles: npt.NDArray[np.uint8], gate: float, keep_all: bool = False
) -> Drawn:
    """The same with masks that are drawn on the device; arguments as of :func:`run`."""
    first = passes.first(tiles[:, None])
    bits, salt = first.bits.copy(), first.salt.copy()
    blurred = first.nearby.astype(np.float64) / tiles[0].size > SHARE
    possible = exceeds(first.salt, min(ABSENT, gate))
    torn = np.flatnonzero(possible & (blurred | _unsure(first.salt, gate)))
    if len(torn):
        bits[torn], second = passes.second(mirrored(tiles, torn), torn)
        salt[torn] = (salt[torn] + second) * np.float32(0.5)
    kept = np.flatnonzero(exceeds(salt, ALL if keep_all else gate))
    return Drawn(bits[kept], salt, kept)


def mirrored(tiles: npt.NDArray[np.uint8], places: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Some of uint8 [N, H, W] from right to left, contiguous [M, 1, H, W]."""
    return np.ascontiguousarray(tiles[places, None, :, ::-1])
