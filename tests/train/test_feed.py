from __future__ import annotations

import torch

from salt_train import augment, synthetic
from salt_train.config import AugmentConfig
from salt_train.evaluate import to_input
from salt_train.feed import Feed

DATA = synthetic.draw(12, seed=4)
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
    tiles, masks = FEED.batch(drawn, which)
    chosen = drawn.order[which].numpy()
    expected = augment.apply(
        to_input(DATA.tiles[chosen], CPU),
        torch.from_numpy(DATA.masks[chosen]).float(),
        drawn.changes.part(which),
    )
    assert torch.equal(tiles, expected[0])
    assert torch.equal(masks, expected[1])
    assert (tiles.dtype, masks.dtype) == (torch.float32, torch.float32)
    assert (tiles.shape, masks.shape) == ((4, 1, 101, 101), (4, 101, 101))


def test_changes_on_another_device_are_the_same() -> None:
    """``meta`` stands for a device that is not the CPU: it has shapes and no values."""
    changes = augment.draw(5, AugmentConfig(), generator())
    there = changes.to(torch.device("meta"))
    assert [value.shape for value in there] == [value.shape for value in changes]
    assert {value.device.type for value in there} == {"meta"}
    packed = augment.packed(changes)
    assert packed.shape == (5, 9)
    for value, same in zip(augment.unpacked(packed), changes, strict=True):
        assert torch.equal(value, same)
