from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import pytest
import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    LRScheduler,
)

from salt_train.settings.config import ScheduleName, Stage, TrainConfig
from salt_train.settings.model_config import ModelConfig
from salt_train.settings.recipes import two_stages
from salt_train.settings.schedule import cycle_ends, learning_rate, snapshots, stage_at

CONFIG = TrainConfig(
    model=ModelConfig(),
    stages=(Stage("bce", 2, "constant", 1e-3), Stage("lovasz", 3, "cosine", 1e-3, 1e-5)),
    warmup_steps=4,
)
HIGH, LOW = 1e-3, 1e-4
STEPS = 6  # an epoch


def staged(*stages: Stage) -> TrainConfig:
    return dataclasses.replace(CONFIG, stages=stages, warmup_steps=0)


def rates_of(config: TrainConfig, steps: int) -> list[float]:
    return [
        learning_rate(config, epoch, step, steps)
        for epoch in range(config.epochs)
        for step in range(steps)
    ]


def test_stages_follow_each_other() -> None:
    names = [(stage_at(CONFIG, epoch)[0].loss, stage_at(CONFIG, epoch)[1]) for epoch in range(5)]
    assert names == [("bce", 0), ("bce", 1), ("lovasz", 0), ("lovasz", 1), ("lovasz", 2)]
    with pytest.raises(IndexError):
        stage_at(CONFIG, 5)
    skipped = staged(Stage("bce", 0), Stage("lovasz", 1))
    assert stage_at(skipped, 0) == (skipped.stages[1], 0)


def test_the_rate_warms_up_holds_and_falls() -> None:
    rates = rates_of(CONFIG, 10)
    assert rates[:4] == pytest.approx([2.5e-4, 5e-4, 7.5e-4, 1e-3])
    assert rates[4:20] == pytest.approx([1e-3] * 16)
    # The next stage has a fresh optimiser, which is warmed up anew.
    assert rates[20:23] == pytest.approx([2.5e-4, 5e-4, 7.5e-4], rel=0.02)
    assert all(a > b for a, b in itertools.pairwise(rates[23:]))
    assert rates[35] == pytest.approx((1e-3 + 1e-5) / 2)
    assert 1e-5 < rates[-1] < 2e-5


def cosine(optimizer: Optimizer) -> LRScheduler:
    return CosineAnnealingLR(optimizer, T_max=10 * STEPS, eta_min=LOW)


def cosine_cycles(optimizer: Optimizer) -> LRScheduler:
    return CosineAnnealingWarmRestarts(optimizer, T_0=4 * STEPS, eta_min=LOW)


def triangles(optimizer: Optimizer) -> LRScheduler:
    half = 4 * STEPS // 2
    return CyclicLR(optimizer, LOW, HIGH, half, mode="triangular2", cycle_momentum=False)


@pytest.mark.parametrize(
    ("schedule", "cycle_epochs", "make"),
    [
        ("cosine", 0, cosine),
        ("cyclic-cosine", 4, cosine_cycles),  # the third cycle is cut short
        ("triangular2", 4, triangles),
    ],
)
def test_the_rates_are_those_of_torch(
    schedule: ScheduleName, cycle_epochs: int, make: Callable[[Optimizer], LRScheduler]
) -> None:
    config = staged(Stage("bce", 10, schedule, HIGH, LOW, cycle_epochs=cycle_epochs))
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=HIGH)
    theirs = make(optimizer)
    expected = []
    for _ in range(10 * STEPS):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    rates = rates_of(config, STEPS)
    assert rates == pytest.approx(expected)
    assert max(rates) == pytest.approx(HIGH)


def test_cycles_end_on_time_and_a_cut_one_with_its_stage() -> None:
    stage = Stage("lovasz", 8, "cyclic-cosine", cycle_epochs=3)
    assert [epoch for epoch in range(8) if cycle_ends(stage, epoch)] == [2, 5, 7]
    whole = dataclasses.replace(stage, epochs=6)
    assert [epoch for epoch in range(6) if cycle_ends(whole, epoch)] == [2, 5]
    plain = Stage("lovasz", 8, "cosine", cycle_epochs=3)
    assert not any(cycle_ends(plain, epoch) for epoch in range(8))


def test_snapshots_are_counted_over_the_whole_run() -> None:
    """So that those of a second such stage do not take the first one's names."""
    taken = Stage("lovasz", 3, "cyclic-cosine", cycle_epochs=2, snapshots=True)
    config = staged(taken, Stage("lovasz", 2, "triangular2", cycle_epochs=1), taken)
    assert [snapshots(config, epoch) for epoch in range(8)] == [0, 1, 2, 2, 2, 2, 3, 4]


def test_two_stages_add_up() -> None:
    for epochs in (1, 2, 5, 60):
        stages = two_stages(epochs, 1e-3)
        assert sum(stage.epochs for stage in stages) == epochs
        assert stages[-1].epochs > 0
