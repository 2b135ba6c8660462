"""What a model says of tiles: as a run keeps it, and as callers from Python get it."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from salt_infer.predictor import confidence

_MASKS_ALONE = "the model was asked for masks alone"


@dataclasses.dataclass(frozen=True)
class Decided:
    """What was decided for the K of N tiles that passed the gate; the others' masks are empty. A
    run keeps to these K, and :class:`Prediction` spreads the same over all N for callers.

    Attributes:
        kept: int64 [K], ascending: which tiles these are.
        probability: float32 [K, 101, 101] in 0..1, mean over the views; None where masks alone were
            asked for and the device drew them.
        masks: bool [K, 101, 101].
        salt: float32 [N], the judge's probability that a tile has any salt.
        judged: there is a judge, see :attr:`salt_infer.modelfile.contract.ModelContract.judged`.
    """

    kept: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float32] | None
    masks: npt.NDArray[np.bool_]
    salt: npt.NDArray[np.float32]
    judged: bool = True

    @property
    def pixel_salt(self) -> npt.NDArray[np.float32]:
        """Probability that a pixel is salt in any tile, float32 [K, 101, 101] in 0..1."""
        assert self.probability is not None, _MASKS_ALONE
        if not self.judged:
            return self.probability
        return self.probability * self.salt[self.kept][:, None, None]

    @property
    def confidence(self) -> npt.NDArray[np.float32]:
        """The score that the model expects, float32 [N] in 0..1; too high where it is low."""
        assert self.probability is not None, _MASKS_ALONE
        return confidence.of_tiles(self.salt, self.kept, self.probability, self.masks)


@dataclasses.dataclass(frozen=True, repr=False)
class Prediction:
    """What a model says of N tiles.

    Attributes:
        masks: bool [N, 101, 101], true where there is salt.
        probability: float32 [N, 101, 101] in 0..1, that a pixel is salt if the tile has any: what
            the threshold is compared with. It was learnt from tiles with salt alone and means
            nothing where ``salt`` is small: there, see ``pixel_salt``. All 0 where the gate found
            no salt: with ``gate=0`` every tile has its own.
        salt: float32 [N] in 0..1, the judge's probability that a tile has any salt.
        judged: there is a judge. Where there is none ``salt`` is the tile's largest probability,
            and ``probability`` is of any tile.
    """

    masks: npt.NDArray[np.bool_]
    probability: npt.NDArray[np.float32]
    salt: npt.NDArray[np.float32]
    judged: bool = True

    @property
    def pixel_salt(self) -> npt.NDArray[np.float32]:
        """Probability that a pixel is salt, float32 [N, 101, 101] in 0..1: that the tile has any,
        times ``probability``; without a judge, ``probability`` itself.
        """
        return self.probability * self.salt[:, None, None] if self.judged else self.probability

    @property
    def confidence(self) -> npt.NDArray[np.float32]:
        """The score that the model expects, float32 [N] in 0..1; too high where it is low."""
        every = np.arange(len(self.masks))
        return confidence.of_tiles(self.salt, every, self.probability, self.masks)

    def __repr__(self) -> str:
        return (
            f"Prediction of {len(self.masks)} tiles, {self.masks.any(axis=(1, 2)).sum()} with salt"
        )
