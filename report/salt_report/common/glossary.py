"""Words of the pages, for readers who do not work with them."""

from __future__ import annotations

from collections.abc import Iterable

# In the order in which a page lists them.
MEANINGS = {
    "coverage, coverage class": "The share of a tile that is salt; its class is that share in "
    "tenths, rounded up, so that class 0 holds the tiles without salt and no others.",
    "IoU": "Intersection over union, of a true mask and a drawn one: the pixels that are salt "
    "in both, divided by those that are salt in either. 1 is the same mask, 0 is none in common.",
    "Dice": "Twice the pixels that are salt in both masks, divided by those of one and those of "
    "the other together; also called F1. It is 2 IoU / (1 + IoU), and ranks masks as IoU does.",
    "IoU threshold": "What the IoU has to be above for a mask to count. The score asks ten "
    "times, at .50, .55 to .95: a mask with an IoU of .72 is above five of them, and scores .5.",
    "precision": "At one IoU threshold, the share of tiles whose masks count.",
    "presence": "Whether there is salt in a tile at all. It is told right where the mask is "
    "drawn in a tile with salt, or empty in one without.",
    "judge": "The part of the network that says how likely a tile is to have any salt.",
    "gate": "How sure the judge has to be before a mask is drawn. A lower gate misses less "
    "salt, and draws more of it where there is none.",
    "threshold": "How likely a pixel has to be salt to be in the mask. A lower threshold makes "
    "masks larger.",
    "confidence": "The score that the model itself expects for a tile, 0 to 1.",
    "95 % interval": "How far chance may have moved a number: with other tiles of the same kind "
    "it would lie within, 19 times out of 20. Those of scores are by the bootstrap: the tiles are "
    "drawn anew, with repeats, many times, and scored each time.",
    "paired interval": "The interval of a difference, tile by tile between two masks of the "
    "same tile. If 0 lies within, the difference may be chance.",
    "calibration error": "How far the judge's probabilities are from what there is: of tiles of "
    "which it says 70\N{NO-BREAK SPACE}%, seven in ten should have salt. The mean difference; "
    "0 is honest.",
    "Brier score": "The mean square of the difference between the judge's probability and 0 or "
    "1, whichever there is. 0 is perfect, .25 is what always saying one half would have.",
    "ROC": "Receiver operating characteristic: for each gate, the share of tiles with salt that "
    "pass it, against the share of those without that do. The area under it is the chance that of "
    "a tile with salt and one without, the former is thought likelier: 1 is perfect, .5 is "
    "guessing.",
    "fold": "A part of the tiles that is held out of a training, to be scored by a network that "
    "has not seen it.",
    "stratified": "Dealt so that each fold has its share of every coverage class.",
    "rank correlation": "How surely one number grows where another does, whatever by: 1 is "
    "always, 0 is not at all, -1 is that it shrinks.",
    "brightness, contrast": "The mean of a tile's grey values, 0 (black) to 255 (white), and "
    "their standard deviation: how far they typically lie from that mean.",
    "noise": "An estimate of how far grey values scatter from pixel to pixel, where a smooth "
    "picture would have them run on.",
    "logarithmic": "Equal steps along such a scale are equal factors, as 1, 10, 100.",
}  # fmt: skip


def words(*names: str) -> list[tuple[str, str]]:
    """Some words and what they mean, in their order; KeyError for one that is not explained."""
    unknown: Iterable[str] = set(names) - MEANINGS.keys()
    if unknown:
        raise KeyError(*sorted(unknown))
    return [(name, meaning) for name, meaning in MEANINGS.items() if name in names]
