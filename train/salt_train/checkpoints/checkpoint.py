"""Checkpoints: plain tensors and JSON, so that loading one can never run code.

A file holds ``{"format", "version", "meta": JSON text, "weights": state dict, "learnt": JSON}``,
and, of a run that can be resumed, ``"run"`` with training weights and the optimiser's tensors.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import operator
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from salt_infer.errors import ContractError
from salt_infer.modelfile.contract import is_deep
from salt_infer.modelfile.learnt import UNKNOWN, Learnt
from salt_infer.system import file_kind
from salt_infer.system.text import shown
from salt_infer.system.whole_files import write_whole
from salt_train.errors import CheckpointError, ConfigError, NoCheckpointError
from salt_train.network.model import SaltNet
from salt_train.scoring.evaluate import Decision
from salt_train.settings.config import TrainConfig

FORMAT = "salt-checkpoint"
VERSION = 1
_FAULTS = 3  # of torch's list that are told


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A trained network and what is known of it.

    Attributes:
        config: the run's settings.
        epoch: finished epochs.
        scores: what validation measured; JSON values only.
        weights: averaged weights, the ones to deploy.
        run: tensors needed to resume, or None.
        history: one dict an epoch.
        decision: threshold and gate to deploy with.
        sha256: of the file it was loaded from; empty for one that was not.
        learnt: the tiles that the weights have learnt from; UNKNOWN of files from before they said.
    """

    config: TrainConfig
    epoch: int
    scores: dict[str, Any]
    weights: dict[str, Tensor]
    run: dict[str, Any] | None = None
    history: tuple[dict[str, Any], ...] = ()
    decision: Decision = dataclasses.field(default_factory=Decision)
    sha256: str = ""
    learnt: Learnt = UNKNOWN


def save(checkpoint: Checkpoint, path: Path | str) -> None:
    """Write a checkpoint whole or not at all; one that is there is replaced.

    Raises:
        OutputError: the disk is full.
        InputError: the folder cannot be written to.
    """
    meta = {
        "config": checkpoint.config.to_json(),
        "epoch": checkpoint.epoch,
        "scores": checkpoint.scores,
        "history": list(checkpoint.history),
        "decision": dataclasses.asdict(checkpoint.decision),
    }
    content = {
        "format": FORMAT,
        "version": VERSION,
        "meta": json.dumps(meta, sort_keys=True),
        "weights": checkpoint.weights,
        "run": checkpoint.run,
        "learnt": checkpoint.learnt.to_text(),
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_whole(Path(path), buffer.getvalue(), overwrite=True)


def load(path: Path | str) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: unreadable, holds more than tensors and plain values (pickled code is
            refused, not run), or was written by a newer version.
    """
    path = Path(path)
    content, digest = read(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not a salt-train checkpoint; expected one it wrote")
    if content.get("version") != VERSION:
        raise CheckpointError(
            f"{path} has checkpoint version {content.get('version')!r}, this program reads "
            f"{VERSION}; update salt-toolkit"
        )
    try:
        meta = json.loads(content["meta"])
        if is_deep(meta):
            raise ValueError("nested too deep")
        return Checkpoint(
            config=TrainConfig.from_json(meta["config"]),
            epoch=operator.index(meta["epoch"]),
            scores=dict(meta["scores"]),
            weights=state_dict(content["weights"], path),
            run=content["run"],
            history=tuple(map(dict, meta["history"])),
            decision=Decision(**meta.get("decision", {})),
            sha256=digest,
            learnt=Learnt.from_text(content["learnt"]) if "learnt" in content else UNKNOWN,
        )
    except (KeyError, TypeError, ValueError, RecursionError, ContractError) as error:
        raise CheckpointError(
            f"{path} is damaged: what it says of itself is not what salt-train writes ({error!r})"
        ) from error
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from error


def read(path: Path) -> tuple[Any, str]:
    """What a file written by ``torch.save`` holds, tensors and plain values only, and its sha256.

    Raises:
        NoCheckpointError: there is no such file, or it is a directory.
        CheckpointError: unreadable, damaged, or holding objects, which are never unpickled.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NoCheckpointError(f"{path} does not exist") from error
    except IsADirectoryError as error:
        raise NoCheckpointError(f"{path} is a directory, expected a file in it") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error})") from error
    return _unpickle(data, path), hashlib.sha256(data).hexdigest()


def state_dict(value: Any, path: Path) -> dict[str, Tensor]:
    """What was read, if it is tensors by name.

    Raises:
        CheckpointError: it is anything else.
    """
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} holds a {type(value).__name__}, expected a state dict")
    for name, tensor in value.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise CheckpointError(
                f"{path} holds a {type(tensor).__name__} as {name!r}, expected a state dict: "
                "nothing but tensors, by name"
            )
    return value


def _check_archive(data: bytes, path: Path) -> None:
    """torch writes a CRC-32 of each part of its zip and looks at none when it reads.

    Raises:
        CheckpointError: one is of other bytes, or the zip is none that torch writes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            packed = [part for part in archive.infolist() if part.compress_type]
            bad = None if packed else archive.testzip()  # by a MiB at a time
    except Exception as error:  # as of damaged pickles
        raise _damaged(path, shown(str(error))) from error
    if packed:
        raise CheckpointError(
            f"{path} is no checkpoint: it is a zip with compressed parts, or damaged; expected the "
            ".pth of a training, whose parts are stored as they are"
        )
    if bad is not None:
        raise _damaged(path, f"{shown(bad)} in it is not what its CRC-32 was taken of")


def _damaged(path: Path, how: str) -> CheckpointError:
    return CheckpointError(
        f"{path} is damaged ({how}); bring back an intact copy of it, or, where torch was told to "
        "write no CRC-32s, save it with them"
    )


def _unpickle(data: bytes, path: Path) -> Any:
    if data.startswith(b"PK"):
        _check_archive(data, path)
    try:
        with warnings.catch_warnings():
            # Of foreign pickles torch warns before it refuses them; the refusal says enough.
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if file_kind.is_onnx(path):
            raise CheckpointError(
                f"{path} is an ONNX model already, expected the checkpoint (.pth) of a training"
            ) from error
        if not data.startswith((b"PK", b"\x80")):  # as torch.save writes, now and long ago
            what = file_kind.kind(path) or "of another kind, or damaged"
            raise CheckpointError(
                f"{path} is no checkpoint: it is {what}; expected the .pth of a training"
            ) from error
        raise CheckpointError(
            f"{path} is not a plain checkpoint: it is damaged, or it holds pickled objects that "
            "could run code, which are never loaded"
        ) from error
    except Exception as error:  # damaged files make the unpickler raise almost anything
        reason = str(error).strip().partition("\n")[0]
        raise CheckpointError(f"{path} cannot be read ({shown(reason)})") from error


def build_model(checkpoint: Checkpoint) -> SaltNet:
    """The network with the checkpoint's weights, in evaluation mode.

    Raises:
        CheckpointError: weights do not fit the described network, or are not finite.
    """
    model = SaltNet(checkpoint.config.model)
    try:
        model.load_state_dict(checkpoint.weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"weights do not fit {checkpoint.config.model.architecture}: {first_faults(error)}"
        ) from error
    if name := not_finite(model.state_dict()):
        raise CheckpointError(f"weight {name} has values that are not finite")
    return model.eval()


def first_faults(error: RuntimeError) -> str:
    """The start of torch's list, which has a line for every tensor, by the names in the file."""
    faults = [shown(line.strip()) for line in str(error).splitlines()[1:]]
    more = f" and {len(faults) - _FAULTS} more" if len(faults) > _FAULTS else ""
    return "; ".join(fault[:200] for fault in faults[:_FAULTS]) + more


def not_finite(weights: Mapping[str, Tensor]) -> str:
    """Name of the first tensor with an infinity or NaN in it; empty where all are finite."""
    if not weights:
        return ""
    # All at once: a device is waited for wherever one is looked at.
    finite = torch.stack([value.isfinite().all() for value in weights.values()]).tolist()
    return next((name for name, fine in zip(weights, finite, strict=True) if not fine), "")
