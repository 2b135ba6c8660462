"""Training speed beside a plain loop: ``python benchmarks/training.py``.

For each recipe the trainer, in the recipe's network with bf16, and a plain eager loop in fp32 of
the same network, batch, augmentation, loss and optimiser take turns in one process; with
``--compile`` also the trainer whose steps torch.compile made, which takes minutes that are not
counted (on a CPU of ResNets alone: an EfficientNet's gradients in bf16 are not finite then).
Synthetic tiles: the work a tile makes does not depend on what it shows.

``--device cuda --compile --batch-size 64 --batch-size 256`` measures the same on a GPU, launched as
CUDA graphs, too. It was never run there. What was found is written after each recipe and size.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import record
import torch
from common import ratios

from salt_infer.errors import one_line
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
    "graphs": "trainer in bf16, `--compile=reduce-overhead`",
}
COMPILED = {"compiled": "default", "graphs": "reduce-overhead"}  # and the mode of each
TILES, STEPS, ROUNDS = 256, 2, 7
GPU_STEPS = 10  # a sample's; a GPU's are short
SHORT_ROUNDS = 3
Step = Callable[[int], object]


@dataclasses.dataclass(frozen=True)
class Case:
    """What is measured in one go.

    Attributes:
        recipe: its name.
        config: its settings, in bf16.
        device: torch device.
        ways: names of :data:`WAYS`.
    """

    recipe: str
    config: TrainConfig
    device: torch.device
    ways: Sequence[str]

    @property
    def name(self) -> str:
        """As results have it."""
        size = self.config.batch_size
        return self.recipe if self.device.type == "cpu" else f"{self.recipe}, {size} tiles a step"

    @property
    def steps(self) -> int:
        """Of a sample."""
        return STEPS if self.device.type == "cpu" else GPU_STEPS


def plain_loop(case: Case, data: Dataset) -> Step:
    """One step as anybody writes it first."""
    config, device = case.config, case.device
    model = SaltNet(config.model).to(device)
    stage = config.stages[0]
    adam = optimizer.build(model, stage, config.weight_decay)

    def step(size: int) -> None:
        changes = augment.draw(size, config.augment, torch.default_generator).to(device)
        tiles = to_input(data.tiles[:size], device)
        masks = torch.from_numpy(data.masks[:size]).float().to(device)
        tiles, masks = augment.apply(tiles, masks, changes)
        loss = total_loss(model(tiles), masks, stage, config.judge_weight)
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()

    return step


def trainer(case: Case, data: Dataset, out: Path, compiled: str = "") -> Step:
    options = RunOptions(out, str(case.device), progress=False, compiled=compiled)
    run = Trainer(case.config, options, data)

    def step(size: int) -> None:
        run._step(0, run.feed.draw(size, case.config.augment, run.random))

    return step


def rate(step: Step, case: Case) -> float:
    """Tiles a second over some steps, the device's work at their end done."""
    size = case.config.batch_size
    started = time.perf_counter()
    for _ in range(case.steps):
        step(size)
    if case.device.type == "cuda":
        torch.cuda.synchronize()
    return case.steps * size / (time.perf_counter() - started)


def measure(case: Case, data: Dataset, out: Path, rounds: int) -> dict[str, Any]:
    """All ways in turn, after a sample each that is not counted. One that cannot be run is left
    out, and why is noted.
    """
    ways: dict[str, Step] = {}
    ready_s: dict[str, float] = {}
    failed: dict[str, str] = {}
    for name in case.ways:
        started = time.perf_counter()
        try:
            step = _way(name, case, data, out)
            rate(step, case)
        except RuntimeError as error:  # torch's, its compilers' among them
            failed[name] = one_line(error)
            continue
        ways[name], ready_s[name] = step, time.perf_counter() - started
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, step in ways.items():
            samples[name].append(rate(step, case))
    return {
        "architecture": case.config.model.architecture,
        "batch_size": case.config.batch_size,
        "tiles_per_s": samples,
        "ready_s": ready_s,
        "failed": failed,
    }


def _way(name: str, case: Case, data: Dataset, out: Path) -> Step:
    if name == "plain":
        return plain_loop(case, data)
    return trainer(case, data, out, COMPILED.get(name, ""))


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
            if way != "plain" and "plain" in samples:
                ratio = ratios.paired(samples[way], samples["plain"])
                found[f"{recipe}, {way} to plain"], row = ratio, f"{row} {ratio}"
            rows.append(f"{row} |")
    return {"ratios": ratios.to_json(found), "table": rows, "recipes": measured}


def cases(options: argparse.Namespace) -> Iterator[Case]:
    """All that is asked for, each recipe in each size of batches."""
    device = torch.device(options.device)
    on_gpu = device.type == "cuda"
    for recipe in options.recipe or RECIPES:
        config = dataclasses.replace(
            recipes.RECIPES[recipe].config, precision="bf16", encoder_weights=""
        )
        ways = ["trainer", "plain"]
        if options.compile and (on_gpu or config.model.is_resnet):
            ways += list(COMPILED) if on_gpu else ["compiled"]
        for size in options.batch_size or [config.batch_size]:
            yield Case(recipe, dataclasses.replace(config, batch_size=size), device, ways)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help=f"{SHORT_ROUNDS} rounds")
    parser.add_argument("--compile", action="store_true", help="by torch.compile, too")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--recipe", action="append", choices=list(recipes.RECIPES))
    parser.add_argument("--batch-size", action="append", type=int, help="instead of the recipe's")
    options = parser.parse_args()
    rounds = SHORT_ROUNDS if options.short else ROUNDS
    data = synthetic.draw(max([TILES, *(options.batch_size or ())]) * 10 // 9 + 1, seed=0)
    measured: dict[str, dict[str, Any]] = {}
    name = "training" if options.device == "cpu" else "training-gpu"
    with tempfile.TemporaryDirectory() as out:
        for case in cases(options):
            measured[case.name] = measure(case, data, Path(out), rounds)
            found = result(measured)
            record.save(name, found, threads=torch.get_num_threads(), repeats=rounds)
            print(case.name, measured[case.name], flush=True)
    print(*found["table"], sep="\n")


if __name__ == "__main__":
    main()
