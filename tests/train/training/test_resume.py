"""A real process, really killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from salt_train.checkpoints import checkpoint as checkpoints

EPOCHS = 4


def command(data: Path, out: Path) -> list[str]:
    settings = ("model.width=16", "model.depth=18", "model.decoder_channels=8", "warmup_steps=1")
    sets = [word for setting in settings for word in ("--set", setting)]
    return [
        sys.executable, "-m", "salt_train", "--data", str(data), "--out", str(out), "--folds", "4",
        "--batch-size", "8", "--epochs", str(EPOCHS), "--precision", "fp32", "--threads", "1",
        "--resume", "--no-progress", "--save-every", "0", "--recipe", "scratch", *sets,
    ]  # fmt: skip


def kill_within_an_epoch(data: Path, out: Path, after: int) -> None:
    """Start a run and SIGKILL it when epoch ``after`` is done and the next one under way."""
    process = subprocess.Popen(command(data, out), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(f"epoch {after}/"):
            break
    time.sleep(0.05)
    process.kill()
    process.wait()
    process.stdout.close()
    assert process.returncode == -9
    assert after <= checkpoints.load(out / "last.pth").epoch < EPOCHS


@pytest.mark.slow
def test_killed_twice_and_resumed_ends_with_the_same_bits(labelled: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(command(labelled, whole), check=True, capture_output=True)
    for epoch in (1, 2):
        kill_within_an_epoch(labelled, broken, epoch)
    subprocess.run(command(labelled, broken), check=True, capture_output=True)
    first, second = (checkpoints.load(out / "last.pth") for out in (whole, broken))
    assert first.scores == second.scores
    assert first.decision == second.decision
    for name, tensor in first.weights.items():
        assert torch.equal(tensor, second.weights[name]), name
    epochs = [line.split(",")[0] for line in (broken / "metrics.jsonl").read_text().splitlines()]
    assert epochs == [f'{{"epoch": {number}' for number in range(1, EPOCHS + 1)]
    assert not [name for name in os.listdir(broken) if name.startswith(".")]
