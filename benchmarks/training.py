"""Training speed beside a plain loop: ``python benchmarks/training.py``.

For each recipe the trainer, in the recipe's network with bf16, and a plain eager loop in fp32 of
the same network, batch, augmentation, loss and optimiser take turns in one process. Synthetic
tiles: the work a tile makes does not depend on what it shows.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from salt_train import augment, optimizer, recipes, synthetic
from salt_train.config import TrainConfig
from salt_train.dataset import Dataset
from salt_train.evaluate import to_input
from salt_train.loop import RunOptions, Trainer
from salt_train.losses import total_loss
from salt_train.model import SaltNet

RECIPES = ("cpu", "binary-judge")
TILES, STEPS, ROUNDS = 256, 2, 7
RESULT = Path(__file__).parent / "results" / "training.json"


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
        loss.backward()
        adam.step()

    return step


def trainer(config: TrainConfig, data: Dataset, out: Path) -> Callable[[np.ndarray], None]:
    run = Trainer(config, RunOptions(out, progress=False), data)
    return lambda batch: float(run._step(0, batch))


def rate(step: Callable[[np.ndarray], object], batches: list[np.ndarray]) -> float:
    """Tiles a second over some steps."""
    started = time.perf_counter()
    for batch in batches:
        step(batch)
    return sum(map(len, batches)) / (time.perf_counter() - started)


def measure(recipe: str, data: Dataset, out: Path) -> dict[str, object]:
    """Both ways in turn, after a step each that is not counted."""
    config = dataclasses.replace(recipes.RECIPES[recipe].config, precision="bf16")
    ways = {"trainer": trainer(config, data, out), "plain": plain_loop(config, data)}
    size = config.batch_size
    batches = [np.arange(start, start + size) % 200 for start in range(0, STEPS * size, size)]
    for step in ways.values():
        step(batches[0])
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, step in ways.items():
            samples[name].append(rate(step, batches))
    pairs = zip(samples["trainer"], samples["plain"], strict=True)
    ratio = statistics.median(a / b for a, b in pairs)
    print(
        f"{recipe}: {statistics.median(samples['trainer']):.1f} tiles/s in bf16, {ratio:.2f}x the "
        f"plain fp32 loop's {statistics.median(samples['plain']):.1f}"
    )
    return {"architecture": config.model.architecture, "ratio": ratio, "tiles_per_s": samples}


def main() -> None:
    data = synthetic.draw(TILES, seed=0)
    with tempfile.TemporaryDirectory() as out:
        measured = {recipe: measure(recipe, data, Path(out)) for recipe in RECIPES}
    result = {
        "machine": platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cpus": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "batch_size": 32,
        "recipes": measured,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
