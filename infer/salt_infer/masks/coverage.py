"""What kind of mask a tile has: how much salt, and which shapes stand out."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from salt_infer.masks.blocks import blocks

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
    found = np.empty(len(masks), np.bool_)
    for part in blocks(len(masks)):
        salt = masks[part] != 0
        columns = (salt == salt[:, :1]).all(axis=(1, 2))
        found[part] = columns & salt.any(axis=(1, 2)) & ~salt.all(axis=(1, 2))
    return found


class Sides(NamedTuple):
    """How many masks there are, how many have salt, and how many are nothing but salt."""

    masks: int = 0
    salt: int = 0
    full: int = 0

    @classmethod
    def of(cls, masks: npt.NDArray[Any]) -> Self:
        """Of masks [N, H, W], non-zero is salt."""
        salt = np.count_nonzero(masks, axis=(1, 2))
        full = salt == masks.shape[1] * masks.shape[2]
        return cls(len(masks), int(np.count_nonzero(salt)), int(np.count_nonzero(full)))

    def joined(self, other: Sides) -> Sides:
        """These masks and others."""
        return Sides(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def kind(self) -> str | None:
        """Which key of ONE_SIDED is true of them; None where none is."""
        if not self.masks:
            return None
        if not self.salt:
            return "no-salt"
        if self.full == self.masks:
            return "only-salt"
        if self.full > 1 and self.full == self.salt:
            return "whole"
        return "no-empty" if self.salt == self.masks else None

    def doubt(self) -> str:
        """What masks to score against should not have in common, in words; empty as a rule. That
        each of them has salt may be as it was wanted.
        """
        kind = self.kind()
        if kind is None or kind == "no-empty":
            return ""
        return f"{ONE_SIDED[kind]} ({self.masks}); {ASKED[kind]}"


def one_sided(masks: npt.NDArray[Any]) -> str | None:
    """Which key of ONE_SIDED is true of masks [N, H, W], non-zero is salt; None where none is."""
    return Sides.of(masks).kind()
