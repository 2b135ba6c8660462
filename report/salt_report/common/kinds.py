"""Kinds of tiles that a mean over all of them hides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from salt_infer.masks import coverage
from salt_infer.masks.coverage import TINY

Images = npt.NDArray[np.uint8]  # [N, 101, 101]
Flags = npt.NDArray[np.bool_]  # [N]

NEARLY_FULL = 99  # per cent of the tile

# In the order of the pages: name, and what it means.
KINDS = {
    "black": "the tile is zeros alone",
    "vertical": "the mask is of whole columns, neither empty nor full",
    "tiny": f"the mask has 1 to {TINY} pixels",
    "nearly full": f"the mask covers {NEARLY_FULL} % of the tile or more",
}


def flags(masks: Images, tiles: Images | None) -> dict[str, Flags]:
    """Which tiles are of each of the KINDS; ``black`` only where the tiles themselves are given.

    Args:
        masks: true masks, uint8 [N, 101, 101], non-zero is salt.
        tiles: uint8 [N, 101, 101], 0..255.

    Returns:
        bool [N] by name; a tile may be of several kinds or of none.
    """
    salt = np.count_nonzero(masks, axis=(1, 2))
    pixels = masks.shape[1] * masks.shape[2]
    found = {"black": ~tiles.any(axis=(1, 2))} if tiles is not None else {}
    return {
        **found,
        "vertical": coverage.vertical(masks),
        "tiny": (salt >= 1) & (salt <= TINY),
        "nearly full": nearly_full(salt, pixels),
    }


def nearly_full(salt: npt.NDArray[np.int64], pixels: int) -> Flags:
    """Whether that many pixels of salt are nearly all of a tile's: [N] -> bool [N]."""
    return 100 * salt >= NEARLY_FULL * pixels
