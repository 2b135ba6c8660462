"""From probabilities to masks: the comparisons on which every mask hangs.

Both limits are exclusive and compared in float32, as gated files and masks drawn on a device have
it: in float64, float32(0.55) would be above 0.55. NaN is above nothing.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt


def exceeds(values: npt.ArrayLike, limit: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which values are above a limit, as float32; bool of the shape that both have together."""
    return np.asarray(np.asarray(values, np.float32) > np.asarray(limit, np.float32))


@dataclasses.dataclass(frozen=True)
class Decision:
    """What probabilities are compared with.

    Attributes:
        threshold: a pixel is salt where its probability is above this, 0..1.
        gate: a tile may have salt where the judge's probability is above this, 0..1.
    """

    threshold: float
    gate: float

    def pixels(self, probability: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Which pixels are salt if their tile has any: bool, of any shape."""
        return exceeds(probability, self.threshold)

    def passes(self, salt: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Which tiles may have salt: bool [N], of float32 [N]."""
        return exceeds(salt, self.gate)

    def masks(
        self, probability: npt.NDArray[np.float32], salt: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.bool_]:
        """Masks of N tiles: bool [N, H, W], of probabilities float32 [N, H, W] and [N]."""
        return self.pixels(probability) & self.passes(salt)[:, None, None]
