"""The shipped network's weights as those of a network that can be trained.

In a file, each batch normalisation is folded into the convolution before it. Here it is given
back: first without effect but for the folded bias, then, from training tiles, with the statistics
that it normalises by, scaled so that the function stays the same. Without the second step the
first batch of a training, which is normalised by its own statistics, would be of another network.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from salt_infer.system.text import named
from salt_train.checkpoints import initialisers, shipped, unseen
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.checkpoints.initialisers import Weights
from salt_train.compute.distributed import World
from salt_train.data.held_out import HeldOut
from salt_train.errors import CheckpointError, DataError
from salt_train.network.model import SaltNet
from salt_train.scoring.evaluate import to_input
from salt_train.settings.config import TrainConfig
from salt_train.settings.model_config import ModelConfig

_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)
_TRAINING_ONLY = "level_heads."  # of deep supervision: no file has them


def first(config: TrainConfig, held_out: HeldOut) -> tuple[Checkpoint, str]:
    """The shipped network that a run may start from, its normalisations without effect, and a
    warning if it may have learnt of the held-out tiles.

    Of an ensemble it is the first one of the run's shape that has not, or of which that cannot be
    told.

    Raises:
        ConfigError: no network in the file is of the run's shape.
        DataError: those that are have learnt of the tiles that the run validates on.
    """
    file = shipped.read()
    refusal: DataError | None = None
    for member in shipped.fitting(file, config.model):
        try:
            doubt = unseen.doubt_of_shipped(file, member, held_out)
        except DataError as error:
            refusal = error
            continue
        state = unfolded(config.model, initialisers.read(file.path), f"models.{member.number}.")
        scores = dict(member.origin)
        return Checkpoint(config, 0, scores, state, sha256=file.sha256, learnt=file.learnt), doubt
    assert refusal is not None
    raise refusal


def unfolded(config: ModelConfig, given: Weights, prefix: str) -> dict[str, Tensor]:
    """A state dict of a network with the weights of an exported one.

    Args:
        config: the network.
        given: the file's weights by name.
        prefix: of its names in the file.

    Raises:
        CheckpointError: weights are missing, left over or of another shape.
    """
    model = SaltNet(config).eval()
    state = model.state_dict()
    wanted = _plain_weights(model)
    for norm, convolution in _convolutions(model).items():
        wanted[f"{norm}.bias"] = f"{convolution}.weight_bias"
        _set_neutral(model.get_submodule(norm))
    left = {name.removeprefix(prefix) for name in given if name.startswith(prefix)}
    faults = sorted(left ^ set(wanted.values()))
    faults += [
        f"{theirs} {given[prefix + theirs].shape}"
        for ours, theirs in wanted.items()
        if theirs in left and given[prefix + theirs].shape != tuple(state[ours].shape)
    ]
    if faults:
        raise CheckpointError(
            f"the file's weights are not those of {config.architecture}: {named(faults[:3])} "
            f"and {max(0, len(faults) - 3)} more are missing, left over or of another shape"
        )
    for ours, theirs in wanted.items():
        state[ours].copy_(torch.from_numpy(given[prefix + theirs]))
    return state


def _plain_weights(model: SaltNet) -> dict[str, str]:
    """Weights that a file has by the network's own names."""
    norms = {name for name, part in model.named_modules() if isinstance(part, _NORMS)}
    names = (name for name in model.state_dict() if name.rpartition(".")[0] not in norms)
    return {name: name for name in names if not name.startswith(_TRAINING_ONLY)}


def _convolutions(model: SaltNet) -> dict[str, str]:
    """The convolution whose output each batch normalisation takes, by name: seen as a tile passes,
    since names tell it for some networks only.
    """
    names = {part: name for name, part in model.named_modules()}
    made: list[tuple[Tensor, str]] = []
    found: dict[str, str] = {}

    def after_convolution(part: nn.Module, _: object, output: Tensor) -> None:
        made.append((output, names[part]))

    def before_norm(part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.update((names[part], name) for output, name in made if output is inputs[0])

    handles = [
        part.register_forward_hook(after_convolution)
        if isinstance(part, nn.Conv2d)
        else part.register_forward_pre_hook(before_norm)
        for part in names
        if isinstance(part, (nn.Conv2d, *_NORMS))
    ]
    with torch.no_grad():
        model(torch.zeros(1, 1, model.config.tile_px, model.config.tile_px))
    for handle in handles:
        handle.remove()
    return found


@torch.no_grad()
def _set_neutral(norm: nn.Module) -> None:
    """Let a normalisation give what it takes."""
    assert isinstance(norm, _NORMS)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.weight.fill_(1.0)
    norm.running_mean.fill_(0.0)
    norm.running_var.fill_(1.0 - norm.eps)


@torch.no_grad()
def measure(
    model: nn.Module, tiles: npt.NDArray[np.uint8], batch_size: int, most: int, world: World
) -> None:
    """Give neutral normalisations the statistics of what they take; the function stays the same.

    Args:
        model: as :func:`unfolded` makes it; left in training mode.
        tiles: uint8 [N, 101, 101], training tiles.
        batch_size: tiles at once.
        most: use at most so many of the tiles, from all over them.
        world: whose processes all do the same, and end with the same bits.
    """
    norms = [part for part in model.modules() if isinstance(part, _NORMS)]
    seen = [_Moments() for _ in norms]
    handles = [
        norm.register_forward_pre_hook(lambda _, inputs, moments=moments: moments.add(inputs[0]))
        for norm, moments in zip(norms, seen, strict=True)
    ]
    model.eval()
    device = next(model.parameters()).device
    chosen = tiles[:: math.ceil(len(tiles) / most)]
    for start in range(0, len(chosen), batch_size):
        model(to_input(chosen[start : start + batch_size], device))
    model.train()
    for handle in handles:
        handle.remove()
    for norm, moments in zip(norms, seen, strict=True):
        mean, variance = (world.sum(each) / world.size for each in moments.result())
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)


class _Moments:
    """Mean and variance of each channel over many feature maps."""

    def __init__(self) -> None:
        self._count = 0
        self._sums: Tensor | float = 0.0

    def add(self, x: Tensor) -> None:
        """Feature maps [B, C, H, W]."""
        exact = x.double()
        self._count += x.numel() // x.shape[1]
        self._sums = self._sums + torch.stack([exact.sum((0, 2, 3)), exact.square().sum((0, 2, 3))])

    def result(self) -> tuple[Tensor, Tensor]:
        """Both float64 [C]."""
        mean, square = torch.as_tensor(self._sums) / self._count
        return mean, (square - mean.square()).clamp(min=0.0)
