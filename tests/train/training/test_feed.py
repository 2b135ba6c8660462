from __future__ import annotations

import dataclasses

import numpy as np
import torch

from salt_train.data.soft_labels import SoftLabels
from salt_train.scoring.evaluate import to_input
from salt_train.settings.config import AugmentConfig
from salt_train.training import augment
from salt_train.training.feed import Feed
from tests import drawing

DATA = drawing.draw(12, seed=4)
CPU = torch.device("cpu")
FEED = Feed(DATA, CPU)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_an_epoch_has_each_tile_once_at_most() -> None:
    drawn = FEED.draw(10, AugmentConfig(), generator())
    order = drawn.order.tolist()
    assert len(order) == len(set(order)) == len(drawn.changes.gamma) == 10
    assert set(order) < set(range(12))
    assert order != FEED.draw(10, AugmentConfig(), generator(1)).order.tolist()


def test_a_batch_is_its_tiles_changed_as_drawn() -> None:
    drawn, which = FEED.draw(12, AugmentConfig(), generator(5)), slice(4, 8)
    tiles, masks, salt, known = FEED.batch(drawn, which)
    chosen = drawn.order[which].numpy()
    expected = augment.apply(
        to_input(DATA.tiles[chosen], CPU),
        torch.from_numpy(DATA.masks[chosen]).float(),
        drawn.changes.part(which),
    )
    assert torch.equal(tiles, expected[0])
    assert torch.equal(masks, expected[1])
    assert torch.equal(salt, masks.flatten(1).any(dim=1).float())
    assert known is None
    assert (tiles.dtype, masks.dtype) == (torch.float32, torch.float32)
    assert (tiles.shape, masks.shape) == ((4, 1, 101, 101), (4, 101, 101))


def test_of_soft_labels_what_is_true_stays_sharp() -> None:
    """Warped, a teacher's mask keeps its probabilities, and its judge's word stands."""
    true, taught = DATA.subset(np.arange(12) < 6), DATA.subset(np.arange(12) >= 6)
    probability = np.random.default_rng(1).integers(0, 256, (6, 101, 101), dtype=np.uint8)
    said = np.linspace(0.1, 0.9, 6, dtype=np.float32)
    soft = SoftLabels(probability, said, np.zeros(6, dtype=bool))
    feed = Feed(true.joined(dataclasses.replace(taught, soft=soft)), CPU)
    drawn = feed.draw(12, AugmentConfig(), generator(3))
    tiles, masks, salt, _ = feed.batch(drawn, slice(0, 12))
    plain = FEED.batch(drawn, slice(0, 12))
    assert torch.equal(tiles, plain.tiles)
    of_true = drawn.order < 6
    assert torch.equal(masks[of_true], plain.masks[of_true])
    assert torch.equal(salt[of_true], plain.salt[of_true])
    places = drawn.order[~of_true] - 6
    assert torch.equal(salt[~of_true], torch.from_numpy(said)[places])
    between = (masks[~of_true] > 0.01) & (masks[~of_true] < 0.99)
    assert float(between.float().mean()) > 0.9
    still = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).repeat(12, 1, 1)
    _, masks, *_ = feed.batch(
        drawn._replace(changes=drawn.changes._replace(matrices=still)), slice(0, 12)
    )
    np.testing.assert_allclose(masks[~of_true].numpy(), probability[places] / 255, atol=1e-4)


def test_soft_labels_move_with_a_stretched_and_turned_tile() -> None:
    """A tile that shows a teacher's probabilities shows, turned, 1 less what is learnt of it."""
    probability = DATA.tiles
    soft = SoftLabels(probability, np.full(12, 0.5, np.float32), np.zeros(12, dtype=bool))
    feed = Feed(dataclasses.replace(DATA, soft=soft), CPU)
    config = AugmentConfig(brightness=0, contrast=0, gamma=0, polarity=1, stretch=1.5)
    tiles, masks, salt, _ = feed.batch(feed.draw(12, config, generator(3)), slice(0, 12))
    torch.testing.assert_close(tiles[:, 0], 1 - masks, atol=1e-5, rtol=0)
    assert len(masks.unique()) > 1000
    assert torch.equal(salt, torch.full((12,), 0.5))


def test_what_is_unknown_moves_with_its_tile() -> None:
    """A tile that is white where it is unknown, in whole or in part, stays so."""
    unknown = DATA.masks.copy()
    unknown[6:] = 0
    data = dataclasses.replace(
        DATA, tiles=unknown * np.uint8(255), masks=DATA.masks * 0, unknown=unknown
    )
    config = AugmentConfig(brightness=0, contrast=0, gamma=0, stretch=0.5)
    feed = Feed(data.joined(DATA), CPU)
    drawn = feed.draw(24, config, generator(3))
    tiles, masks, salt, known = feed.batch(drawn, slice(0, 24))
    assert known is not None
    ours = drawn.order < 12
    assert torch.equal(known[ours] == 0, tiles[ours, 0] >= 0.01)
    assert bool((known[~ours] == 1).all())
    assert not bool((masks * (1 - known)).any())
    assert torch.equal(salt[ours], torch.zeros(12))


def test_of_soft_labels_some_pixels_may_be_unknown() -> None:
    unknown = DATA.masks[:, ::-1].copy()
    soft = SoftLabels(DATA.tiles, np.full(12, 0.5, np.float32), np.zeros(12, dtype=bool))
    feed = Feed(dataclasses.replace(DATA, soft=soft, unknown=unknown), CPU)
    _, masks, salt, known = feed.batch(feed.draw(12, AugmentConfig(), generator()), slice(0, 12))
    assert known is not None
    assert not bool((masks * (1 - known)).any())
    assert 0 < float(known.mean()) < 1
    assert torch.equal(salt, torch.full((12,), 0.5))


def test_changes_on_another_device_are_the_same() -> None:
    """``meta`` stands for a device that is not the CPU: it has shapes and no values."""
    changes = augment.draw(5, AugmentConfig(polarity=0.5, stretch=0.7), generator())
    assert set(changes.polarity.tolist()) == {0.0, 1.0}
    there = changes.to(torch.device("meta"))
    assert [value.shape for value in there] == [value.shape for value in changes]
    assert {value.device.type for value in there} == {"meta"}
    packed = augment.packed(changes)
    assert packed.shape == (5, 10)
    for value, same in zip(augment.unpacked(packed), changes, strict=True):
        assert torch.equal(value, same)
