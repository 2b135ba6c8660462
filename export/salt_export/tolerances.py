"""What a file is tried on, and how far it may be from its network."""

from __future__ import annotations

import dataclasses

# Every shape that a file is tried in: alone, a pair, an odd number, a batch of those that are run.
BATCH_SIZES = (1, 2, 7, 64)
VIEWS = (1, 2)
TILES = max(BATCH_SIZES)  # tiles to verify on
LEAST_DIFFERENT = TILES // 2  # of them; of what surveys give, some are black
COMPARED_TILES = 400  # that scores are compared on: seconds, and enough to see a loss
# Tiles whose masks are drawn as on a GPU, and its batches: two whole ones and a part of one.
DRAWN_TILES, DRAWN_BATCH, DRAWN_SECOND = 10, 4, 2


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """How far a file may be from the network.

    Attributes:
        probability: of any pixel, and of any tile's salt.
        flipped: share of pixels that may fall on the other side of the threshold.
        mean: of all pixels, whatever the gate says of their tiles: where it lets few tiles pass,
            no mask tells of a file that computes something else.
    """

    probability: float
    flipped: float
    mean: float = 1.0

    def allows(self, probability: float, flipped: float, mean: float = 0.0) -> bool:
        """Whether a largest and a mean difference and a share of flipped pixels are in bounds."""
        return probability <= self.probability and flipped <= self.flipped and mean <= self.mean


# float32 sums in another order: 1e-6 is usual, 1e-4 leaves room for large networks.
FP32 = Tolerance(1e-4, 1e-4)
# How far a file of each precision may be from the network in float32. In float16 a weight is off by
# up to 2^-11 of itself; over some forty layers a pixel near the threshold moves by about 0.01.
TOLERANCES: dict[str, Tolerance] = {
    "fp32": FP32,
    "fp16-weights": Tolerance(probability=0.05, flipped=1e-3),
    "fp16": Tolerance(probability=0.05, flipped=1e-3),
    # What int8 may change is the guard's to say, in the score; this is for what it cannot see, such
    # as a shape that goes wrong. The mean is 0.003 for the networks that ship.
    "int8": Tolerance(probability=1.0, flipped=0.05, mean=0.05),
}
