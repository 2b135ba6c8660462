from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from salt_train import synthetic
from salt_train.augment import apply, draw
from salt_train.config import AugmentConfig

STILL = AugmentConfig(
    hflip=0, shift=0, scale_low=1, scale_high=1, rotate_deg=0, brightness=0, contrast=0, gamma=0
)
DATA = synthetic.draw(8, seed=4)
TILES = torch.from_numpy(DATA.tiles)[:, None].float() / 255
MASKS = torch.from_numpy(DATA.masks).float()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def augment(
    tiles: Tensor, masks: Tensor, config: AugmentConfig, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    return apply(tiles, masks, draw(len(tiles), config, random))


def test_without_bounds_nothing_changes() -> None:
    tiles, masks = augment(TILES, MASKS, STILL, generator())
    torch.testing.assert_close(tiles, TILES, atol=1e-4, rtol=0)
    assert torch.equal(masks, MASKS)


def test_a_certain_flip_flips_both() -> None:
    tiles, masks = augment(TILES, MASKS, dataclasses.replace(STILL, hflip=1.0), generator())
    torch.testing.assert_close(tiles, TILES.flip(-1), atol=1e-4, rtol=0)
    assert torch.equal(masks, MASKS.flip(-1))


def test_ranges_and_shapes_hold() -> None:
    tiles, masks = augment(TILES, MASKS, AugmentConfig(), generator())
    assert tiles.shape == TILES.shape
    assert masks.shape == MASKS.shape
    assert float(tiles.min()) >= 0
    assert float(tiles.max()) <= 1
    assert set(masks.unique().tolist()) <= {0.0, 1.0}
    assert not torch.equal(masks, MASKS)


def test_the_mask_moves_with_the_tile() -> None:
    """A tile that shows its own mask still does after any change of shape."""
    shape_only = AugmentConfig(brightness=0, contrast=0, gamma=0)
    tiles, masks = augment(MASKS[:, None], MASKS, shape_only, generator())
    assert torch.equal((tiles[:, 0] > 0.5).float(), masks)


def test_the_same_generator_gives_the_same_tiles() -> None:
    first = augment(TILES, MASKS, AugmentConfig(), generator(3))[0]
    assert torch.equal(first, augment(TILES, MASKS, AugmentConfig(), generator(3))[0])
    assert not torch.equal(first, augment(TILES, MASKS, AugmentConfig(), generator(4))[0])


def test_parts_of_a_batch_change_as_the_whole_does() -> None:
    changes = draw(8, AugmentConfig(), generator())
    whole = apply(TILES, MASKS, changes)[0]
    parts = [apply(TILES[p], MASKS[p], changes.part(p))[0] for p in (slice(0, 4), slice(4, 8))]
    torch.testing.assert_close(torch.cat(parts), whole)
