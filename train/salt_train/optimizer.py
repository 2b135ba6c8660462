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


def build(model: nn.Module, stage: Stage, weight_decay: float) -> torch.optim.Optimizer:
    """A fresh optimiser for a stage; biases and normalisation weights are not decayed."""
    weights = list(model.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    if stage.optimizer == "sgd":
        # Without momentum there is nothing for Nesterov's rule, and torch refuses it.
        nesterov = stage.momentum > 0
        return torch.optim.SGD(groups, stage.learning_rate, stage.momentum, nesterov=nesterov)
    kind = torch.optim.Adam if stage.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, stage.learning_rate, (stage.beta1, stage.beta2), stage.epsilon)


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


def ema_decay(decay: float, warmup: float, step: int) -> float:
    """A young average would remember the random start for long: its memory grows with the run."""
    return min(decay, (1 + step) / (warmup + step))


@torch.no_grad()
def refresh_statistics(
    model: nn.Module, tiles: npt.NDArray[np.uint8], batch_size: int, most: int | None = None
) -> None:
    """Measure batch-normalisation statistics anew: those of averaged weights are not the average
    of the members' (Izmailov et al., 2018, section 3.2).

    Args:
        model: left in evaluation mode.
        tiles: uint8 [N, 101, 101], training tiles.
        batch_size: tiles at once.
        most: use at most so many of the tiles, from all over them; None uses all.
    """
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over batches
    model.train()
    device = next(model.parameters()).device
    chosen = tiles[:: math.ceil(len(tiles) / most) if most else 1]
    for start in range(0, len(chosen), batch_size):
        model(to_input(chosen[start : start + batch_size], device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()
