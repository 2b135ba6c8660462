"""Whether a checkpoint is one that its run can go on from. It is looked at before any of it is
restored: what torch says of a part that does not fit helps nobody, and some parts it takes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from salt_infer.system.text import named
from salt_train.checkpoints.checkpoint import Checkpoint, not_finite


def progress(checkpoint: Checkpoint) -> str:
    """What is wrong with how far a run is said to have come; empty where nothing is."""
    epoch, epochs = checkpoint.epoch, checkpoint.config.epochs
    if not 1 <= epoch <= epochs:
        return f"it is of epoch {epoch}, expected 1 to {epochs}"
    if len(checkpoint.history) != epoch:
        return f"its history has {len(checkpoint.history)} epochs, expected {epoch}"
    return ""


def tensors(found: object, expected: Mapping[str, Tensor], name: str) -> str:
    """What is wrong with tensors that are to take the place of others; empty where nothing is.

    Args:
        found: by name, from a file.
        expected: of the same names, shapes and dtypes; their values are not looked at.
        name: of all of them, for people.
    """
    if not isinstance(found, Mapping):
        return f"{name} is a {type(found).__name__}, expected tensors by name"
    if lacking := [key for key in expected if key not in found]:
        return f"{name} lacks {named(lacking)}"
    if more := [str(key) for key in found if key not in expected]:
        return f"{name} has {named(more)}, which this run has not"
    for key, tensor in expected.items():
        if _form(found[key]) != _form(tensor):
            return f"{name} has {key} as {_form(found[key])}, expected {_form(tensor)}"
    odd = not_finite(found)
    return f"{name} has values in {odd} that are not finite" if odd else ""


def _form(value: object) -> str:
    """Such as ``float32 [8, 1, 3, 3]``; of what is no tensor, its type."""
    if not isinstance(value, Tensor):
        return type(value).__name__
    kind = str(value.dtype).removeprefix("torch.")
    dense = value.layout is torch.strided and not value.is_meta
    return f"{kind} {list(value.shape)}{'' if dense else ' without dense values'}"
