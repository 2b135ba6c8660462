"""What float16 does to a network, whatever file it is written to."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from torch import nn

from salt_export.errors import ParityError
from salt_export.parity import Difference, Tiles, run_network
from salt_export.tolerances import BATCH_SIZES, Tolerance
from salt_train.scoring.evaluate import Decision, Prediction

TILES = 32  # a CPU without float16 arithmetic takes about a second for each
BATCH = BATCH_SIZES[-2]


@dataclasses.dataclass(frozen=True)
class Rounding:
    """How far a network in float16 is from itself in float32.

    Attributes:
        tiles: that were compared, without the flip.
        probability_max, probability_mean: difference of pixels' probabilities.
        pixels, pixels_flipped: of these tiles, and how many fall on the other side.
    """

    tiles: int
    probability_max: float
    probability_mean: float
    pixels: int
    pixels_flipped: int

    def check(self, tolerance: Tolerance) -> None:
        """Raise ParityError where float16 changes more than it may."""
        share = self.pixels_flipped / self.pixels
        if not tolerance.allows(self.probability_max, share):
            raise ParityError(
                f"in float16 the network itself differs by {self.probability_max:.3g} in "
                f"probability and flips a share of {share:.2g} of the pixels, expected at most "
                f"{tolerance.probability:g} and {tolerance.flipped:g}; use --precision fp32; "
                "nothing was written"
            )

    def to_json(self) -> dict[str, Any]:
        """For the contract."""
        return dataclasses.asdict(self)

    def line(self) -> str:
        """The same for people."""
        return (
            f"float16 rounded at every step, {self.tiles} tiles: probability within "
            f"{self.probability_max:.2g}, {self.pixels_flipped} of {self.pixels} pixels flipped"
        )


def rounding(reference: nn.Module, halved: nn.Module, tiles: Tiles, decision: Decision) -> Rounding:
    """What float16 does to the network, with arithmetic that rounds after every operator. ONNX
    Runtime on a CPU does not: it computes a float16 file in float32.

    Args:
        reference: the dense graph in float32.
        halved: the same with networks in float16.
        tiles: uint8 [M, 101, 101]; the first TILES of them are used, without the flip.
        decision: threshold and gate.

    Raises:
        ParityError: float16 overflows.
    """
    apart, flipped, few = Difference(), 0, tiles[:TILES]
    for start in range(0, len(few), BATCH):
        batch = few[start : start + BATCH]
        seen, expected = (_predicted(each, batch) for each in (halved, reference))
        if not np.isfinite(seen.probability).all():
            raise ParityError(
                "in float16 the network gives values that are not finite: numbers above 65504 "
                "occur in it; use --precision fp32; nothing was written"
            )
        apart.add(seen.probability, expected.probability)
        flipped += int(np.count_nonzero(seen.masks(decision) != expected.masks(decision)))
    return Rounding(len(few), apart.probability, apart.mean, apart.count, flipped)


def _predicted(network: nn.Module, tiles: Tiles) -> Prediction:
    """Of uint8 [N, 101, 101], in one view."""
    probability, salt = run_network(network, tiles[:, None])
    return Prediction(probability[:, 0], salt)
