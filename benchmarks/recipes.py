"""What each step of the case study adds: ``python benchmarks/recipes.py --data DIR --out DIR``.

Trains the case study's steps one after the other on one fold of real tiles, each for the same
number of epochs, and compares neighbours tile by tile with a paired bootstrap. Interrupted, it goes
on where it was. The full network takes a GPU; ``--set`` makes it smaller, and the table says how.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import numpy as np
import record
import torch
from common import held_out

from salt_infer.masks import metric
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.data import dataset
from salt_train.job import job
from salt_train.job.job import Job
from salt_train.scoring.calibrate import cross_fitted
from salt_train.scoring.evaluate import default_decision
from salt_train.settings import overrides, recipes
from salt_train.settings.config import TrainConfig
from salt_train.training.keeper import LAST
from salt_train.training.run_options import RunOptions


def steps(epochs: int, assignments: tuple[str, ...]) -> dict[str, TrainConfig]:
    """The case study's steps, in as many epochs each."""
    known = {name: recipe.config for name, recipe in recipes.RECIPES.items()}
    augmented = dataclasses.replace(known["baseline"], augment=known["baseline-augmented"].augment)
    configs = {
        "baseline": known["baseline"],
        "+ augmentation": augmented,
        "+ Lovasz": known["baseline-augmented"],
        "+ SCSE, hypercolumn": known["scse-hypercolumn"],
        "+ judge": known["binary-judge"],
    }
    return {
        name: overrides.override(recipes.rescaled(config, epochs), assignments)
        for name, config in configs.items()
    }


def train(name: str, config: TrainConfig, data: Path, out: Path) -> dict[str, object]:
    """Train, or go on, and gather what the table needs."""
    folder = out / name.strip("+ ").replace(", ", "-").replace(" ", "-").lower()
    job.run(
        Job(
            data, config, RunOptions(folder, validate_every=5, progress=False), resume=True,
            say=click.echo,
        )
    )  # fmt: skip
    checkpoint = checkpoints.load(folder / LAST)
    prediction, tiles = held_out.of(folder, dataset.load(data))
    default = default_decision(checkpoint.config.model)
    per_tile, _ = cross_fitted(prediction, tiles, default)
    seconds = [row["seconds"] for row in checkpoint.history]
    return {
        "scores": checkpoint.scores,
        "per_tile": per_tile.tolist(),
        "seconds_an_epoch": float(np.median(seconds)),
    }


def table(measured: dict[str, dict[str, object]]) -> list[str]:
    """Markdown: a step a row, its gain over the row above with a 95 % interval."""
    rows = [
        "| step | score | gain, paired | false salt | missed | s/epoch |",
        "|---|---|---|---|---|---|",
    ]
    before = None
    for name, found in measured.items():
        scores, per_tile = found["scores"], np.array(found["per_tile"])
        gain = ""
        if before is not None:
            low, high = metric.interval(per_tile - before)
            gain = f"{(per_tile - before).mean():+.3f} ({low:+.3f} to {high:+.3f})"
        rows.append(
            f"| {name} | {scores['score']:.3f} | {gain} | {scores['false_salt']} | "  # type: ignore[index]
            f"{scores['missed_salt']} | {found['seconds_an_epoch']:.0f} |"  # type: ignore[index]
        )
        before = per_tile
    return rows


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--epochs", default=30)
@click.option("--set", "assignments", multiple=True, help="As salt-train's, for every step.")
def main(data: Path, out: Path, epochs: int, assignments: tuple[str, ...]) -> None:
    """Train the case study's steps and print what each adds."""
    measured = {
        name: train(name, config, data, out) for name, config in steps(epochs, assignments).items()
    }
    lines = table(measured)
    result = {"epochs": epochs, "set": assignments, "table": lines, "steps": measured}
    record.save("recipes", result, threads=torch.get_num_threads())
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
