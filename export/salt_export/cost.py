"""What a network costs: multiplications and parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from salt_train.network.model import SaltNet
from salt_train.settings.model_config import ModelConfig


@dataclasses.dataclass(frozen=True)
class Cost:
    """Cost of one view of one tile.

    Attributes:
        gmac: multiply-accumulates of all convolutions, in thousand millions.
        gmac_as_drawn: the same if the hypercolumn were made as papers draw it, each level
            upsampled before its 1x1 projection.
        parameters: numbers that were trained and are deployed.
    """

    gmac: float
    gmac_as_drawn: float
    parameters: int

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.gmac + other.gmac,
            self.gmac_as_drawn + other.gmac_as_drawn,
            self.parameters + other.parameters,
        )


def of(model: SaltNet) -> Cost:
    """Count by running the network once; it is left as it was."""
    counted: list[int] = []

    def count(layer: nn.Module, _: Any, output: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
        inputs = layer.weight[0].numel()  # multiplications for one number of the output
        if isinstance(layer, nn.ConvTranspose2d):
            # Kernel and stride are equal: each output pixel comes from one input pixel.
            inputs = layer.in_channels
        counted.append(output[0].numel() * inputs)

    hooks = [
        layer.register_forward_hook(count)
        for layer in model.modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    ]
    edge = model.config.tile_px
    weight = next(model.parameters())
    try:
        with torch.inference_mode():
            features = model.encode(torch.zeros((1, 1, edge, edge), device=weight.device))
            model.salt(features, model.decode(features))
    finally:
        for hook in hooks:
            hook.remove()
    total = sum(counted)
    deployed = (p.numel() for name, p in model.named_parameters() if "level_heads" not in name)
    return Cost(total / 1e9, (total + _upsampled_first(model.config, model)) / 1e9, sum(deployed))


def of_all(models: Sequence[SaltNet]) -> Cost:
    """Of all members of an ensemble together."""
    total, *more = (of(model) for model in models)
    for each in more:
        total = total + each
    return total


def _upsampled_first(config: ModelConfig, model: SaltNet) -> int:
    """Further multiplications of a hypercolumn that is upsampled before it is projected."""
    finest = config.canvas_px // (2 if config.ends_at_half else 1)
    projections = [w.numel() for w in model.head.projections.parameters() if w.ndim > 1]
    return sum(
        (finest**2 - (finest >> level) ** 2) * each for level, each in enumerate(projections)
    )
