"""What a network predicts for held-out tiles, and the real score of that."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from salt_infer.batch import views
from salt_infer.masks import decision as decisions
from salt_infer.masks import metric
from salt_infer.masks.coverage import CLASSES, coverage_class
from salt_infer.masks.metric import NEUTRAL_GATE, NEUTRAL_THRESHOLD
from salt_infer.masks.rle import TILE_SHAPE
from salt_infer.modelfile.contract import Tta
from salt_infer.system.whole_files import write_whole
from salt_train.data.dataset import Dataset, has_salt
from salt_train.errors import CheckpointError
from salt_train.network.model import SaltNet
from salt_train.settings.model_config import ModelConfig
from salt_train.settings.validation import check


@dataclasses.dataclass(frozen=True)
class Decision(decisions.Decision):
    """The neutral one but for what is given, which may come from a file."""

    threshold: float = NEUTRAL_THRESHOLD
    gate: float = NEUTRAL_GATE

    def __post_init__(self) -> None:
        """Raise ConfigError where one is not a number in 0..1."""
        check(self, threshold=(0, 1), gate=(0, 1))


# Without a judge a tile's salt is its largest pixel's, and the threshold says it all.
NO_JUDGE = Decision(gate=0.5)


@dataclasses.dataclass(frozen=True)
class Prediction:
    """``probability``: float32 [N, 101, 101]; ``salt``: float32 [N]; views averaged."""

    probability: npt.NDArray[np.float32]
    salt: npt.NDArray[np.float32]

    def masks(self, decision: Decision) -> npt.NDArray[np.bool_]:
        """bool [N, 101, 101]: pixels above the threshold, in tiles above the gate."""
        return decision.masks(self.probability, self.salt)

    def where_known(self, data: Dataset) -> Prediction:
        """0 where a mask does not count: nothing is found or missed there, as ``data`` has it."""
        if data.unknown is None:
            return self
        return dataclasses.replace(self, probability=self.probability * (data.unknown == 0))

    def subset(self, chosen: npt.NDArray[np.bool_]) -> Prediction:
        """Of the tiles where ``chosen`` (bool [N]) is true."""
        return Prediction(self.probability[chosen], self.salt[chosen])

    def save(self, path: Path, ids: Sequence[str], decision: Decision | None = None) -> None:
        """Write as ``.npz``: ids, probability (float16, to save half the space), salt, and
        threshold and gate where there is one decision for all.
        """
        content = io.BytesIO()
        half = self.probability.astype(np.float16)
        arrays: dict[str, Any] = {"ids": np.array(ids), "probability": half, "salt": self.salt}
        for name, value in dataclasses.asdict(decision).items() if decision else ():
            arrays[name] = np.array(value, np.float32)
        np.savez_compressed(content, **arrays)
        write_whole(path, content.getvalue(), overwrite=True)

    @classmethod
    def load(cls, path: Path) -> tuple[tuple[str, ...], Self]:
        """Read what :meth:`save` wrote: ids and prediction.

        Raises:
            CheckpointError: it is not there, or holds anything else.
        """
        try:
            # Of a damaged file np.load would leave open what it opened itself. Without pickles,
            # which is numpy's default.
            with np.load(io.BytesIO(path.read_bytes())) as content:
                ids, probability, salt = (content[key] for key in ("ids", "probability", "salt"))
        except Exception as error:  # damaged zips and arrays raise almost anything
            reason = getattr(error, "strerror", None) or error
            raise CheckpointError(f"{path} cannot be read ({reason})") from error
        tiles = probability.shape[:1]
        if (probability.shape[1:], ids.shape, salt.shape) != (TILE_SHAPE, tiles, tiles):
            raise CheckpointError(f"{path} holds no probabilities of tiles by id")
        if not (_are_shares(probability) and _are_shares(salt)):
            raise CheckpointError(f"{path} holds other numbers than probabilities, 0 to 1")
        return tuple(map(str, ids)), cls(probability.astype(np.float32), salt.astype(np.float32))


def _are_shares(values: npt.NDArray[Any]) -> bool:
    return values.dtype.kind == "f" and bool(((values >= 0) & (values <= 1)).all())  # no NaN either


@dataclasses.dataclass(frozen=True)
class Views:
    """``probability``: float32 [N, V, 101, 101], each view in its own orientation; ``salt``:
    float32 [N, V]. View 0 is the tile itself.
    """

    probability: npt.NDArray[np.float32]
    salt: npt.NDArray[np.float32]

    def merged(self, tta: Tta) -> Prediction:
        """The mean over the views of ``tta``, which are all or the first of those here."""
        chosen = slice(views.count(tta))
        return Prediction(
            views.merge(self.probability[:, chosen], tta), self.salt[:, chosen].mean(axis=1)
        )


def predict(
    model: SaltNet, tiles: npt.NDArray[np.uint8], tta: Tta, batch_size: int = 64
) -> Prediction:
    """Probabilities of uint8 tiles [N, 101, 101]; the model is left in evaluation mode."""
    return predict_views(model, tiles, tta, batch_size).merged(tta)


@torch.inference_mode()
def predict_views(
    model: SaltNet, tiles: npt.NDArray[np.uint8], tta: Tta, batch_size: int = 64
) -> Views:
    """The same before the views of ``tta`` are averaged."""
    model.eval()
    device = next(model.parameters()).device
    probability, salt = [], []
    for start in range(0, len(tiles), batch_size):
        stacked = views.make(tiles[start : start + batch_size], tta)
        features = model.encode(to_input(stacked.reshape(-1, *stacked.shape[2:]), device))
        logits = model.decode(features).float()
        probability.append(torch.sigmoid(logits).cpu().numpy().reshape(stacked.shape))
        salt.append(model.salt(features, logits).cpu().numpy().reshape(stacked.shape[:2]))
    return Views(np.concatenate(probability), np.concatenate(salt))


def to_input(tiles: npt.NDArray[np.uint8], device: torch.device) -> Tensor:
    """uint8 [B, H, W] -> float32 [B, 1, H, W] in 0..1 on the device."""
    return torch.from_numpy(tiles).to(device)[:, None].float() / 255.0


def default_decision(config: ModelConfig) -> Decision:
    """What to decide by before anything is known of a network."""
    return Decision() if config.judge else NO_JUDGE


def brief(prediction: Prediction, data: Dataset, decision: Decision) -> dict[str, Any]:
    """Score and presence errors, as a line of a run's history has them."""
    masks = prediction.masks(decision)
    return {"score": metric.score(data.masks, masks).mean, **presence(has_salt(masks), data)}


def presence(said: npt.NDArray[np.bool_], data: Dataset) -> dict[str, Any]:
    """How well tiles with salt were told from those without; ``said``: bool [N], see has_salt."""
    truth = data.has_salt
    return {
        "presence_accuracy": float((said == truth).mean()),
        "false_salt": int(np.count_nonzero(said & ~truth)),
        "missed_salt": int(np.count_nonzero(~said & truth)),
    }


def by_class(per_tile: npt.NDArray[np.float64], data: Dataset) -> list[float | None]:
    """Mean score of the tiles of each coverage class 0..10; None for a class without tiles."""
    classes = coverage_class(data.masks)
    return [
        float(per_tile[classes == number].mean()) if (classes == number).any() else None
        for number in range(CLASSES)
    ]
