"""Do the tiles lie as those do that the shipped model learnt from? With their masks, that is.

Rows are time or depth, downwards, and columns traces. Arrays of surveys are the other way round,
pictures begin at the top or at the bottom, and the sign of amplitudes is a convention. Tiles that
were turned with their masks fit these as well as ever, and the shipped model finds less in them:
of 172 held-out TGS tiles with a boundary of salt, one view, it has a mean IoU of .87, upside down
.75, with rows and columns exchanged .58 (``tests/train/data/test_tile_orientation.py``).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from salt_infer.masks import orientation
from salt_infer.masks.orientation import TURNS
from salt_train.data import second_opinion
from salt_train.data.second_opinion import Images, Opinion

FITS = 0.6  # mean IoU of the best way: below, the model does not know the tiles in any
BETTER, SURE = 0.05, 4.0  # how much higher a mean IoU has to be, and of how many standard errors
# Mirrored, a section is as good as before: of each pair of ways one is enough.
_TURNS = (
    "as they are", "upside down", "with rows and columns exchanged",
    "with a quarter turn to the left",
)  # fmt: skip
_INVERTED = "with dark and bright exchanged"


def examine(opinion: Opinion, tiles: Images) -> str:
    """That they fit better another way round, in a line; empty as a rule.

    Args:
        opinion: of the tiles as they are.
        tiles: these, and others maybe.

    Raises:
        SaltError: nothing here can run the model.
    """
    some = opinion.bounded()
    if some is None:
        return ""
    pixels, labels = np.stack([tiles[name] for name in some.ids]), some.labels != 0
    here = orientation.iou(labels, some.masks)
    gains = {way: there - here for way, there in _in_each_way(pixels, labels).items()}
    way, gain = max(gains.items(), key=lambda each: float(each[1].mean()))
    error = float(gain.std(ddof=1)) / math.sqrt(len(gain))
    was, would = here.mean(), (here + gain).mean()
    if would < FITS or gain.mean() < max(BETTER, SURE * error):
        return ""
    has = f"it has a mean IoU of {would:.2f} over {len(some.ids)} tiles instead of {was:.2f}"
    if way == _INVERTED:
        return (
            "amplitudes seem to have the other sign than those that the shipped model learnt from: "
            f"{way}, {has}"
        )
    return (
        "tiles seem to lie another way round than those that the shipped model learnt from: "
        f"{way}, masks too, {has}; in its tiles rows are time, downwards, and columns traces"
    )


def _in_each_way(
    pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.bool_]
) -> dict[str, npt.NDArray[np.float64]]:
    """IoU of each tile [N, M, M] in every way but as it is: float64 [N]."""
    turned = {turn: (TURNS[turn](pixels), TURNS[turn](labels)) for turn in _TURNS}
    ways = {turn: pair for turn, pair in turned.items() if turn != _TURNS[0]} | {
        f"{turn} and {_INVERTED}".removeprefix(f"{_TURNS[0]} and "): (255 - tiles, masks)
        for turn, (tiles, masks) in turned.items()
    }
    found = second_opinion.masks_in(np.concatenate([tiles for tiles, _ in ways.values()]))
    parts = np.split(found, len(ways))
    return {
        way: orientation.iou(masks, part)
        for (way, (_, masks)), part in zip(ways.items(), parts, strict=True)
    }
