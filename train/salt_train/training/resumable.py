"""Whether a checkpoint is one that its run can go on from. It is looked at before any of it is
restored: what torch says of a part that does not fit helps nobody, and some parts it takes.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from salt_infer.system.text import named
from salt_train.checkpoints.checkpoint import Checkpoint, not_finite
from salt_train.errors import CheckpointError
from salt_train.scoring.calibrate import BY_OWN_CHOICE, SEEN
from salt_train.scoring.verdict import GAIN, OF_START
from salt_train.settings.config import TrainConfig
from salt_train.settings.overrides import difference
from salt_train.training.keeper import LAST

# Scores that are shown as numbers where they are, and those that a finished run has.
_SHOWN = ("score", "score_ungated", "score_without_tta", "score_of_empty_masks", SEEN)
_FINISHED, _FINISHED_ON_ALL = ("score", "score_interval"), (SEEN, "score_of_empty_masks")


def check_settings(out: Path, kept: TrainConfig, config: TrainConfig) -> None:
    """Refuse to go on with the run in ``out``, begun with ``kept``, by other settings.

    Raises:
        CheckpointError: they are others.
    """
    if others := difference(kept, config):
        table = " (--split said how many, if the run had it)" if kept.folds != config.folds else ""
        raise CheckpointError(
            f"the run in {out} has other settings: {others}{table}; --resume goes "
            "on with those that it was begun with where none are given; or give another --out, "
            f"where --init-weights {out / LAST} may go on from what this one has learnt"
        )


def check_tiles(out: Path, kept: Mapping[str, Any], origin: Mapping[str, Any]) -> None:
    """Refuse to go on with the run in ``out``, whose scores are ``kept``, on other tiles.

    Raises:
        CheckpointError: they are others, or dealt to other folds.
    """
    for name, what in (("split_sha256", "split"), ("data_sha256", "data set")):
        if kept.get(name) != origin[name]:
            raise changed(out, what)


def changed(out: Path, what: str) -> CheckpointError:
    """The refusal of a run on other tiles."""
    return CheckpointError(
        f"the run in {out} used a different {what}: tiles, masks or folds have "
        "changed since it began; bring them back, with the --split that it had, if any, or give "
        "another --out"
    )


def fault(checkpoint: Checkpoint) -> str:
    """What is wrong with what a checkpoint says of its run, before its tensors are looked at; empty
    where nothing is.
    """
    return _progress(checkpoint) or _history(checkpoint.history) or _scores(checkpoint)


def is_scored(checkpoint: Checkpoint) -> bool:
    """Whether the run has been scored as deployed, which is the last it does."""
    return bool(checkpoint.scores.keys() & {"score", SEEN})


def _progress(checkpoint: Checkpoint) -> str:
    epoch, epochs = checkpoint.epoch, checkpoint.config.epochs
    if not 1 <= epoch <= epochs:
        return f"it is of epoch {epoch}, expected 1 to {epochs}"
    if len(checkpoint.history) != epoch:
        return f"its history has {len(checkpoint.history)} epochs, expected {epoch}"
    if is_scored(checkpoint) and epoch < epochs:
        return f"it has the scores of a finished run after epoch {epoch} of {epochs}"
    return ""


def _history(rows: Sequence[Mapping[str, Any]]) -> str:
    """Of what is drawn, and compared with later scores."""
    for number, row in enumerate(rows, 1):
        measured = (row.get("loss"), row.get("learning_rate"), row.get("score", 0.0))
        told = row.get("epoch") == number and isinstance(row.get("loss_name"), str)
        if not told or not all(map(_is_number, measured)):
            return f"its history does not say number, loss, rate and score of epoch {number}"
    return ""


def _scores(checkpoint: Checkpoint) -> str:
    found = checkpoint.scores
    wanted = _FINISHED_ON_ALL if checkpoint.config.fold is None else _FINISHED
    wanted = ("start_sha256", *(wanted if is_scored(checkpoint) else ()))
    if lacking := [name for name in wanted if name not in found]:
        return f"its scores lack {named(lacking)}"
    numbers = {name: _is_number(found[name]) for name in _SHOWN if name in found}
    for name, count in (("score_interval", 2), (GAIN, 3)):
        several = found.get(name, [0.0] * count)
        numbers[name] = (
            isinstance(several, list) and len(several) == count and all(map(_is_number, several))
        )
    for name in {OF_START, BY_OWN_CHOICE} & found.keys():
        numbers[name] = _is_number(found[name])
    numbers["start_sha256"] = isinstance(found["start_sha256"], str)
    odd = [name for name, right in numbers.items() if not right]
    return f"its scores have {named(odd)} of another kind" if odd else ""


def _is_number(value: object) -> bool:
    """Whether it is one that a float can be; NaN is not."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) <= sys.float_info.max


def parts(run: object, expected: Mapping[str, Any]) -> str:
    """What is wrong with the dict that tensors are kept in; empty where nothing is."""
    if not isinstance(run, Mapping):
        return f"what resuming needs is a {type(run).__name__}, expected a dict"
    lacking = [name for name in expected if name not in run]
    return f"what resuming needs lacks {named(lacking)}" if lacking else ""


def numbers(found: object, expected: Mapping[str, float], name: str) -> str:
    """What is wrong with numbers that are to take the place of others; empty where nothing is."""
    if not isinstance(found, Mapping) or found.keys() != expected.keys():
        return f"{name} is not one of this run's precision"
    odd = [
        key
        for key, value in expected.items()
        if type(found[key]) is not type(value) or not 0 <= found[key] < math.inf
    ]
    return f"{name} has {named(odd)} of another kind" if odd else ""


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
