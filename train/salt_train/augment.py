"""Random changes to a batch of training tiles, in batched torch on whatever device they are on."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from salt_train.config import AugmentConfig


class Changes(NamedTuple):
    """What happens to each tile of a batch.

    Attributes:
        matrices: float [B, 2, 3], affine maps from output to input, in units of half the tile's
            edge.
        contrast, brightness, gamma: float [B]: relative change about the tile's mean, offset of
            grey values in 0..1, change of log2(gamma).
    """

    matrices: Tensor
    contrast: Tensor
    brightness: Tensor
    gamma: Tensor

    def part(self, which: slice) -> Changes:
        """Those of some of the tiles."""
        return Changes(*(value[which] for value in self))

    def to(self, device: torch.device) -> Changes:
        """The same on a device, in one copy."""
        if device == self.matrices.device:
            return self
        return unpacked(packed(self).to(device))


def packed(changes: Changes) -> Tensor:
    """A row a tile: float [B, 9]."""
    columns = [changes.matrices.flatten(1), torch.stack(changes[1:], dim=1)]
    return torch.cat(columns, dim=1)


def unpacked(rows: Tensor) -> Changes:
    """What :func:`packed` gave."""
    return Changes(rows[:, :6].reshape(-1, 2, 3), *rows[:, 6:].unbind(1))


def draw(count: int, config: AugmentConfig, generator: torch.Generator) -> Changes:
    """Draw changes for a batch of ``count`` tiles.

    Args:
        count: tiles.
        config: bounds of the changes.
        generator: CPU generator; the same state gives the same changes on any device.
    """
    return Changes(
        _matrices(count, config, generator),
        *(
            _uniform(count, -bound, bound, generator)
            for bound in (config.contrast, config.brightness, config.gamma)
        ),
    )


def apply(
    tiles: Tensor, masks: Tensor, changes: Changes, certain: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Change tiles and their masks alike in shape, and the tiles in brightness.

    Args:
        tiles: float [B, 1, H, W] in 0..1.
        masks: float [B, H, W], 0 or 1, or in between where they are not certain.
        changes: of B tiles.
        certain: bool [B]; default: all are.

    Returns:
        Tiles and masks of the same shapes, tiles still in 0..1, certain masks still 0 or 1.
    """
    warped, warped_masks = _warp(tiles, masks, changes.matrices)
    sharp = (warped_masks > 0.5).to(masks.dtype)
    if certain is not None:
        sharp = torch.where(certain[:, None, None], sharp, warped_masks)
    return _relight(warped, changes), sharp


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)


def _matrices(count: int, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    turn = math.radians(config.rotate_deg)
    angle = _uniform(count, -turn, turn, generator)
    zoom = 1.0 / _uniform(count, config.scale_low, config.scale_high, generator)
    flip = torch.where(torch.rand(count, generator=generator) < config.hflip, -1.0, 1.0)
    shift_x = _uniform(count, -2 * config.shift, 2 * config.shift, generator)
    shift_y = _uniform(count, -2 * config.shift, 2 * config.shift, generator)
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    rows = [torch.stack([cos * flip, -sin, shift_x], 1), torch.stack([sin * flip, cos, shift_y], 1)]
    return torch.stack(rows, 1)


def _warp(tiles: Tensor, masks: Tensor, matrices: Tensor) -> tuple[Tensor, Tensor]:
    both = torch.cat([tiles, masks[:, None].to(tiles.dtype)], dim=1)
    grid = F.affine_grid(matrices.to(tiles.device), list(both.shape), align_corners=False)
    warped = F.grid_sample(
        both, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    return warped[:, :1], warped[:, 1].to(masks.dtype)


def _relight(tiles: Tensor, changes: Changes) -> Tensor:
    contrast, brightness, gamma = (
        value.to(tiles.device)[:, None, None, None] for value in changes[1:]
    )
    mean = tiles.mean(dim=(1, 2, 3), keepdim=True)
    lit = (tiles - mean) * (1.0 + contrast) + mean + brightness
    return lit.clamp(0.0, 1.0) ** torch.exp2(gamma)
