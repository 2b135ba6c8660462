from __future__ import annotations

import itertools

import pytest

from salt_train.config import ModelConfig, Stage, TrainConfig, default_stages
from salt_train.schedule import learning_rate, stage_at

CONFIG = TrainConfig(
    model=ModelConfig(),
    stages=(Stage("bce", 2, "constant", 1e-3), Stage("lovasz", 3, "cosine", 1e-3, 1e-5)),
    warmup_steps=4,
)


def test_stages_follow_each_other() -> None:
    names = [(stage_at(CONFIG, epoch)[0].loss, stage_at(CONFIG, epoch)[1]) for epoch in range(5)]
    assert names == [("bce", 0), ("bce", 1), ("lovasz", 0), ("lovasz", 1), ("lovasz", 2)]
    with pytest.raises(IndexError):
        stage_at(CONFIG, 5)


def test_the_rate_warms_up_holds_and_falls() -> None:
    rates = [learning_rate(CONFIG, epoch, step, 10) for epoch in range(5) for step in range(10)]
    assert rates[:4] == pytest.approx([2.5e-4, 5e-4, 7.5e-4, 1e-3])
    assert rates[4:21] == pytest.approx([1e-3] * 17)
    assert all(a > b for a, b in itertools.pairwise(rates[20:]))
    assert rates[35] == pytest.approx((1e-3 + 1e-5) / 2)
    assert 1e-5 < rates[-1] < 2e-5


def test_default_stages_add_up() -> None:
    for epochs in (1, 2, 5, 60):
        stages = default_stages(epochs, 1e-3)
        assert sum(stage.epochs for stage in stages) == epochs
        assert stages[-1].epochs > 0
