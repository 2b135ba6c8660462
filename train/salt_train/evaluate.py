"""The real score of a network on held-out tiles."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from salt_infer import metric, views
from salt_infer.views import Tta
from salt_train.dataset import Dataset
from salt_train.model import SaltNet

# A mask scores s on average when there is salt and 0 when there is none; no mask scores 1 when
# there is none. Emitting pays iff p * s > 1 - p, that is p > 1 / (1 + s); s is about 0.8.
DEFAULT_GATE = 1 / 1.8
DEFAULT_THRESHOLD = 0.5


@dataclasses.dataclass(frozen=True)
class Prediction:
    """``probability``: float32 [N, 101, 101]; ``salt``: float32 [N]; views averaged."""

    probability: npt.NDArray[np.float32]
    salt: npt.NDArray[np.float32]


@torch.inference_mode()
def predict(
    model: SaltNet, tiles: npt.NDArray[np.uint8], tta: Tta, batch_size: int = 64
) -> Prediction:
    """Probabilities of uint8 tiles [N, 101, 101]; the model is left in evaluation mode."""
    model.eval()
    device = next(model.parameters()).device
    probability, salt = [], []
    for start in range(0, len(tiles), batch_size):
        stacked = views.make(tiles[start : start + batch_size], tta)
        count, ways = stacked.shape[:2]
        batch = to_input(stacked.reshape(count * ways, *stacked.shape[2:]), device)
        logits = model(batch)
        mask = torch.sigmoid(logits.mask.float()).cpu().numpy()
        judge = torch.sigmoid(logits.judge.float()).cpu().numpy()
        probability.append(views.merge(mask.reshape(stacked.shape), tta))
        salt.append(judge.reshape(count, ways).mean(axis=1))
    return Prediction(np.concatenate(probability), np.concatenate(salt))


def to_input(tiles: npt.NDArray[np.uint8], device: torch.device) -> Tensor:
    """uint8 [B, H, W] -> float32 [B, 1, H, W] in 0..1 on the device."""
    return torch.from_numpy(tiles).to(device)[:, None].float() / 255.0


def masks(
    prediction: Prediction, threshold: float = DEFAULT_THRESHOLD, gate: float = DEFAULT_GATE
) -> npt.NDArray[np.bool_]:
    """bool [N, 101, 101]: pixels above the threshold, in tiles that the judge lets pass."""
    return (prediction.probability > threshold) & (prediction.salt > gate)[:, None, None]


def scores(model: SaltNet, data: Dataset, tta: Tta) -> dict[str, float]:
    """Score and judge accuracy on labelled tiles, with the default threshold and gate."""
    return _summary(predict(model, data.tiles, tta), data)


def _summary(prediction: Prediction, data: Dataset) -> dict[str, float]:
    has_salt = data.masks.any(axis=(1, 2))
    judged = prediction.salt > DEFAULT_GATE
    return {
        "score": metric.score(data.masks, masks(prediction)).mean,
        "score_ungated": metric.score(data.masks, masks(prediction, gate=0.0)).mean,
        "judge_accuracy": float((judged == has_salt).mean()),
        "false_salt": int(np.count_nonzero(judged & ~has_salt)),
        "missed_salt": int(np.count_nonzero(~judged & has_salt)),
    }


def final_scores(model: SaltNet, data: Dataset) -> dict[str, float]:
    """:func:`scores` as deployed, with the flip, and beside it what puts them in proportion:
    the score without the flip, of empty masks, the number of tiles, the standard error.
    """
    prediction = predict(model, data.tiles, "hflip")
    per_tile = metric.score(data.masks, masks(prediction)).per_tile
    return {
        **_summary(prediction, data),
        "score_standard_error": float(per_tile.std() / np.sqrt(len(per_tile))),
        "score_without_tta": scores(model, data, "none")["score"],
        "score_of_empty_masks": float(1.0 - data.masks.any(axis=(1, 2)).mean()),
        "tiles": len(data),
    }
