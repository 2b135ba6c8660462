"""Whether a run's network is the one that weights are of."""

from __future__ import annotations

import dataclasses
import json

from salt_train.errors import CheckpointError
from salt_train.settings.model_config import ModelConfig


def check(kept: ModelConfig, wanted: ModelConfig, name: str) -> None:
    """Raise CheckpointError unless both compute the same; what is of training alone may differ.

    Args:
        kept: the network of a checkpoint.
        wanted: that of the run.
        name: of the checkpoint.
    """
    theirs, ours = (config.meant.deployed for config in (kept, wanted))
    if theirs != ours:
        differing = _differing(theirs, ours)
        fitting = ", ".join(f"model.{each}={_typed(theirs, each)}" for each in differing)
        raise CheckpointError(
            f"{name} is of {theirs.architecture}, this run trains {ours.architecture}; they differ "
            f"in {', '.join(differing)}; leave --set of these out, or give what it has: {fitting}"
        )


def _typed(config: ModelConfig, name: str) -> str:
    """A setting as it is typed."""
    value = getattr(config, name)
    return value if isinstance(value, str) else json.dumps(value)


def _differing(one: ModelConfig, other: ModelConfig) -> list[str]:
    names = [field.name for field in dataclasses.fields(one)]
    return [name for name in names if getattr(one, name) != getattr(other, name)]
