"""Soft labels: a teacher's probabilities, to learn instead of the labels made of them.

Hinton et al., "Distilling the Knowledge in a Neural Network", 2015: how sure a teacher is of each
tile and pixel tells more than which side of a threshold they were on, and tiles that it doubts need
not be left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer.data.probabilities import Probabilities
from salt_infer.system.text import named
from salt_train.errors import DataError

_LIKELY = 0.5


@dataclasses.dataclass(frozen=True)
class SoftLabels:
    """What is learnt of N tiles.

    Attributes:
        probability: uint8 [N, 101, 101], that a pixel is salt if its tile has any, 255 for 1.
        salt: float32 [N], 0..1, that the tile has any.
        certain: bool [N], which are true labels: their masks stay 0 or 1 when a tile is warped,
            and say by themselves whether what is left of it has salt.
    """

    probability: npt.NDArray[np.uint8]
    salt: npt.NDArray[np.float32]
    certain: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, masks: npt.NDArray[np.uint8]) -> SoftLabels:
        """True labels, uint8 [N, 101, 101], 0 or 1."""
        salt = np.asarray(masks.any(axis=(1, 2)), dtype=np.float32)
        return cls(masks * np.uint8(255), salt, np.ones(len(masks), dtype=bool))

    @classmethod
    def read(cls, path: Path, ids: Sequence[str]) -> SoftLabels:
        """A teacher's, from an ``.npz`` that ``salt-infer --probabilities`` wrote.

        Raises:
            InputError: there is no such file.
            LabelError: it is damaged, or lacks a tile.
            DataError: it does not say enough of some tile.
        """
        found = Probabilities.load(path, ids)
        if found.gate != 0:
            raise DataError(
                f"{path} was written with {'no' if found.gate is None else 'a'} gate"
                f"{f' of {found.gate:.3g}' if found.gate else ''}, expected one of 0: below a gate "
                "pixels have no probabilities; write it with salt-infer --gate 0"
            )
        if unread := [name for name, salt in zip(ids, found.salt, strict=True) if np.isnan(salt)]:
            raise DataError(f"{path} has tiles that could not be read: {named(unread)}")
        pixels = [np.rint(block * 255).astype(np.uint8) for _, block in found.blocks()]
        uncertain = np.zeros(len(found), dtype=bool)
        return cls(np.concatenate(pixels), found.salt.astype(np.float32), uncertain)

    def of_tiles_with_salt(self) -> SoftLabels:
        """The same by a teacher without a judge, whose probabilities are of any tile, and ``salt``
        the largest of them: divided by it, they are what such a tile would have with salt.
        """
        most = np.maximum(self.salt, np.float32(1 / 255))[:, None, None]
        scaled = np.rint(np.minimum(self.probability / most, 255)).astype(np.uint8)
        return dataclasses.replace(self, probability=scaled)

    def masks(self, threshold: float = _LIKELY) -> npt.NDArray[np.uint8]:
        """Labels made of them: uint8 [N, 101, 101], 0 or 1; of a tile that likelier has no salt
        than any, 0.
        """
        pixels = self.probability > threshold * 255
        return (pixels & (self.salt > _LIKELY)[:, None, None]).astype(np.uint8)

    def subset(self, chosen: npt.NDArray[np.bool_]) -> SoftLabels:
        """Those where ``chosen`` (bool [N]) is true."""
        return SoftLabels(self.probability[chosen], self.salt[chosen], self.certain[chosen])

    def joined(self, other: SoftLabels) -> SoftLabels:
        """These and then the other's."""
        return SoftLabels(
            np.concatenate([self.probability, other.probability]),
            np.concatenate([self.salt, other.salt]),
            np.concatenate([self.certain, other.certain]),
        )
