"""Random changes to a batch of training tiles, in batched torch on whatever device they are on."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from salt_train.settings.config import AugmentConfig


class Changes(NamedTuple):
    """What happens to each tile of a batch.

    Attributes:
        matrices: float [B, 2, 3], affine maps from output to input, in units of half the tile's
            edge.
        contrast, brightness, gamma: float [B]: relative change about the tile's mean, offset of
            grey values in 0..1, change of log2(gamma).
        polarity: float [B]: 1 where grey values are turned to 1 - value, else 0.
    """

    matrices: Tensor
    contrast: Tensor
    brightness: Tensor
    gamma: Tensor
    polarity: Tensor

    def part(self, which: slice) -> Changes:
        """Those of some of the tiles."""
        return Changes(*(value[which] for value in self))

    def to(self, device: torch.device) -> Changes:
        """The same on a device, in one copy."""
        if device == self.matrices.device:
            return self
        return unpacked(packed(self).to(device))


def packed(changes: Changes) -> Tensor:
    """A row a tile: float [B, 10]."""
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
    matrices = _matrices(count, config, generator)
    contrast, brightness, gamma = (
        _uniform(count, -bound, bound, generator)
        for bound in (config.contrast, config.brightness, config.gamma)
    )
    polarity, log2_ratio = _of_another_survey(count, config, generator)
    return Changes(stretched(matrices, log2_ratio), contrast, brightness, gamma, polarity)


def stretched(matrices: Tensor, log2_ratio: Tensor) -> Tensor:
    """The same maps of tiles that are stretched first, along their own axes; areas stay.

    Args:
        matrices: float [B, 2, 3], from output to input.
        log2_ratio: float [B], log2 of horizontal to vertical magnification.
    """
    back = torch.exp2(torch.stack([-log2_ratio, log2_ratio], dim=1) / 2)
    return torch.cat([matrices[:, :, :2] * back[:, :, None], matrices[:, :, 2:]], dim=2)


def turned(tiles: Tensor, polarity: Tensor) -> Tensor:
    """Grey values in the polarity that was drawn.

    Args:
        tiles: float [B, 1, H, W] in 0..1.
        polarity: float [B]: 1 for 1 - value; 0 for the value, to its last bit.
    """
    return (tiles - polarity.to(tiles.device)[:, None, None, None]).abs()


def apply(
    tiles: Tensor, masks: Tensor, changes: Changes, certain: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Change tiles and their masks alike in shape, and the tiles in polarity and brightness.

    Polarity comes before light: a turned tile is lit as one of a survey with that polarity is.
    (It matters for gamma; contrast is about the mean, and brightness is drawn both ways alike.)
    Beyond its edges a tile is reflected, whatever brings them into view.

    Args:
        tiles: float [B, 1, H, W] in 0..1.
        masks: float [B, H, W], 0 or 1, or in between where they are not certain.
        changes: of B tiles.
        certain: bool [B]; default: all are.

    Returns:
        Tiles and masks of the same shapes, tiles still in 0..1, certain masks still 0 or 1.
    """
    both = warped(torch.cat([tiles, masks[:, None].to(tiles.dtype)], dim=1), changes.matrices)
    moved, warped_masks = both[:, :1], both[:, 1].to(masks.dtype)
    sharp = (warped_masks > 0.5).to(masks.dtype)
    if certain is not None:
        sharp = torch.where(certain[:, None, None], sharp, warped_masks)
    return _relight(turned(moved, changes.polarity), changes), sharp


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


def _of_another_survey(
    count: int, config: AugmentConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Polarity as :class:`Changes` has it, and log2 of the stretch's ratio, float [B] each.

    Drawn after all else and only where one is asked for: other runs draw what they did before
    there were these, and each is drawn alike with and without the other.
    """
    if not (config.polarity or config.stretch):
        return torch.zeros(count), torch.zeros(count)
    polarity = (torch.rand(count, generator=generator) < config.polarity).float()
    return polarity, _uniform(count, -config.stretch, config.stretch, generator)


def warped(images: Tensor, matrices: Tensor) -> Tensor:
    """Images, float [B, C, H, W], as maps, float [B, 2, 3], from output to input have them."""
    grid = F.affine_grid(matrices.to(images.device), list(images.shape), align_corners=False)
    return F.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def _relight(tiles: Tensor, changes: Changes) -> Tensor:
    contrast, brightness, gamma = (
        value.to(tiles.device)[:, None, None, None]
        for value in (changes.contrast, changes.brightness, changes.gamma)
    )
    mean = tiles.mean(dim=(1, 2, 3), keepdim=True)
    lit = (tiles - mean) * (1.0 + contrast) + mean + brightness
    return lit.clamp(0.0, 1.0) ** torch.exp2(gamma)
