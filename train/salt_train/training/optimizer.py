"""Optimisers, and the states that they go on from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from salt_train.settings.config import Stage
from salt_train.training import resumable

_FUSED_ON = {"cpu", "cuda"}
_OF_ADAM = ("exp_avg", "exp_avg_sq")  # what it keeps of each weight, of the weight's shape


def build(model: nn.Module, stage: Stage, weight_decay: float) -> torch.optim.Optimizer:
    """A fresh optimiser for a stage; biases and normalisation weights are not decayed.

    Fused, where torch has that: one pass over all weights instead of some ten, and on a GPU one
    launch instead of hundreds, with the loss scale's check inside.
    """
    weights = list(model.parameters())
    fused = {weight.device.type for weight in weights} <= _FUSED_ON
    groups: list[dict[str, Any]] = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    if stage.optimizer == "sgd":
        # Without momentum there is nothing for Nesterov's rule, and torch refuses it.
        nesterov = stage.momentum > 0
        sgd = torch.optim.SGD(
            groups, stage.learning_rate, stage.momentum, nesterov=nesterov, fused=fused
        )
        # Made by its first step, fused, they would hold what lay in memory where that step is
        # skipped, as of an overflow in fp16, and the next would add to it (torch 2.13).
        for weight in weights if nesterov else ():
            sgd.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        return sgd
    kind = torch.optim.Adam if stage.optimizer == "adam" else torch.optim.AdamW
    betas = (stage.beta1, stage.beta2)
    return kind(groups, stage.learning_rate, betas, stage.epsilon, fused=fused)


def fault(optimizer: torch.optim.Optimizer, state: object) -> str:
    """Why a state is none that an optimiser of the same kind had after a step or more; empty where
    it is one. torch takes moments of any shape, and its kernels read beyond their ends.
    """
    if not isinstance(state, Mapping) or _dealt(state) != _dealt(optimizer.state_dict()):
        return "its optimiser's weights are not dealt to groups as this run's"
    kept = state.get("state")
    if not isinstance(kept, Mapping) or not all(
        type(index) is int and isinstance(each, Mapping) for index, each in kept.items()
    ):
        return "its optimiser's state is not one of each weight"
    found = {
        f"{index}.{name}": value
        for index, each in kept.items()
        for name, value in each.items()
        if value is not None
    }
    return resumable.tensors(found, _expected(optimizer), "its optimiser's state")


def _dealt(state: Mapping[str, Any]) -> list[Any] | None:
    """Numbers of the weights of each group."""
    groups = state.get("param_groups")
    if not isinstance(groups, list):
        return None
    return [group.get("params") if isinstance(group, dict) else None for group in groups]


def _expected(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Tensors like those that it keeps of its weights, by the weight's number and their name."""
    expected: dict[str, Tensor] = {}
    for index, weight in enumerate(_weights(optimizer)):
        if not isinstance(optimizer, torch.optim.SGD):
            expected |= {f"{index}.{name}": weight for name in _OF_ADAM}
            expected[f"{index}.step"] = torch.zeros((), dtype=torch.float32)
        elif optimizer.param_groups[0]["momentum"]:
            expected[f"{index}.momentum_buffer"] = weight
    return expected


def _weights(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def restore(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Load a state without a :func:`fault`, of whatever device and however it was carried out
    there: its settings are this optimiser's own.
    """
    weights = _weights(optimizer)
    kept = {
        index: {name: _placed(value, weights[index]) for name, value in each.items()}
        for index, each in state["state"].items()
    }
    optimizer.load_state_dict({**optimizer.state_dict(), "state": kept})


def _placed(value: Any, weight: Tensor) -> Any:
    """In the order in memory that the weight has: fused kernels take both as they lie there."""
    if not isinstance(value, Tensor) or value.shape != weight.shape:
        return value
    return torch.empty_like(weight).copy_(value)
