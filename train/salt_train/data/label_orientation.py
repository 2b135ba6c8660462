"""Do the labels lie as the tiles do? By the eye of the shipped model, where it can run.

Nothing in a mask alone tells that its rows and columns were exchanged, and a network that learns
from such masks only scores badly.
"""

from __future__ import annotations

from typing import NamedTuple

from salt_infer.masks.orientation import ENOUGH, Fit, are_partial
from salt_train.data.second_opinion import Opinion


class Orientation(NamedTuple):
    """What a look at labels and tiles together says.

    Attributes:
        said: for people, in a line.
        ids: tiles whose masks have a boundary, if labels lie another way round; else none.
    """

    said: str
    ids: tuple[str, ...] = ()


def examine(opinion: Opinion) -> Orientation:
    """Hold masks against what the shipped model finds in their tiles."""
    bounded = are_partial(opinion.labels)
    if (count := bounded.sum()) < ENOUGH:
        few = f"too few masks with a boundary ({count})"
        return Orientation(f"{few} to tell whether they lie as their tiles do")
    fit = Fit.of(opinion.masks, opinion.labels)
    if turned := fit.turned():
        ids = (name for name, has in zip(opinion.ids, bounded, strict=True) if has)
        return Orientation(f"beside the shipped model, {turned}", tuple(ids))
    if fit.tiles < ENOUGH:
        few = f"the shipped model finds a boundary of salt in too few of these tiles ({fit.tiles})"
        return Orientation(f"{few} to tell whether masks lie as their tiles do")
    if doubt := fit.doubt():
        return Orientation(f"{doubt} Or the shipped model does not know such tiles")
    return Orientation(
        f"the shipped model's masks fit these with a mean IoU of {fit.iou[0] / fit.tiles:.2f} over "
        f"{fit.tiles} tiles, and not much better turned, mirrored or inverted"
    )
