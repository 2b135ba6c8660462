"""Labels that say otherwise than the shipped model is sure of: where to look for mistakes first.

Of 360 tiles that the model has not seen, it doubts none with their true labels. Of masks that were
emptied it doubts 5 in 6, of empty ones that became another tile's 5 in 8, and where tiles with salt
got one another's masks 3 in 7 (``tests/train/data/test_label_doubts.py``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from salt_infer.masks import metric
from salt_train.data import label_orientation
from salt_train.data.second_opinion import Opinion

SURE = 0.95  # what the judge says of salt, or of none, to be heard
SALT = 0.05  # share of a mask from which on it counts as one with salt
ELSEWHERE = 0.25  # IoU of masks with salt below which the salt is said to be elsewhere
MANY = 0.05  # share of doubts from which on the model may be what is wrong


class Doubts(NamedTuple):
    """What to look at.

    Attributes:
        said: how many of how many, for people, in a line.
        details: why, by id.
        turned: likewise, of masks that so many others are turned like that it is no chance.
    """

    said: str
    details: dict[str, str]
    turned: dict[str, str]


def examine(opinion: Opinion) -> Doubts:
    """Labels that the shipped model doubts."""
    alone = label_orientation.one_by_one(opinion)
    details = _doubted(opinion) | {name: str(each) for name, each in alone.turned.items()}
    tiles = len(opinion.ids)
    said = f"the shipped model is sure of something else in {len(details)} of {tiles} tiles"
    if len(details) - len(alone.turned) > max(MANY * tiles, 1):
        said += ": it may not know such tiles, or labels are of other tiles"
    if alone.turned:
        said += f"; of these, {alone.summary()}"
    turned = {name: details.pop(name) for name in alone.faulty}
    return Doubts(said, details, turned)


def _doubted(opinion: Opinion) -> dict[str, str]:
    drawn, found = (masks.mean((1, 2)) for masks in (opinion.labels != 0, opinion.masks))
    both, either = metric.overlap(opinion.labels, opinion.masks)
    iou = both / np.maximum(either, 1)
    sure = (opinion.salt >= SURE) & (found >= SALT)
    kinds: list[tuple[npt.NDArray[np.bool_], str]] = [
        ((drawn == 0) & sure, "no salt, the model finds {found:.0%}"),
        ((drawn >= SALT) & (opinion.salt <= 1 - SURE), "{drawn:.0%} salt, the model finds none"),
        ((drawn >= SALT) & sure & (iou < ELSEWHERE),
         "{drawn:.0%} salt, the model finds {found:.0%} elsewhere (IoU {iou:.2f})"),
    ]  # fmt: skip
    return {
        opinion.ids[at]: text.format(found=found[at], drawn=drawn[at], iou=iou[at])
        for doubted, text in kinds
        for at in np.flatnonzero(doubted)
    }
