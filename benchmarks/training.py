"""Training speed beside a plain loop: ``python benchmarks/training.py``.

For each recipe the trainer, in the recipe's network with bf16, and a plain eager loop in fp32 of
the same network, batch, augmentation, loss and optimiser take turns in one process; with
``--compile`` also the trainer whose steps torch.compile made, which takes minutes that are not
counted (of ResNets alone: an EfficientNet's gradients in bf16 are not finite then, on a CPU).
Synthetic tiles: the work a tile makes does not depend on what it shows.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import record
import torch
from common import ratios

from salt_train import synthetic
from salt_train.data.dataset import Dataset
from salt_train.network.model import SaltNet
from salt_train.scoring.evaluate import to_input
from salt_train.settings import recipes
from salt_train.settings.config import TrainConfig
from salt_train.training import augment, optimizer
from salt_train.training.losses import total_loss
from salt_train.training.run_options import RunOptions
from salt_train.training.trainer import Trainer

RECIPES = ("cpu", "scratch", "binary-judge")
WAYS = {
    "plain": "plain loop in fp32",
    "trainer": "trainer in bf16",
    "compiled": "trainer in bf16, `--compile`",
}
TILES, STEPS, ROUNDS = 256, 2, 7
SHORT_ROUNDS = 3


def plain_loop(config: TrainConfig, data: Dataset) -> Callable[[np.ndarray], None]:
    """One step as anybody writes it first."""
    model = SaltNet(config.model)
    stage = config.stages[0]
    adam = optimizer.build(model, stage, config.weight_decay)

    def step(batch: np.ndarray) -> None:
        changes = augment.draw(len(batch), config.augment, torch.default_generator)
        tiles = to_input(data.tiles[batch], torch.device("cpu"))
        masks = torch.from_numpy(data.masks[batch]).float()
        tiles, masks = augment.apply(tiles, masks, changes)
        loss = total_loss(model(tiles), masks, stage, config.judge_weight)
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()

    return step


def trainer(
    config: TrainConfig, data: Dataset, out: Path, compiled: bool = False
) -> Callable[[np.ndarray], object]:
    run = Trainer(config, RunOptions(out, progress=False, compiled=compiled), data)

    def step(batch: np.ndarray) -> None:
        run._step(0, run.feed.draw(len(batch), config.augment, run.random))

    return step


def rate(step: Callable[[np.ndarray], object], batches: list[np.ndarray]) -> float:
    """Tiles a second over some steps."""
    started = time.perf_counter()
    for batch in batches:
        step(batch)
    return sum(map(len, batches)) / (time.perf_counter() - started)


def measure(
    recipe: str, data: Dataset, out: Path, rounds: int, compiled: bool = False
) -> dict[str, Any]:
    """All ways in turn, after a step each that is not counted."""
    config = dataclasses.replace(
        recipes.RECIPES[recipe].config, precision="bf16", encoder_weights=""
    )
    ways = {"trainer": trainer(config, data, out), "plain": plain_loop(config, data)}
    if compiled and config.model.is_resnet:
        ways["compiled"] = trainer(config, data, out, compiled=True)
    size = config.batch_size
    batches = [np.arange(start, start + size) % 200 for start in range(0, STEPS * size, size)]
    for step in ways.values():
        step(batches[0])
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, step in ways.items():
            samples[name].append(rate(step, batches))
    return {
        "architecture": config.model.architecture,
        "batch_size": config.batch_size,
        "tiles_per_s": samples,
    }


def result(measured: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """What is stored: the samples by recipe, and what follows from them."""
    found: dict[str, ratios.Ratio] = {}
    rows = [
        "| recipe | way | tiles/s | to the plain loop (least to most of a round) |",
        "|---|---|---|---|",
    ]
    for recipe, each in measured.items():
        samples = each["tiles_per_s"]
        for way, name in WAYS.items():
            if way not in samples:
                continue
            row = f"| {recipe} | {name} | {statistics.median(samples[way]):.1f} |"
            if way != "plain":
                ratio = ratios.paired(samples[way], samples["plain"])
                found[f"{recipe}, {way} to plain"], row = ratio, f"{row} {ratio}"
            rows.append(f"{row} |")
    return {"ratios": ratios.to_json(found), "table": rows, "recipes": measured}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help=f"{SHORT_ROUNDS} rounds")
    parser.add_argument("--compile", action="store_true", help="by torch.compile, too")
    options = parser.parse_args()
    rounds = SHORT_ROUNDS if options.short else ROUNDS
    data = synthetic.draw(TILES, seed=0)
    with tempfile.TemporaryDirectory() as out:
        measured = {
            recipe: measure(recipe, data, Path(out), rounds, options.compile) for recipe in RECIPES
        }
    found = result(measured)
    record.save("training", found, threads=torch.get_num_threads(), repeats=rounds)
    print(*found["table"], sep="\n")


if __name__ == "__main__":
    main()
