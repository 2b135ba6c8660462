"""Labelled tiles where the network learns from them, and an epoch's draws beside them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from salt_train.data.dataset import Dataset
from salt_train.settings.config import AugmentConfig
from salt_train.training import augment
from salt_train.training.augment import Changes
from salt_train.training.losses import has_salt

_SOME = 0.01  # of a pixel; what comes of rounding is far less


class Drawn(NamedTuple):
    """What an epoch draws, on the device.

    Attributes:
        order: int64 [K], positions of tiles.
        changes: of these K tiles.
    """

    order: Tensor
    changes: Changes


class Batch(NamedTuple):
    """What a step learns from, on the device.

    Attributes:
        tiles: float32 [b, 1, H, W] in 0..1.
        masks: float32 [b, H, W], 0 or 1; of soft labels, 0..1.
        salt: float32 [b], probability that a tile has any.
        known: float32 [b, H, W], 0 where a mask does not count, else 1; None where all of it does.
    """

    tiles: Tensor
    masks: Tensor
    salt: Tensor
    known: Tensor | None = None


class Feed:
    """All tiles and masks on the device, once (4000 of them are 82 MB), instead of a part of them
    in every step: what a step needs is there already. On a CPU nothing is copied.
    """

    def __init__(self, data: Dataset, device: torch.device) -> None:
        self._device = device
        self._tiles = torch.from_numpy(data.tiles).to(device)
        soft = data.soft
        self._whole = 255.0 if soft else 1.0
        self._masks = torch.from_numpy(soft.probability if soft else data.masks).to(device)
        self._salt = torch.from_numpy(soft.salt).to(device) if soft else None
        self._certain = torch.from_numpy(soft.certain).to(device) if soft else None
        unknown = data.unknown
        self._unknown = None if unknown is None else torch.from_numpy(unknown).to(device)

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

    def batch(self, drawn: Drawn, which: slice) -> Batch:
        """Some of an epoch's tiles, augmented."""
        chosen = drawn.order[which]
        tiles = self._tiles.index_select(0, chosen)[:, None].float() / 255.0
        masks = self._masks.index_select(0, chosen).float() / self._whole
        changes = drawn.changes.part(which)
        certain = None if self._certain is None else self._certain.index_select(0, chosen)
        tiles, masks = augment.apply(tiles, masks, changes, certain)
        known = self._known(chosen, changes)
        if known is not None:
            masks = masks * known
        salt = has_salt(masks)
        if certain is not None and self._salt is not None:
            salt = torch.where(certain, salt, self._salt.index_select(0, chosen))
        return Batch(tiles, masks, salt, known)

    def _known(self, chosen: Tensor, changes: Changes) -> Tensor | None:
        """Pixels that take some of one that is not known are not known either."""
        if self._unknown is None:
            return None
        unknown = self._unknown.index_select(0, chosen).float()
        return (augment.warped(unknown[:, None], changes.matrices)[:, 0] < _SOME).float()
