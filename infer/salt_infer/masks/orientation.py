"""Do two sets of masks lie the same way? What a score alone does not say is why it is low.

Run-length strings here go down the columns. Written along the rows, as numpy's ``mask.ravel()``
has them, each is still a valid string, of a mask with rows and columns exchanged. Masks of one
program may be black where another's are white, and sections are drawn from the top or the bottom.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from salt_infer.masks import metric

Masks = npt.NDArray[np.bool_]

INVERSE = "with salt and background exchanged"
TURNS: Mapping[str, Callable[[Masks], Masks]] = MappingProxyType(
    {
        "as they are": lambda masks: masks,
        "with rows and columns exchanged": lambda masks: masks.transpose(0, 2, 1),
        INVERSE: lambda masks: ~masks,
        "upside down": lambda masks: masks[:, ::-1],
        "mirrored": lambda masks: masks[:, :, ::-1],
        "with a quarter turn to the left": lambda masks: np.rot90(masks, axes=(1, 2)),
        "upside down and mirrored": lambda masks: masks[:, ::-1, ::-1],
        "with a quarter turn to the right": lambda masks: np.rot90(masks, 3, axes=(1, 2)),
    }
)
ASKED = {
    "with rows and columns exchanged": "; do run-length strings go along rows? They go down the "
    "columns",
    INVERSE: "; is salt what is 0?",
}
# Masks of nearly nothing or nearly everything fit their mirror images, or the inverse of others.
PARTIAL = (0.05, 0.95)
ENOUGH = 10  # tiles
FITS = 0.5  # mean IoU another way round from which it is no chance,
BETTER = 0.2  # and by how much it has to be more than as they are


class Fit(NamedTuple):
    """How well masks fit others, turned in several ways.

    Attributes:
        tiles: where both masks are neither nearly empty nor nearly full; only these count.
        iou: sum of their IoUs, for each of TURNS.
    """

    tiles: int = 0
    iou: tuple[float, ...] = (0.0,) * len(TURNS)

    @classmethod
    def of(cls, first: npt.NDArray[Any], second: npt.NDArray[Any]) -> Self:
        """Of masks [N, M, M], non-zero is salt: ``first`` as it is, ``second`` turned."""
        shares = [np.mean(masks != 0, axis=(1, 2)) for masks in (first, second)]
        low, high = PARTIAL
        partial = np.all([(low <= share) & (share <= high) for share in shares], axis=0)
        if not partial.any():
            return cls()
        fixed, turned = first[partial] != 0, second[partial] != 0
        found = {name: _iou(fixed, turn(turned)) for name, turn in TURNS.items()}
        # A mask of nearly everything has much of what another leaves out, and little the reverse.
        found[INVERSE] = np.minimum(found[INVERSE], _iou(~fixed, turned))
        return cls(
            int(np.count_nonzero(partial)), tuple(float(each.sum()) for each in found.values())
        )

    def joined(self, other: Fit) -> Fit:
        """These masks and others."""
        sums = (mine + theirs for mine, theirs in zip(self.iou, other.iou, strict=True))
        return Fit(self.tiles + other.tiles, tuple(sums))

    def doubt(self) -> str:
        """That they fit another way round, in words; empty as a rule."""
        if self.tiles < ENOUGH:
            return ""
        here, *others = (total / self.tiles for total in self.iou)
        best = max(others)
        if best < FITS or best < here + BETTER:
            return ""
        turn = list(TURNS)[1 + others.index(best)]
        return (
            f"true and predicted masks fit each other better {turn}: with a mean IoU of {best:.2f} "
            f"over {self.tiles} tiles instead of {here:.2f}{ASKED.get(turn, '')}"
        )


def _iou(first: Masks, second: Masks) -> npt.NDArray[np.float64]:
    """Of masks [N, M, M], none of them empty: float64 [N]."""
    both, either = metric.overlap(first, second)
    return np.asarray(both / either)
