from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from salt_train.settings.config import AugmentConfig
from salt_train.training.augment import Changes, apply, draw, packed, stretched, turned
from tests import drawing

STILL = AugmentConfig(
    hflip=0, shift=0, scale_low=1, scale_high=1, rotate_deg=0, brightness=0, contrast=0, gamma=0
)
DATA = drawing.draw(8, seed=4)
TILES = torch.from_numpy(DATA.tiles)[:, None].float() / 255
MASKS = torch.from_numpy(DATA.masks).float()
OTHER_SURVEYS = dataclasses.replace(AugmentConfig(), polarity=0.5, stretch=1.5)

# What draw(2, AugmentConfig(), generator(5)) gave, and the number that came after it, before there
# were polarity and stretch.
BEFORE = [
    [0.928662896, -0.085888386, -0.134243399, 0.085888386, 0.928662896, -0.186694145,
     0.031928569, -0.068414047, 0.107502878],
    [-0.950836658, 0.099638738, 0.095167771, 0.099638738, 0.950836658, 0.197673902,
     0.019371375, 0.025494233, 0.039663792],
]  # fmt: skip
NEXT_BEFORE = 0.9809269309043884
# Sums over tiles 5 and 6, and over their masks, that were made of these changes.
LIT_BEFORE, SALT_BEFORE = [3934.9306640625, 5296.7236328125], [9059.0, 1976.0]


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


def ellipse(wide: float, high: float) -> Tensor:
    """A mask, float [101, 101], 1 within so many pixels of the middle along each axis."""
    places = torch.arange(101.0) - 50
    return ((places[None, :] / wide) ** 2 + (places[:, None] / high) ** 2 <= 1).float()


def is_ellipse(mask: Tensor, wide: float, high: float) -> bool:
    """To a pixel."""
    least, most = ellipse(wide - 1, high - 1), ellipse(wide + 1, high + 1)
    return bool(((least <= mask) & (mask <= most)).all())


def still(count: int) -> Changes:
    """Changes that change nothing."""
    changes = draw(count, STILL, generator())
    return changes._replace(matrices=torch.eye(2, 3).repeat(count, 1, 1))


def test_runs_without_polarity_and_stretch_draw_what_they_did_before_there_were_these() -> None:
    random = generator(5)
    changes = draw(2, AugmentConfig(), random)
    rows = packed(changes)
    torch.testing.assert_close(rows[:, :9], torch.tensor(BEFORE), atol=1e-8, rtol=1e-6)
    assert torch.equal(rows[:, 9], torch.zeros(2))
    assert torch.rand(1, generator=random).item() == NEXT_BEFORE
    tiles, masks = apply(TILES[5:7], MASKS[5:7], changes)
    assert tiles.sum(dim=(1, 2, 3)).tolist() == pytest.approx(LIT_BEFORE, rel=1e-5)
    assert masks.sum(dim=(1, 2)).tolist() == pytest.approx(SALT_BEFORE, abs=2)


def test_other_changes_are_drawn_alike_with_and_without_polarity_and_stretch() -> None:
    plain, other = draw(64, AugmentConfig(), generator(3)), draw(64, OTHER_SURVEYS, generator(3))
    for name in ("contrast", "brightness", "gamma"):
        assert torch.equal(getattr(plain, name), getattr(other, name))
    assert torch.equal(plain.matrices[:, :, 2], other.matrices[:, :, 2])
    alone = draw(64, dataclasses.replace(AugmentConfig(), polarity=0.5), generator(3))
    assert torch.equal(alone.polarity, other.polarity)
    assert torch.equal(alone.matrices, plain.matrices)


def test_no_stretch_and_no_polarity_leave_every_bit() -> None:
    matrices = draw(64, AugmentConfig(), generator(2)).matrices
    assert torch.equal(stretched(matrices, torch.zeros(64)), matrices)
    values = torch.rand(4, 1, 101, 101, generator=generator()) ** 8
    assert torch.equal(turned(values, torch.zeros(4)), values)
    changes = draw(8, AugmentConfig(), generator(2))
    mixed = changes._replace(polarity=torch.tensor([0.0, 1.0]).repeat(4))
    plain, some = (apply(TILES, MASKS, each) for each in (changes, mixed))
    assert torch.equal(some[0][::2], plain[0][::2])
    assert not torch.isclose(some[0][1::2], plain[0][1::2]).all(dim=(1, 2, 3)).any()
    assert torch.equal(some[1], plain[1])


def test_polarity_turns_grey_values_and_not_masks() -> None:
    always = dataclasses.replace(STILL, polarity=1.0)
    tiles, masks = augment(TILES, MASKS, always, generator())
    torch.testing.assert_close(tiles, 1 - TILES, atol=1e-4, rtol=0)
    assert torch.equal(masks, MASKS)
    often = dataclasses.replace(STILL, polarity=0.3)
    polarity = draw(2000, often, generator()).polarity
    assert set(polarity.tolist()) == {0.0, 1.0}
    assert 0.25 < float(polarity.mean()) < 0.35


def test_a_turned_tile_is_lit_as_a_tile_of_the_other_polarity() -> None:
    changes = draw(8, AugmentConfig(), generator(6))
    lit = apply(1 - TILES, MASKS, changes)[0]
    tiles = apply(TILES, MASKS, changes._replace(polarity=torch.ones(8)))[0]
    torch.testing.assert_close(tiles, lit, atol=1e-5, rtol=0)


@pytest.mark.parametrize("log2_ratio", [1.0, -1.0, 0.7])
def test_a_stretched_disk_is_an_ellipse_of_its_area(log2_ratio: float) -> None:
    disk, changes = ellipse(20, 20)[None], still(1)
    matrices = stretched(changes.matrices, torch.tensor([log2_ratio]))
    tiles, masks = apply(disk[:, None], disk, changes._replace(matrices=matrices))
    assert is_ellipse(masks[0], 20 * 2 ** (log2_ratio / 2), 20 * 2 ** (-log2_ratio / 2))
    assert float(masks.sum()) == pytest.approx(float(disk.sum()), rel=0.02)
    assert torch.equal((tiles[:, 0] > 0.5).float(), masks)


def test_a_tile_is_stretched_along_its_own_axes_and_then_turned() -> None:
    quarter = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]])
    disk = ellipse(20, 20)[None]
    matrices = stretched(quarter, torch.tensor([1.0]))
    masks = apply(disk[:, None], disk, still(1)._replace(matrices=matrices))[1]
    assert is_ellipse(masks[0], 20 / 2**0.5, 20 * 2**0.5)


def test_stretch_is_drawn_log_uniformly_within_its_bound() -> None:
    matrices = draw(4000, dataclasses.replace(STILL, stretch=1.2), generator()).matrices
    across, down = matrices[:, 0, 0], matrices[:, 1, 1]
    torch.testing.assert_close(across * down, torch.ones(4000))
    log2_ratio = (down / across).log2()
    assert float(log2_ratio.abs().max()) <= 1.2 + 1e-5
    shares = torch.histc(log2_ratio, bins=4, min=-1.2, max=1.2) / 4000
    torch.testing.assert_close(shares, torch.full((4,), 0.25), atol=0.03, rtol=0)


def test_beyond_its_edges_a_stretched_tile_is_reflected() -> None:
    """51 of 101 pixels high, a tile has 25 of its reflection above and below it."""
    log2_ratio = torch.full((8,), 2 * math.log2(101 / 51))
    changes = still(8)
    matrices = stretched(changes.matrices, log2_ratio)
    tiles = apply(TILES, MASKS, changes._replace(matrices=matrices))[0]
    torch.testing.assert_close(tiles[:, :, :25], tiles[:, :, 25:50].flip(2), atol=1e-3, rtol=0)
    torch.testing.assert_close(tiles[:, :, 76:], tiles[:, :, 51:76].flip(2), atol=1e-3, rtol=0)


def test_the_mask_moves_with_a_stretched_and_turned_tile() -> None:
    shape_only = dataclasses.replace(OTHER_SURVEYS, brightness=0, contrast=0, gamma=0, polarity=1)
    tiles, masks = augment(MASKS[:, None], MASKS, shape_only, generator())
    assert torch.equal((tiles[:, 0] < 0.5).float(), masks)
