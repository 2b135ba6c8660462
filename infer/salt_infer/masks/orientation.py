"""Do two sets of masks lie the same way? What a score alone does not say is why it is low.

Run-length strings here go down the columns. Written along the rows, as numpy's ``mask.ravel()``
has them, each is still a valid string, of a mask with rows and columns exchanged. Masks of one
program may be black where another's are white, sections are drawn from the top or the bottom, and
names get out of step with what they name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from salt_infer.masks import metric

Masks = npt.NDArray[np.bool_]

# The eight ways in which a square lies on itself.
TURNS: Mapping[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = MappingProxyType(
    {
        "as they are": lambda masks: masks,
        "upside down": lambda masks: masks[:, ::-1],
        "mirrored": lambda masks: masks[:, :, ::-1],
        "upside down and mirrored": lambda masks: masks[:, ::-1, ::-1],
        "with rows and columns exchanged": lambda masks: masks.transpose(0, 2, 1),
        "with a quarter turn to the left": lambda masks: np.rot90(masks, axes=(1, 2)),
        "with a quarter turn to the right": lambda masks: np.rot90(masks, 3, axes=(1, 2)),
        "mirrored about the other diagonal": lambda masks: masks[:, ::-1, ::-1].transpose(0, 2, 1),
    }
)
INVERTED = "with salt and background exchanged"
WAYS = (*TURNS, INVERTED, *(f"{turn} and {INVERTED}" for turn in [*TURNS][1:]))
ASKED = {
    "with rows and columns exchanged": "; do run-length strings go along rows? They go down the "
    "columns",
    INVERTED: "; is salt what is 0?",
}
# Masks of nearly nothing or nearly everything fit their mirror images, or the inverse of others.
PARTIAL = (0.05, 0.95)
ENOUGH, MOST = 10, 500  # tiles: to tell by, and that are looked at
FITS = 0.5  # mean IoU another way round from which it is no chance,
BETTER = 0.2  # and by how much it has to be more than as they are
MANY, OWN = 30, 0.05  # tiles from which masks have to fit their own tiles by so much better


def are_partial(masks: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which masks [N, M, M], non-zero is salt, are neither nearly empty nor full: bool [N]."""
    low, high = PARTIAL
    share = np.mean(masks != 0, axis=(1, 2))
    return np.asarray((low <= share) & (share <= high))


def spread(numbers: npt.NDArray[np.intp], most: int) -> npt.NDArray[np.intp]:
    """All of a few numbers; of more so many, evenly spread, the first and the last among them."""
    if len(numbers) <= most:
        return numbers
    return np.asarray(numbers[np.linspace(0, len(numbers) - 1, most).round().astype(int)])


def ious(fixed: Masks, turned: Masks) -> npt.NDArray[np.float64]:
    """Of masks [N, M, M], neither empty nor full, and others that are turned in each of WAYS:
    float64 [WAYS, N].
    """
    plain = [iou(fixed, turn(turned)) for turn in TURNS.values()]
    # A mask of nearly everything has much of what another leaves out, and little the reverse.
    inverted = [
        np.minimum(iou(fixed, ~turn(turned)), iou(~fixed, turn(turned))) for turn in TURNS.values()
    ]
    return np.stack(plain + inverted)


class Fit(NamedTuple):
    """How well masks fit others, turned in several ways.

    Attributes:
        tiles: where both masks are neither nearly empty nor nearly full; only these count.
        iou: sum of their IoUs, for each of WAYS.
        others: sum of the IoUs of each with the mask of another tile.
    """

    tiles: int = 0
    iou: tuple[float, ...] = (0.0,) * len(WAYS)
    others: float = 0.0

    @classmethod
    def of(cls, first: npt.NDArray[Any], second: npt.NDArray[Any]) -> Self:
        """Of masks [N, M, M], non-zero is salt: ``first`` as it is, ``second`` turned. Of many,
        MOST are looked at, evenly spread.
        """
        chosen = spread(np.flatnonzero(are_partial(first) & are_partial(second)), MOST)
        if not len(chosen):
            return cls()
        fixed, turned = first[chosen] != 0, second[chosen] != 0
        others = float(iou(fixed, np.roll(turned, 1, axis=0)).sum())
        return cls(len(chosen), tuple(ious(fixed, turned).sum(1).tolist()), others)

    def joined(self, other: Fit) -> Fit:
        """These masks and others."""
        sums = (mine + theirs for mine, theirs in zip(self.iou, other.iou, strict=True))
        return Fit(self.tiles + other.tiles, tuple(sums), self.others + other.others)

    def turned(self) -> str:
        """That they fit another way round, in words; empty as a rule."""
        if self.tiles < ENOUGH:
            return ""
        here, *others = (total / self.tiles for total in self.iou)
        best = max(others)
        if best < FITS or best < here + BETTER:
            return ""
        way = WAYS[1 + others.index(best)]
        return (
            f"true and predicted masks fit each other better {way}: with a mean IoU of {best:.2f} "
            f"over {self.tiles} tiles instead of {here:.2f}{ASKED.get(way, '')}"
        )

    def doubt(self) -> str:
        """That they fit another way round, or other tiles as well, in words; empty as a rule."""
        if self.tiles < MANY or self.turned():
            return self.turned()
        here, others = self.iou[0] / self.tiles, self.others / self.tiles
        if here >= others + OWN:
            return ""
        return (
            f"true and predicted masks fit each other no better than those of other tiles do: with "
            f"a mean IoU of {here:.2f} over {self.tiles} tiles, else {others:.2f}; are names and "
            "masks out of step?"
        )


def iou(first: Masks, second: Masks) -> npt.NDArray[np.float64]:
    """Of masks [N, M, M], not both of them empty: float64 [N]."""
    both, either = metric.overlap(first, second)
    return np.asarray(both / either)
