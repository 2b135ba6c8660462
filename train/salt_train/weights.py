"""Weights to start from: torchvision-format ResNet files for the encoder, or a checkpoint."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from salt_train import shipped, unfold
from salt_train.checkpoint import Checkpoint, build_model, not_finite, read, state_dict
from salt_train.checkpoint import load as read_checkpoint
from salt_train.config import FOLD, IMAGENET, ModelConfig, TrainConfig
from salt_train.encoder import Encoder
from salt_train.errors import CheckpointError
from salt_train.folds import Split
from salt_train.model import SaltNet

TORCHVISION_WIDTH = 64
_SERVER = "https://download.pytorch.org/models"
# ImageNet-1k weights (V1) by depth; the name ends in the first digits of the sha256.
_FILES = {18: "resnet18-f37072fd.pth", 34: "resnet34-b627a593.pth", 50: "resnet50-0676ba61.pth"}
# What a classifier has and an encoder has not.
_HEAD = ("fc.weight", "fc.bias")


def fetch(name: str, depth: int) -> Path:
    """The file meant by ``--encoder-weights``: a path, or ``imagenet`` for torchvision's own.

    ``imagenet`` downloads into torch.hub's cache, where later runs find it.

    Raises:
        CheckpointError: it could not be downloaded; the message says what to do without a network.
    """
    if name != IMAGENET:
        return Path(name)
    file = _FILES[depth]
    digest = file.partition("-")[2].partition(".")[0]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / file
    if not cached.exists():
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(f"{_SERVER}/{file}", str(cached), digest, progress=False)
        except (OSError, RuntimeError) as error:  # RuntimeError: the digest is another
            raise CheckpointError(
                f"{_SERVER}/{file} could not be downloaded ({error}); fetch it on a machine with "
                f"a network, copy it here and give --encoder-weights {file}"
            ) from error
    return cached


def load_file(encoder: Encoder, path: Path) -> str:
    """Load a torchvision ResNet state dict into an encoder of the same depth and width 64.

    Returns:
        The file's sha256.

    Raises:
        CheckpointError: unreadable, holds more than tensors, is of another network, or not finite.
    """
    content, digest = read(path)
    load(encoder, state_dict(content, path), str(path))
    if name := not_finite(encoder.state_dict()):
        raise CheckpointError(f"{path}: weight {name} has values that are not finite")
    return digest


def load(encoder: Encoder, state: dict[str, Tensor], name: str) -> None:
    """Load a state dict, its three-channel stem folded to one channel.

    On a grey image, whose three channels are equal, the sum of the stem's three filters is the
    same convolution: ``conv(w, [x, x, x]) == conv(w.sum(1), x)``. Coordinate channels start at
    zero, which is the same function again.

    Args:
        encoder: of width 64.
        state: tensors by torchvision's names; the classifier's are passed over.
        name: for error messages.

    Raises:
        CheckpointError: tensors are missing, left over or of another shape.
    """
    state = {key: value for key, value in state.items() if key not in _HEAD}
    stem = state.get("conv1.weight")
    if stem is not None and stem.ndim == 4 and stem.shape[1] == 3:
        grey = stem.sum(dim=1, keepdim=True)
        more = encoder.conv1.in_channels - 1
        state["conv1.weight"] = torch.cat([grey, *[torch.zeros_like(grey)] * more], dim=1)
    try:
        encoder.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(
            f"{name} does not fit this encoder; expected torchvision's ResNet of the same depth, "
            f"and width {TORCHVISION_WIDTH}; {_first_faults(error)}"
        ) from error


def _first_faults(error: RuntimeError, count: int = 3) -> str:
    """The start of torch's list, which has a line for every tensor."""
    faults = [line.strip() for line in str(error).splitlines()[1:]]
    more = f" and {len(faults) - count} more" if len(faults) > count else ""
    return "; ".join(fault[:200] for fault in faults[:count]) + more


def first_checkpoint(config: TrainConfig, split: Split) -> tuple[Checkpoint, str]:
    """The checkpoint that ``init_weights`` means for the held-out fold, and its path; of the
    shipped network, by ``default``, the normalisations are to be measured yet.

    Raises:
        CheckpointError: it cannot be read.
        DataError: it may have learnt of the tiles that this run validates on.
    """
    if config.init_weights == shipped.NAME:
        return unfold.first(config, split), "the shipped network"
    name = config.init_weights.replace(FOLD, str(config.fold))
    checkpoint = read_checkpoint(Path(name))
    split.check_unseen(checkpoint.scores, config.fold, f"{name} is", "start from")
    return checkpoint, name


def load_checkpoint(model: SaltNet, checkpoint: Checkpoint, name: str) -> str:
    """Load all weights of a checkpoint into a network of the same shape.

    Returns:
        The checkpoint's sha256.

    Raises:
        CheckpointError: it is of another network, or not finite.
    """
    theirs, ours = (
        dataclasses.replace(config, judge_dropout=0.0)
        for config in (checkpoint.config.model, model.config)
    )
    if theirs != ours:
        raise CheckpointError(
            f"{name} is of {theirs.architecture}, this run trains {ours.architecture}; they differ "
            f"in {', '.join(_differing(theirs, ours))}"
        )
    model.load_state_dict(build_model(checkpoint).state_dict())
    return checkpoint.sha256


def _differing(one: ModelConfig, other: ModelConfig) -> list[str]:
    names = [field.name for field in dataclasses.fields(one)]
    return [name for name in names if getattr(one, name) != getattr(other, name)]
