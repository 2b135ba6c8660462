"""What the shipped model finds in tiles whose labels are examined, where it can run.

It was trained on the competition's tiles. Of others it may know less, so that what it says is a
reason to look at a label and none to call it wrong.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from salt_infer.masks.orientation import are_partial, spread

if TYPE_CHECKING:
    from salt_infer import SaltModel

MOST = 5000  # tiles, of more so many, evenly spread: half a minute on two cores
BOUNDED, ENOUGH = 120, 30  # tiles with a boundary: that a whole set is judged by, and at least
_TOGETHER = 256  # tiles that are asked about at a time: probabilities take 40 kB each

Images = Mapping[str, npt.NDArray[np.uint8]]  # [101, 101] each


class Opinion(NamedTuple):
    """What the shipped model finds in labelled tiles.

    Attributes:
        ids: of the tiles that it was shown, N.
        labels: their masks, uint8 [N, 101, 101], non-zero is salt.
        masks: what it finds, whatever its judge says, bool [N, 101, 101].
        salt: how likely the judge takes a tile to have any salt, float32 [N], 0..1.
    """

    ids: tuple[str, ...]
    labels: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.bool_]
    salt: npt.NDArray[np.float32]

    @classmethod
    def of(cls, tiles: Images, labels: Images) -> Self:
        """Of tiles that have a label; raises SaltError where nothing here can run the model."""
        both = np.array(sorted(labels.keys() & tiles.keys()))
        ids = tuple(map(str, both[spread(np.arange(len(both)), MOST)]))
        model, masks, salt = _shipped(), [], []
        with warnings.catch_warnings(action="ignore"):  # of odd tiles, which are told of anyway
            for first in range(0, len(ids), _TOGETHER):
                some = [tiles[name] for name in ids[first : first + _TOGETHER]]
                found = model.predict(np.stack(some))
                masks.append(found.masks)  # and not its probabilities
                salt.append(found.salt)
        drawn = np.stack([labels[name] for name in ids])
        return cls(ids, drawn, np.concatenate(masks), np.concatenate(salt))

    def bounded(self) -> Opinion | None:
        """Of tiles whose labels have a boundary, BOUNDED of many, evenly spread; None where there
        are not ENOUGH.
        """
        chosen = spread(np.flatnonzero(are_partial(self.labels)), BOUNDED)
        if len(chosen) < ENOUGH:
            return None
        ids = tuple(self.ids[place] for place in chosen)
        return Opinion(ids, self.labels[chosen], self.masks[chosen], self.salt[chosen])


def masks_in(tiles: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """What the shipped model finds in a few tiles, uint8 [N, 101, 101], whatever its judge says:
    bool of the same shape. Raises SaltError where nothing here can run it.
    """
    with warnings.catch_warnings(action="ignore"):
        return _shipped().predict(tiles).masks


def _shipped() -> SaltModel:
    # Runtimes are imported where they are asked for: training itself needs none.
    from salt_infer.backends.availability import problems
    from salt_infer.backends.providers import Provider, ProviderRequest
    from salt_infer.predictor.model import SaltModel

    provider: Provider = "openvino" if any(problems("cpu")) else "cpu"  # a GPU's start is long
    return SaltModel.load(provider=ProviderRequest(provider), gate=0.0, tta="none")
