"""Two real processes with gloo, as ``torchrun`` starts them, against one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.compute.distributed import World
from salt_train.errors import ConfigError

# Plain SGD: Adam divides by the gradient's size, and would make a difference of rounding as large
# as a step. Without dropout, which each process draws for its own tiles.
SETTINGS = (
    "model.width=16", "model.depth=18", "model.decoder_channels=8", "model.judge_dropout=0",
    "stages.0.optimizer=sgd", "stages.1.optimizer=sgd", "precision=fp32", "warmup_steps=1",
    "stages.0.learning_rate=0.01", "stages.1.learning_rate=0.01",
)  # fmt: skip
# Relative, of the loss over six steps: sums of float32 in another order, 2e-4 when it was written.
# Processes that do not share batch normalisation or weigh tiles with salt wrongly are 3e-3 apart.
TOLERANCE = 1e-3


def arguments(data: Path, out: Path) -> list[str]:
    sets = [word for setting in SETTINGS for word in ("--set", setting)]
    return [
        "-m", "salt_train", "--data", str(data), "--out", str(out), "--folds", "4",
        "--batch-size", "8", "--epochs", "2", "--no-progress", "--recipe", "scratch", *sets,
    ]  # fmt: skip


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=300
    )


def losses(out: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_two_processes_train_as_one_does(labelled: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    alone = run(*arguments(labelled, one))
    assert alone.returncode == 0, alone.stderr
    both = run(
        "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0",
        "--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", *arguments(labelled, two),
    )  # fmt: skip
    assert both.returncode == 0, both.stderr
    np.testing.assert_allclose(losses(two), losses(one), rtol=TOLERANCE)
    first, second = (checkpoints.load(out / "last.pth").weights for out in (one, two))
    apart = sum(float((second[name] - first[name]).square().sum()) for name in first)
    size = sum(float(weight.square().sum()) for weight in first.values())
    assert 0 < apart < size * TOLERANCE**2
    assert both.stdout.count("tiles to train on") == 1  # one of the two speaks


def test_shares_of_a_batch() -> None:
    parts = [World(rank, 4).part(32) for rank in range(4)]
    assert [index for part in parts for index in range(32)[part]] == list(range(32))
    with pytest.raises(ConfigError, match="batch of 30 tiles cannot be shared out evenly to 4"):
        World(0, 4).part(30)


def test_alone_nothing_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    world = World.join("cpu")
    assert (world.rank, world.size, world.first) == (0, 1, True)
    assert float(world.sum(torch.tensor(3.0))) == 3.0
    world.wait()
    world.leave()
    assert world.device("cuda") == "cuda"
    assert World(3, 4, local_rank=1).device("cuda") == "cuda:1"
    assert World(3, 4, local_rank=1).device("cpu") == "cpu"


@pytest.mark.parametrize(
    ("environment", "device", "says"),
    [
        ({"WORLD_SIZE": "2"}, "cpu", "LOCAL_RANK is not; start with torchrun"),
        ({"WORLD_SIZE": "two"}, "cpu", "WORLD_SIZE is 'two', expected a number"),
        ({"WORLD_SIZE": "2", "LOCAL_RANK": "0"}, "cuda:0", "expected cuda: each takes its own GPU"),
        ({"WORLD_SIZE": "2", "LOCAL_RANK": "0"}, "cpu", "2 processes cannot be joined"),
    ],
)
def test_an_environment_that_is_not_torchruns(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], device: str, says: str
) -> None:
    for name in ("WORLD_SIZE", "LOCAL_RANK", "RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=says):
        World.join(device)
