"""Synthetic tiles as ``salt_train.synthetic`` draws them, each once a process: one takes 20 ms."""

from __future__ import annotations

from salt_train import synthetic
from salt_train.data.dataset import Dataset

_most: dict[int, Dataset] = {}  # by seed


def draw(count: int, seed: int) -> Dataset:
    """What ``synthetic.draw`` gives: the same tiles of a seed, however many of them."""
    if seed not in _most or len(_most[seed]) < count:
        _most[seed] = synthetic.draw(count, seed)
    most = _most[seed]
    return Dataset(most.ids[:count], most.tiles[:count].copy(), most.masks[:count].copy())
