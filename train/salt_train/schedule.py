"""Learning rate and loss of each step, as a pure function: nothing to store, nothing to resume."""

from __future__ import annotations

import math

from salt_train.config import Stage, TrainConfig


def stage_at(config: TrainConfig, epoch: int) -> tuple[Stage, int]:
    """The stage that an epoch (from 0) belongs to, and the epoch's number within it."""
    for stage in config.stages:
        if epoch < stage.epochs:
            return stage, epoch
        epoch -= stage.epochs
    raise IndexError(f"epoch is beyond the last stage by {epoch}")


def learning_rate(config: TrainConfig, epoch: int, step: int, steps: int) -> float:
    """Rate for one step.

    Args:
        config: the run.
        epoch: from 0 over the whole run.
        step: from 0 within the epoch.
        steps: steps an epoch.
    """
    stage, within = stage_at(config, epoch)
    rate = stage.learning_rate
    if stage.schedule == "cosine":
        done = (within * steps + step) / (stage.epochs * steps)
        span = stage.learning_rate - stage.floor_rate
        rate = stage.floor_rate + span * 0.5 * (1.0 + math.cos(math.pi * done))
    since_start = epoch * steps + step
    return rate * min(1.0, (since_start + 1) / max(1, config.warmup_steps))
