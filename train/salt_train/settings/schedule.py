"""Learning rate and loss of each step, as a pure function: nothing to store, nothing to resume."""

from __future__ import annotations

import math

from salt_train.settings.config import Stage, TrainConfig


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
    done = within * steps + step
    height = _height(stage, done / steps)
    rate = stage.floor_rate + (stage.learning_rate - stage.floor_rate) * height
    return rate * min(1.0, (done + 1) / max(1, config.warmup_steps))


def steps_of(tiles: int, batch_size: int) -> int:
    """Steps an epoch of so many tiles has; what does not fill a batch waits for the next epoch."""
    return tiles // min(tiles, batch_size)


def cut_short(config: TrainConfig, steps: int) -> list[str]:
    """A warning for each stage whose rate does not rise all the way: that ends before, or whose
    cycles are too short.

    Args:
        config: the run.
        steps: steps an epoch.
    """
    flat = [
        f"warning: a cycle of stages.{number} is one step, at its lowest rate: "
        f"{stage.floor_rate:g} all the time; give it longer cycles, or another schedule"
        for number, stage in enumerate(config.stages)
        if stage.schedule == "triangular2" and min(stage.cycle_epochs, stage.epochs) * steps == 1
    ]
    return flat + [
        f"warning: the rate rises over {config.warmup_steps} steps and stages.{number} has "
        f"{stage.epochs * steps}, so that it never gets to {stage.learning_rate:g}; "
        f"--set warmup_steps={stage.epochs * steps // 10}, or train longer"
        for number, stage in enumerate(config.stages)
        if 0 < stage.epochs * steps < config.warmup_steps
    ]


def small_set(config: TrainConfig, tiles: int) -> list[str]:
    """A warning where a batch is of more tiles than there are to train on."""
    if not 0 < tiles < config.batch_size:
        return []
    return [
        f"warning: there are {tiles} tiles to train on, and so many are in a batch, not "
        f"{config.batch_size}; where --scale-batch {config.batch_size} raised the rates for these, "
        f"they are too high: give {tiles} at most"
    ]


def cycle_ends(stage: Stage, within: int) -> bool:
    """Whether epoch ``within`` (from 0) of a stage is the last of a cycle."""
    return stage.cyclic and ((within + 1) % stage.cycle_epochs == 0 or within + 1 == stage.epochs)


def snapshots(config: TrainConfig, epoch: int) -> int:
    """How many snapshots a run has taken when an epoch (from 0) is done."""
    places = (stage_at(config, number) for number in range(epoch + 1))
    return sum(stage.snapshots and cycle_ends(stage, within) for stage, within in places)


def _height(stage: Stage, epochs: float) -> float:
    """Where between the lowest rate (0) and the highest (1) a stage is after so many epochs."""
    if stage.schedule == "constant":
        return 1.0
    if stage.schedule == "cosine":
        return _cosine(epochs / stage.epochs)
    cycle, within = divmod(epochs / stage.cycle_epochs, 1.0)
    if stage.schedule == "cyclic-cosine":
        return _cosine(within)
    return float((1.0 - abs(2.0 * within - 1.0)) / 2.0**cycle)


def _cosine(done: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * done))
