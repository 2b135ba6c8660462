"""Do the masks lie a few pixels off their tiles? As where one of both was padded, cut or picked
otherwise, by the eye of the shipped model.

Such masks look sound one by one, and a network learns to be off by as much. Of 120 TGS tiles with a
boundary, in each of ten folds, an offset of 3 to 25 px is found to the pixel, and none where there
is none (``tests/train/data/test_label_offset.py``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from salt_infer.masks.orientation import Masks
from salt_train.data.second_opinion import Opinion

FARTHEST = 32  # px, in each direction
FITS, BETTER = 0.7, 0.03  # IoU once they are moved back, and how much higher it has to be


class Offset(NamedTuple):
    """How far masks have to be moved to fit others best.

    Attributes:
        down: rows; less than 0 is up.
        right: columns; less than 0 is to the left.
        here: IoU of the pixels of all masks together, as they are.
        there: the same once they are moved, of the part of each tile that both then cover.
    """

    down: int
    right: int
    here: float
    there: float

    def __str__(self) -> str:
        """The way to move, for people."""
        ways = (
            f"{abs(self.down)} px {'down' if self.down > 0 else 'up'}" if self.down else "",
            f"{abs(self.right)} px to the {'right' if self.right > 0 else 'left'}"
            if self.right
            else "",
        )
        return " and ".join(filter(None, ways))


def examine(opinion: Opinion) -> str:
    """That they do, in a line; empty as a rule."""
    some = opinion.bounded()
    if some is None:
        return ""
    found = best(some.masks, some.labels != 0)
    if found.there < max(FITS, found.here + BETTER):
        return ""
    return (
        f"labels seem to lie off their tiles: moved {found}, they would fit what the shipped model "
        f"finds in {len(some.ids)} tiles with an IoU of {found.there:.2f} instead of "
        f"{found.here:.2f}; were tiles padded or cut otherwise than masks?"
    )


def best(fixed: Masks, moved: Masks) -> Offset:
    """By how much to move masks [N, H, W], all of them alike, to fit others of the shape."""
    ious = _ious(fixed, moved)
    down, right = np.unravel_index(int(ious.argmax()), ious.shape)
    here, there = float(ious[0, 0]), float(ious[down, right])
    return Offset(int(_PLACES[down]), int(_PLACES[right]), here, there)


_PLACES = np.r_[: FARTHEST + 1, -FARTHEST:0]  # offsets in the order of a transform's


def _ious(fixed: Masks, moved: Masks) -> npt.NDArray[np.float64]:
    """Of every offset down and right, in the order of _PLACES. Pixels that only one mask has then
    are left out: what lies there in the other is not known.
    """
    padded = tuple(size + FARTHEST for size in fixed.shape[1:])  # nothing comes in again behind

    def transformed(masks: npt.NDArray[np.float32]) -> npt.NDArray[np.complex128]:
        return np.fft.rfft2(masks, padded)

    def counted(spectrum: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
        return np.asarray(np.fft.irfft2(spectrum, padded)[np.ix_(_PLACES, _PLACES)].round())

    everywhere = transformed(np.ones(fixed.shape[1:], np.float32))
    first, second = (transformed(masks.astype(np.float32)) for masks in (fixed, moved))
    both = counted((first * second.conj()).sum(axis=0))
    either = counted(first.sum(axis=0) * everywhere.conj() + everywhere * second.sum(axis=0).conj())
    return both / np.maximum(either - both, 1)
