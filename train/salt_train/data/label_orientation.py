"""Do the labels lie as the tiles do? By the eye of the shipped model, where it can run.

Nothing in a mask alone tells that its rows and columns were exchanged, and a network that learns
from such masks only scores badly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from salt_infer.errors import SaltError
from salt_infer.masks.orientation import ENOUGH, Fit, are_partial, spread

LOOKED_AT = 300  # tiles: a few seconds, and of 178 any turn was told from the others by .4 of IoU

_Images = Mapping[str, npt.NDArray[np.uint8]]  # [101, 101] each


class Orientation(NamedTuple):
    """What a look at labels and tiles together says.

    Attributes:
        said: for people, in a line.
        ids: the tiles that were looked at, if the labels lie another way round; else none.
    """

    said: str
    ids: tuple[str, ...] = ()


def examine(tiles: _Images, masks: _Images) -> Orientation:
    """Hold masks against what the shipped model finds in their tiles.

    Args:
        tiles: by id, uint8.
        masks: by id, non-zero is salt.
    """
    chosen = _chosen(tiles, masks)
    if len(chosen) < ENOUGH:
        few = f"too few masks with a boundary ({len(chosen)})"
        return Orientation(f"{few} to tell whether they lie as their tiles do")
    try:
        found = _found(np.stack([tiles[name] for name in chosen]))
    except SaltError as error:
        return Orientation(f"whether masks lie as their tiles do was not looked at ({error})")
    fit = Fit.of(found, np.stack([masks[name] for name in chosen]))
    if turned := fit.turned():
        return Orientation(f"beside the shipped model, {turned}", tuple(chosen))
    if fit.tiles < ENOUGH:
        few = f"the shipped model finds a boundary of salt in too few of these tiles ({fit.tiles})"
        return Orientation(f"{few} to tell whether masks lie as their tiles do")
    if doubt := fit.doubt():
        return Orientation(f"{doubt} Or the shipped model does not know such tiles")
    return Orientation(
        f"the shipped model's masks fit these with a mean IoU of {fit.iou[0] / fit.tiles:.2f} over "
        f"{fit.tiles} tiles, and not much better turned, mirrored or inverted"
    )


def _chosen(tiles: _Images, masks: _Images) -> list[str]:
    """Ids of tiles with a boundary of salt, evenly spread."""
    both = sorted(masks.keys() & tiles.keys())
    partial = np.flatnonzero([are_partial(masks[name][None])[0] for name in both])
    return [both[place] for place in spread(partial, LOOKED_AT)]


def _found(tiles: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Masks of tiles [N, 101, 101], drawn whatever the judge says.

    Raises:
        SaltError: nothing here can run the model.
    """
    # Runtimes are imported where they are asked for: training itself needs none.
    from salt_infer.backends.availability import problems
    from salt_infer.backends.providers import Provider, ProviderRequest
    from salt_infer.predictor.model import SaltModel

    provider: Provider = "openvino" if any(problems("cpu")) else "cpu"  # a GPU's start takes longer
    model = SaltModel.load(provider=ProviderRequest(provider), gate=0.0, tta="none")
    return model.predict(tiles).masks
