"""The case study's own network: a checkpoint of it, or the weights that it begins training with.

Speed is that of the network, whatever its weights. What says nothing is an untrained one's answer:
it has none, for no pixel passes a threshold of 1, and every decoder runs, for every tile passes a
gate of 0. So ``salt-infer`` skips nothing that the notebook computes, and the notebook's loop over
salt pixels has none to go over, which is in its favour.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import torch

from salt_infer.errors import SaltError
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.network.model import SaltNet
from salt_train.scoring.evaluate import Decision
from salt_train.settings.model_config import ModelConfig
from salt_train.settings.recipes import RECIPES

RECIPE = "binary-judge"
NO_PIXEL = Decision(threshold=1.0, gate=0.0)


def untrained(folder: Path) -> Path:
    """A checkpoint of the recipe's first weights, which follow from its seed."""
    config = RECIPES[RECIPE].config
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = SaltNet(config.model)
    path = folder / "study-untrained.pth"
    checkpoints.save(Checkpoint(config, 0, {}, model.state_dict(), decision=NO_PIXEL), path)
    return path


def check(path: Path) -> None:
    """Only the case study's network may go by its name.

    Raises:
        click.UsageError: the checkpoint has another one, or cannot be read.
    """
    try:
        found = checkpoints.load(path).config.model
    except SaltError as error:
        raise click.UsageError(str(error)) from error
    expected = RECIPES[RECIPE].config.model
    if _computed(found) != _computed(expected):
        raise click.UsageError(
            f"{path} has another network than recipe {RECIPE}: {_differences(found, expected)}; "
            f"train one by salt-train --recipe {RECIPE}"
        )


def _computed(config: ModelConfig) -> ModelConfig:
    """Without what costs the deployed network nothing."""
    return dataclasses.replace(config, judge_dropout=0.0, mean=0.0, std=1.0)


def _differences(found: ModelConfig, expected: ModelConfig) -> str:
    seen, wanted = (dataclasses.asdict(_computed(each)) for each in (found, expected))
    unlike = [name for name in seen if seen[name] != wanted[name]]
    return ", ".join(f"{name} {seen[name]}, not {wanted[name]}" for name in unlike)
