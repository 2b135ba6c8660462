"""The settings of a run, as it was begun with, in a file of its folder: what ``--resume`` goes on
with where none are given, before there is a checkpoint and without PyTorch.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from salt_infer.system.files import write_whole
from salt_train.data import folds
from salt_train.errors import ConfigError
from salt_train.settings.config import TrainConfig

FILE = "settings.json"


def write(folder: Path, config: TrainConfig) -> None:
    """Write them into a run's folder; raises OutputError."""
    content = json.dumps(config.to_json(), indent=2) + "\n"
    write_whole(folder / FILE, content.encode(), overwrite=True)


def read(folder: Path) -> TrainConfig | None:
    """Those of the run in a folder; None where there is none.

    Raises:
        ConfigError: they cannot be read.
    """
    path = folder / FILE
    try:
        return TrainConfig.from_json(json.loads(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, RecursionError, ConfigError) as error:
        raise ConfigError(
            f"{path}, the settings of the run there, cannot be read ({error}); give another --out"
        ) from error


def begun(out: Path) -> tuple[TrainConfig, bool] | None:
    """Settings of the run that is in a folder, and whether it is one of all folds; None where there
    is none. Which pseudo-labels there are is up to the new call, as their files are.

    Raises:
        ConfigError: they cannot be read.
    """
    for every_fold, folder in ((False, out), (True, out / folds.folder(0))):
        if config := read(folder):
            return dataclasses.replace(config, pseudo_sha256=""), every_fold
    return None
