"""Test-time augmentation: make the views of a tile, undo them, average.

The model file knows nothing of which views there are; it sees [N, V, H, W] and answers for each
view in its own orientation. With ``doubtful`` only some tiles get the flipped view, see
:mod:`salt_infer.batch.doubtful`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from salt_infer.modelfile.contract import Tta


def count(tta: Tta) -> int:
    """Views a tile has at most: 1 without augmentation, 2 with the horizontal flip."""
    return 1 if tta == "none" else 2


def together(tta: Tta) -> int:
    """Views of a tile that a model is given at once."""
    return 2 if tta == "hflip" else 1


def make(tiles: npt.NDArray[np.uint8], tta: Tta) -> npt.NDArray[np.uint8]:
    """uint8 [N, H, W] -> contiguous uint8 [N, V, H, W]; view 0 is the tile itself."""
    stacked = np.empty((len(tiles), count(tta), *tiles.shape[1:]), dtype=tiles.dtype)
    stacked[:, 0] = tiles
    if count(tta) == 2:
        stacked[:, 1] = tiles[:, :, ::-1]
    return stacked


def merge(probability: npt.NDArray[np.float32], tta: Tta) -> npt.NDArray[np.float32]:
    """float32 [K, V, H, W], each view in its own orientation -> their mean, [K, H, W].

    Raises:
        ValueError: V is not the number of views of ``tta``.
    """
    if probability.ndim != 4 or probability.shape[1] != count(tta):
        raise ValueError(
            f"probabilities have shape {probability.shape}, expected [K, {count(tta)}, H, W] "
            f"for tta {tta!r}"
        )
    if tta == "none":
        return probability[:, 0]
    mean = probability[:, 0] + probability[:, 1, :, ::-1]
    mean *= np.float32(0.5)
    return mean
