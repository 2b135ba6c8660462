"""Whether a tile's border is where the errors are."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from salt_infer.masks import metric
from salt_infer.masks.blocks import blocks
from salt_report.common.kinds import Flags, Images

CROP = 90  # px, the case study's


@dataclasses.dataclass(frozen=True)
class Cropped:
    """The score of the middle of the tiles.

    Attributes:
        score: of masks cropped to CROP x CROP px, 0..1.
        gain: that minus the score of whole tiles, with its paired 95 % bootstrap interval ``low``
            and ``high``.
        emptied: tiles with salt that have none in the middle; an empty mask scores 1 there.
        gain_elsewhere: the gain on all other tiles; NaN where there are none.
    """

    score: float
    gain: float
    low: float
    high: float
    emptied: int
    gain_elsewhere: float


def crop(masks: Images) -> Images:
    """The middle of each mask: [N, H, W] -> [N, CROP, CROP]; an odd pixel is cut off at the end."""
    top, left = ((size - CROP) // 2 for size in masks.shape[1:])
    return masks[:, top : top + CROP, left : left + CROP]


def cropped(truth: Images, predicted: Images) -> Cropped:
    """Score the middles, and compare with the whole tiles."""
    whole = metric.score(truth, predicted).per_tile
    middle = metric.score(crop(truth), crop(predicted)).per_tile
    low, high = metric.interval_of_tenths(np.rint(10 * (middle - whole)))
    emptied = truth.any(axis=(1, 2)) & ~crop(truth).any(axis=(1, 2))
    gain = middle - whole
    return Cropped(
        score=float(middle.mean()),
        gain=float(gain.mean()),
        low=low,
        high=high,
        emptied=int(emptied.sum()),
        gain_elsewhere=float(gain[~emptied].mean()) if not emptied.all() else math.nan,
    )


def distance(shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Of each pixel to the nearest edge of the tile in px: int64 [H, W], 0 for the outermost."""
    down, across = (np.minimum(np.arange(size), np.arange(size)[::-1]) for size in shape)
    return np.minimum(down[:, None], across[None, :])


def profile(truth: Images, predicted: Images, chosen: Flags) -> pd.DataFrame:
    """Errors by distance from the edge.

    Args:
        truth: uint8 [N, H, W], non-zero is salt.
        predicted: the same shape.
        chosen: bool [N], the tiles to look at, at least one.

    Returns:
        A row a distance in px, 0 first: share of the pixels at that distance which are ``missed``
        salt and which are ``false`` salt, 0..1.
    """
    band, places = distance(truth.shape[1:]).ravel(), np.flatnonzero(chosen)
    pixels = np.bincount(band) * len(places)
    missed, false = np.zeros((2, *truth.shape[1:]), np.int64)
    for part in blocks(len(places)):
        salt, said = truth[places[part]] != 0, predicted[places[part]] != 0
        missed += (salt & ~said).sum(axis=0)
        false += (~salt & said).sum(axis=0)
    shares = {
        name: np.bincount(band, weights=wrong.ravel()) / pixels
        for name, wrong in {"missed": missed, "false": false}.items()
    }
    return pd.DataFrame(shares, index=pd.RangeIndex(len(pixels), name="distance_px"))
