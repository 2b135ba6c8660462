"""Labelled seismic tiles to checkpoints.

What is in ``__all__`` is for loops of one's own, see ``docs/library.md``; the command line is the
same in a loop of the toolkit's.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NoReturn

import salt_infer.former
from salt_train import former

if TYPE_CHECKING:
    from salt_train.checkpoints import checkpoint
    from salt_train.checkpoints.checkpoint import Checkpoint
    from salt_train.data import dataset
    from salt_train.data.dataset import Dataset
    from salt_train.data.folds import Split
    from salt_train.network.model import SaltNet
    from salt_train.scoring import calibrate, evaluate
    from salt_train.settings.config import AugmentConfig, Stage, TrainConfig
    from salt_train.settings.model_config import ModelConfig
    from salt_train.settings.recipes import RECIPES
    from salt_train.training import augment, losses

__all__ = [
    "RECIPES",
    "AugmentConfig",
    "Checkpoint",
    "Dataset",
    "ModelConfig",
    "SaltNet",
    "Split",
    "Stage",
    "TrainConfig",
    "augment",
    "calibrate",
    "checkpoint",
    "dataset",
    "evaluate",
    "losses",
]

_MODULES = {
    "augment": "training.augment",
    "calibrate": "scoring.calibrate",
    "checkpoint": "checkpoints.checkpoint",
    "dataset": "data.dataset",
    "evaluate": "scoring.evaluate",
    "losses": "training.losses",
}
_MODULE_OF = {
    "RECIPES": "settings.recipes",
    "AugmentConfig": "settings.config",
    "Checkpoint": "checkpoints.checkpoint",
    "Dataset": "data.dataset",
    "ModelConfig": "settings.model_config",
    "SaltNet": "network.model",
    "Split": "data.folds",
    "Stage": "settings.config",
    "TrainConfig": "settings.config",
}

salt_infer.former.find("salt_train", former.NAMES)


def __dir__() -> list[str]:
    """What is offered: completion goes by this, and imports nothing."""
    return __all__


def __getattr__(name: str) -> Any:
    """Import torch only for those who use it: the command says its options without."""
    if name in _MODULES:
        return importlib.import_module(f"salt_train.{_MODULES[name]}")
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"salt_train.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def main() -> NoReturn:
    """Entry point of the ``salt-train`` command."""
    from salt_infer.cli import console

    with console.importing():
        from salt_train.cli.train import cli

    console.run(cli)
