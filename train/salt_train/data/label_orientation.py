"""Do the labels lie as the tiles do? By the eye of the shipped model, where it can run.

Nothing in a mask alone tells that its rows and columns were exchanged, and a network that learns
from such masks only scores badly.

Of the 1588 TGS tiles whose masks have a boundary, none fits far better another way round; of as
many that are put upside down three in five do, of those that the model has not seen one in two.
Where all with salt got one another's masks, fewer than 1 % do in any one way
(``tests/train/data/test_label_orientation.py``).
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from salt_infer.masks.orientation import ENOUGH, WAYS, Fit, are_partial, ious
from salt_train.data.second_opinion import Opinion

FITS = 0.8  # IoU of a single tile another way round from which it is no chance,
BETTER = 0.3  # and by how much it has to be more than as drawn
KNOWN = 0.75  # mean IoU of the others from which it is the labels' fault and not the model's
STRANGE = 0.3  # mean IoU below which the labels of a set do not fit its tiles
MANY, SHARE = 5, 0.02  # tiles, and of those with a boundary, that one way fits not by chance


class Orientation(NamedTuple):
    """What a look at labels and tiles together says.

    Attributes:
        said: for people, in a line.
        turned: tiles whose masks have a boundary, if labels lie another way round; else none.
        strange: the same tiles, if labels do not fit them, whichever way round.
    """

    said: str
    turned: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()


class Turned(NamedTuple):
    """A mask that fits what the shipped model finds far better another way round.

    Attributes:
        way: in which, one of WAYS.
        here: IoU as drawn.
        there: IoU in that way.
    """

    way: str
    here: float
    there: float

    def __str__(self) -> str:
        """For people."""
        return f"{self.way} its IoU would be {self.there:.2f} instead of {self.here:.2f}"


class Alone(NamedTuple):
    """Masks looked at one by one.

    Attributes:
        tiles: how many have a boundary, as drawn and as found.
        turned: those that fit far better another way round, by id.
        others: mean IoU of the others, as drawn; 0 where there are none.
    """

    tiles: int
    turned: dict[str, Turned]
    others: float

    @property
    def ways(self) -> dict[str, int]:
        """How many fit in each way in which too many do, the commonest first. None where the others
        fit badly: of tiles that the model does not know it may take salt for what is none.
        """
        if self.others < KNOWN:
            return {}
        least = max(MANY, SHARE * self.tiles)
        counts = Counter(each.way for each in self.turned.values())
        return {way: count for way, count in counts.most_common() if count >= least}

    @property
    def faulty(self) -> list[str]:
        """Ids of those that fit in such a way."""
        ways = self.ways
        return [name for name, each in self.turned.items() if each.way in ways]

    def summary(self) -> str:
        """How many fit how, for people."""
        if not (ways := self.ways):
            return f"{len(self.turned)} would fit turned or inverted"
        fits = ", ".join(f"{count} would fit {way}" for way, count in ways.items())
        return f"{fits}: are some masks turned?"


def one_by_one(opinion: Opinion) -> Alone:
    """Look for single masks that lie another way round, as where two sources were merged."""
    bounded = np.flatnonzero(are_partial(opinion.labels) & are_partial(opinion.masks))
    if not len(bounded):
        return Alone(0, {}, 0.0)
    found = ious(opinion.masks[bounded], opinion.labels[bounded] != 0)
    best, here, there = found.argmax(0), found[0], found.max(0)
    far = (there >= FITS) & (there >= here + BETTER)
    turned = {
        opinion.ids[bounded[at]]: Turned(WAYS[best[at]], float(here[at]), float(there[at]))
        for at in np.flatnonzero(far)
    }
    return Alone(len(bounded), turned, 0.0 if far.all() else float(here[~far].mean()))


def examine(opinion: Opinion) -> Orientation:
    """Hold masks against what the shipped model finds in their tiles."""
    bounded = are_partial(opinion.labels)
    if (count := bounded.sum()) < ENOUGH:
        few = f"too few masks with a boundary ({count})"
        return Orientation(f"{few} to tell whether they lie as their tiles do")
    fit = Fit.of(opinion.masks, opinion.labels)
    ids = tuple(name for name, has in zip(opinion.ids, bounded, strict=True) if has)
    if turned := fit.turned():
        return Orientation(f"beside the shipped model, {turned}", turned=ids)
    if fit.tiles < ENOUGH:
        few = f"the shipped model finds a boundary of salt in too few of these tiles ({fit.tiles})"
        return Orientation(f"{few} to tell whether masks lie as their tiles do")
    if doubt := fit.doubt():
        return Orientation(f"{doubt} Or the shipped model does not know such tiles", strange=ids)
    mean = fit.iou[0] / fit.tiles
    how = f"with a mean IoU of {mean:.2f} over {fit.tiles} tiles, and not much better if all are"
    if mean < STRANGE:
        return Orientation(
            f"the shipped model's masks hardly fit these, {how} turned, mirrored or inverted: "
            "labels are of other tiles, or the model does not know such tiles",
            strange=ids,
        )
    return Orientation(f"the shipped model's masks fit these {how} turned, mirrored or inverted")
