"""Labelled tiles where the network learns from them, and an epoch's draws beside them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from salt_train import augment
from salt_train.augment import Changes
from salt_train.config import AugmentConfig
from salt_train.dataset import Dataset


class Drawn(NamedTuple):
    """What an epoch draws, on the device.

    Attributes:
        order: int64 [K], positions of tiles.
        changes: of these K tiles.
    """

    order: Tensor
    changes: Changes


class Feed:
    """All tiles and masks on the device, once (4000 of them are 82 MB), instead of a part of them
    in every step: what a step needs is there already. On a CPU nothing is copied.
    """

    def __init__(self, data: Dataset, device: torch.device) -> None:
        self._device = device
        self._tiles = torch.from_numpy(data.tiles).to(device)
        self._masks = torch.from_numpy(data.masks).to(device)

    def draw(self, count: int, config: AugmentConfig, generator: torch.Generator) -> Drawn:
        """Order and changes of an epoch.

        Args:
            count: tiles, at most all; the others are left out of this epoch.
            config: bounds of the changes.
            generator: CPU generator; the same state gives the same on any device.
        """
        order = torch.randperm(len(self._tiles), generator=generator)[:count]
        changes = augment.draw(count, config, generator)
        return Drawn(order.to(self._device), changes.to(self._device))

    def batch(self, drawn: Drawn, which: slice) -> tuple[Tensor, Tensor]:
        """Some of an epoch's tiles, augmented: float32 [b, 1, H, W] in 0..1, and their masks,
        float32 [b, H, W], 0 or 1.
        """
        chosen = drawn.order[which]
        tiles = self._tiles.index_select(0, chosen)[:, None].float() / 255.0
        masks = self._masks.index_select(0, chosen).float()
        return augment.apply(tiles, masks, drawn.changes.part(which))
