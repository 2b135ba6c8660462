"""Runs the model over a batch of tiles that different people may have sent."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from salt_infer import SaltModel
from salt_infer.errors import ModelError
from salt_infer.masks import rle
from salt_infer.predictor import confidence


class Query(NamedTuple):
    """A tile to look at: uint8 [101, 101], and whether its probabilities are asked for."""

    tile: npt.NDArray[np.uint8]
    probabilities: bool


@dataclasses.dataclass(frozen=True)
class Found:
    """What the model says of one tile.

    Attributes:
        salt: the judge's probability that there is any salt, 0..1.
        confidence: the score that the model itself expects, 0..1.
        mask: bool [101, 101], by the model's own threshold and gate.
        probability: float32 [101, 101], 0..1; None where it was not asked for and the gate, which
            found no salt, saved the work.
    """

    salt: float
    confidence: float
    mask: npt.NDArray[np.bool_]
    probability: npt.NDArray[np.float32] | None


class Predictor:
    """A model as the server uses it; its settings are the model's own."""

    def __init__(self, model: SaltModel) -> None:
        self.model = model

    def __call__(self, queries: list[Query]) -> list[Found]:
        """Run one batch.

        Raises:
            ModelError: the runtime failed, or gave something that is no number.
        """
        model = self.model
        # Tiles without salt are decoded only if someone wants to see how it would look.
        wanted = any(query.probabilities for query in queries)
        result = model.run(np.stack([query.tile for query in queries]), keep_all=wanted)
        decided = model.decide(result)
        assert decided.probability is not None  # it was not asked for masks alone
        if not (np.isfinite(decided.salt).all() and np.isfinite(decided.probability).all()):
            raise ModelError(f"{model.session.path} gave a probability that is not a number")
        masks = np.zeros((len(queries), *rle.TILE_SHAPE), np.bool_)
        masks[decided.kept] = decided.masks
        masks &= model.settings.passes(decided.salt)[:, None, None]
        maps = dict(zip(decided.kept.tolist(), decided.probability, strict=True))
        sure = confidence.of_tiles(
            decided.salt, decided.kept, decided.probability, masks[decided.kept]
        )
        # float32 sums may round to a little above 1
        numbers = (np.clip(each, 0, 1).tolist() for each in (decided.salt, sure))
        return [
            Found(salt, trust, mask, maps.get(place))
            for place, (salt, trust, mask) in enumerate(zip(*numbers, masks, strict=True))
        ]

    def warm_up(self) -> None:
        """Run one tile, so that the first client does not wait and a broken file is known now.

        Raises:
            ModelError: the model cannot run.
        """
        self([Query(np.zeros(rle.TILE_SHAPE, dtype=np.uint8), True)])
