from __future__ import annotations

import dataclasses

import pytest

from salt_train.errors import ConfigError
from salt_train.settings.config import TrainConfig
from salt_train.settings.recipes import RECIPES
from salt_train.settings.scaling import scaled
from salt_train.settings.schedule import learning_rate

CPU = RECIPES["scratch"].config


def test_the_recipes_own_batch_size_changes_nothing() -> None:
    for recipe in RECIPES.values():
        assert scaled(recipe.config, recipe.config.batch_size) == recipe.config


def test_adams_rates_rise_by_the_root_and_the_rest_by_the_tiles() -> None:
    large = scaled(CPU, 4 * CPU.batch_size)
    assert large.batch_size == 4 * CPU.batch_size
    for before, after in zip(CPU.stages, large.stages, strict=True):
        assert after.learning_rate == pytest.approx(2 * before.learning_rate)
        assert after.floor_rate == pytest.approx(2 * before.floor_rate)
        assert after.epochs == before.epochs
    assert large.warmup_steps * large.batch_size == CPU.warmup_steps * CPU.batch_size
    assert large.ema_decay == pytest.approx(CPU.ema_decay**4)
    # A step of the large batch is where four of the small ones are.
    assert learning_rate(large, 9, 5, 25) == pytest.approx(2 * learning_rate(CPU, 9, 20, 100))


def with_sgd(rate: float) -> TrainConfig:
    stages = (dataclasses.replace(CPU.stages[0], optimizer="sgd", learning_rate=rate),)
    return dataclasses.replace(CPU, stages=stages)


def test_sgds_rates_rise_by_the_tiles() -> None:
    assert scaled(with_sgd(0.1), 96).stages[0].learning_rate == pytest.approx(0.3)
    with pytest.raises(ConfigError, match=r"rate of 0\.4 would be scaled to 1\.2, expected below"):
        scaled(with_sgd(0.4), 96)
