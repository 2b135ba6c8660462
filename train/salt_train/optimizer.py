"""Optimisers, and the averages of weights that are deployed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from salt_train.config import Stage
from salt_train.evaluate import to_input

SGD_MOMENTUM = 0.9
# Tiles for new batch-normalisation statistics: enough for means and variances over their pixels.
STATISTICS_TILES = 1024


def build(model: nn.Module, stage: Stage, weight_decay: float) -> torch.optim.Optimizer:
    """A fresh optimiser for a stage; biases and normalisation weights are not decayed."""
    weights = list(model.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    if stage.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=stage.learning_rate, momentum=SGD_MOMENTUM, nesterov=True)
    kind = torch.optim.Adam if stage.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, lr=stage.learning_rate)


@torch.no_grad()
def blend(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the average towards the model: ``decay`` of what it was, the rest the model's; integer
    buffers are copied.
    """
    current = model.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(current[name], 1.0 - decay)
        else:
            value.copy_(current[name])


def ema_decay(decay: float, step: int) -> float:
    """A young average would remember the random start for long: its memory grows with the run."""
    return min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def refresh_statistics(model: nn.Module, tiles: npt.NDArray[np.uint8], batch_size: int) -> None:
    """Measure batch-normalisation statistics anew: those of averaged weights are not the average
    of the members' (Izmailov et al., 2018, section 3.2).

    Args:
        model: left in evaluation mode.
        tiles: uint8 [N, 101, 101], training tiles; at most STATISTICS_TILES of them are used.
        batch_size: tiles at once.
    """
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over batches
    model.train()
    device = next(model.parameters()).device
    chosen = tiles[:: math.ceil(len(tiles) / STATISTICS_TILES)]
    for start in range(0, len(chosen), batch_size):
        model(to_input(chosen[start : start + batch_size], device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()
