"""A recipe at another batch size: what has to change with it so that a tile teaches as much."""

from __future__ import annotations

import dataclasses
import math

from salt_train.errors import ConfigError
from salt_train.settings.config import Stage, TrainConfig


def scaled(config: TrainConfig, batch_size: int) -> TrainConfig:
    """The same run with k times the tiles a step, and so a k-th of the steps.

    Rates rise by k under SGD (Goyal et al., "Accurate, Large Minibatch SGD", 2017) and by the root
    of k under Adam and AdamW (Malladi et al., "On the SDEs and Scaling Rules for Adaptive Gradient
    Algorithms", 2022); the warm-up takes as many tiles as before, and the average of weights
    remembers as many (Busbridge et al., "How to Scale Your EMA", 2023). These are rules of thumb:
    what a score becomes, a run has to show.

    Raises:
        ConfigError: a rate would be 1 or more.
    """
    factor = batch_size / config.batch_size
    return dataclasses.replace(
        config,
        batch_size=batch_size,
        stages=tuple(_stage(stage, factor) for stage in config.stages),
        warmup_steps=math.ceil(config.warmup_steps / factor),
        ema_decay=config.ema_decay**factor,
    )


def _stage(stage: Stage, factor: float) -> Stage:
    by = factor if stage.optimizer == "sgd" else math.sqrt(factor)
    if stage.learning_rate * by >= 1:
        raise ConfigError(
            f"a learning rate of {stage.learning_rate:g} would be scaled to "
            f"{stage.learning_rate * by:g}, expected below 1; give a smaller --scale-batch"
        )
    return dataclasses.replace(
        stage, learning_rate=stage.learning_rate * by, floor_rate=stage.floor_rate * by
    )
