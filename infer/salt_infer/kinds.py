"""What kind of mask a tile has: how much salt, and which shapes stand out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

CLASSES = 11  # coverage classes, 0 to 10
TINY = 50  # px; half a column of a tile

# What all masks of a set may have in common, and what to ask oneself then.
ONE_SIDED = {
    "no-salt": "no mask has salt",
    "only-salt": "every mask is nothing but salt",
    "whole": "every mask with salt is nothing but salt",
    "no-empty": "every mask has salt",
}
ASKED = {
    "no-salt": "are these the masks of the tiles, and is salt above 0 in them?",
    "only-salt": "are these masks, or tiles; and is what is not salt 0 in them?",
    "whole": "are these masks, or labels of whole tiles?",
    "no-empty": "are tiles without salt left out, or masks inverted? Nothing here teaches what a "
    "tile without salt looks like",
}


def coverage_class(masks: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Coverage class 0..10 of each mask: tenths of the tile that are salt, rounded up.

    Rounding up keeps empty tiles (0) apart from those with a little salt (1); rounding to nearest,
    as the case study did, mixes them.

    Args:
        masks: [N, H, W], non-zero is salt.
    """
    salt = np.count_nonzero(masks, axis=(1, 2))
    return np.asarray(-(-10 * salt // (masks.shape[1] * masks.shape[2])), dtype=np.int64)


def vertical(masks: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which masks [N, H, W] are of whole columns, neither empty nor full: bool [N]."""
    salt = masks != 0
    columns = (salt == salt[:, :1]).all(axis=(1, 2))
    return np.asarray(columns & salt.any(axis=(1, 2)) & ~salt.all(axis=(1, 2)))


def one_sided(masks: npt.NDArray[Any]) -> str | None:
    """Which key of ONE_SIDED is true of masks [N, H, W], non-zero is salt; None where none is."""
    salt = np.count_nonzero(masks, axis=(1, 2))
    full = salt == masks.shape[1] * masks.shape[2]
    if not len(masks):
        return None
    if not salt.any():
        return "no-salt"
    if full.all():
        return "only-salt"
    if np.count_nonzero(full) > 1 and full[salt > 0].all():
        return "whole"
    return "no-empty" if salt.all() else None
