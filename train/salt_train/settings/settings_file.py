"""The settings of a run, as it was begun with, in a file of its folder: what ``--resume`` goes on
with where none are given, before there is a checkpoint and without PyTorch.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from salt_infer.system.whole_files import write_whole
from salt_train.data import folds
from salt_train.errors import ConfigError
from salt_train.settings.config import TrainConfig

FILE = "settings.json"
_THREADS = "threads"  # beside the fields of a TrainConfig


def write(folder: Path, config: TrainConfig, threads: int | None = None) -> None:
    """Write them into a run's folder; raises OutputError.

    Args:
        folder: of the run.
        config: what it computes.
        threads: of the CPU, which it was told to use: with others its weights are rounded
            otherwise. None where torch chose.
    """
    told = {} if threads is None else {_THREADS: threads}
    content = json.dumps(config.to_json() | told, indent=2) + "\n"
    write_whole(folder / FILE, content.encode(), overwrite=True)


def read(folder: Path) -> TrainConfig | None:
    """Those of the run in a folder; None where there is none.

    Raises:
        ConfigError: they cannot be read.
    """
    found = _read(folder)
    return found and found[0]


def _read(folder: Path) -> tuple[TrainConfig, int | None] | None:
    path = folder / FILE
    try:
        value = json.loads(path.read_bytes())
        threads = value.pop(_THREADS, None) if isinstance(value, dict) else None
        if not (threads is None or (type(threads) is int and threads > 0)):
            raise ValueError(f"{_THREADS} is {threads!r}, expected a whole number of 1 or more")
        return TrainConfig.from_json(value), threads
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, RecursionError, ConfigError) as error:
        raise ConfigError(
            f"{path}, the settings of the run there, cannot be read ({error}); give another --out"
        ) from error


def threads(out: Path) -> int | None:
    """What the run in a folder, or that of all folds, was told to use; None where it was not.

    Raises:
        ConfigError: its settings cannot be read.
    """
    found = _read(out) or _read(out / folds.folder(0))
    return found and found[1]


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
