from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from salt_train import checkpoint as checkpoints
from salt_train import synthetic
from salt_train.checkpoint import Checkpoint
from salt_train.config import PrecisionName, default_stages
from salt_train.errors import CheckpointError, ConfigError, TrainError
from salt_train.loop import BEST, LAST, METRICS, RunOptions, Trainer
from tests.conftest import tiny_config

DATA = synthetic.draw(40, seed=2)
CONFIG = tiny_config(3)


def options(out: Path) -> RunOptions:
    return RunOptions(out, progress=False)


def same_weights(a: Checkpoint, b: Checkpoint) -> None:
    assert a.weights.keys() == b.weights.keys()
    for name, tensor in a.weights.items():
        assert torch.equal(tensor, b.weights[name]), name


def test_a_resumed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole = Trainer(CONFIG, options(tmp_path / "whole"), DATA).run()

    class Killed(Trainer):
        def _epoch(self) -> dict[str, object]:
            if self.epoch == 1:
                raise KeyboardInterrupt
            return super()._epoch()

    with pytest.raises(KeyboardInterrupt):
        Killed(CONFIG, options(tmp_path / "broken"), DATA).run()
    resumed = Trainer(CONFIG, options(tmp_path / "broken"), DATA)
    resumed.resume(checkpoints.load(tmp_path / "broken" / LAST))
    assert resumed.epoch == 1
    final = resumed.run()
    same_weights(final, whole)
    assert final.scores == whole.scores
    best = [checkpoints.load(tmp_path / run / BEST) for run in ("whole", "broken")]
    same_weights(*best)
    assert [row["loss"] for row in final.history] == [row["loss"] for row in whole.history]


def test_training_learns_and_leaves_its_traces(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, stages=default_stages(8, 3e-3))
    final = Trainer(config, options(tmp_path), DATA).run()
    rows = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(1, 9))
    assert [row["loss_name"] for row in rows] == ["bce"] * 3 + ["lovasz"] * 5
    assert rows[2]["loss"] < rows[0]["loss"]
    assert final.epoch == 8
    assert final.scores["fold"] == 0
    assert len(final.scores["split_sha256"]) == 64
    assert final.scores["tiles"] == 10
    assert 0 <= final.scores["score"] <= 1
    best = checkpoints.load(tmp_path / BEST)
    assert best.scores["score_without_tta"] == max(row["score"] for row in rows)
    assert "score" not in best.scores  # it was chosen on the very tiles
    assert best.run is None
    assert not list(tmp_path.glob(".*"))


def test_a_run_killed_between_its_two_checkpoints_loses_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Trainer(CONFIG, options(tmp_path / "whole"), DATA).run()
    honest, calls = checkpoints.save, []

    def save(checkpoint: Checkpoint, path: Path) -> None:
        calls.append(path.name)
        if len(calls) == 4:
            raise KeyboardInterrupt
        honest(checkpoint, path)

    monkeypatch.setattr(checkpoints, "save", save)
    with pytest.raises(KeyboardInterrupt):
        Trainer(CONFIG, options(tmp_path / "broken"), DATA).run()
    resumed = Trainer(CONFIG, options(tmp_path / "broken"), DATA)
    resumed.resume(checkpoints.load(tmp_path / "broken" / LAST))
    same_weights(resumed.run(), whole)
    same_weights(*(checkpoints.load(tmp_path / run / BEST) for run in ("whole", "broken")))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_trains(tmp_path: Path, precision: PrecisionName) -> None:
    config = dataclasses.replace(CONFIG, precision=precision, stages=default_stages(1, 1e-3))
    final = Trainer(config, options(tmp_path), DATA).run()
    assert np.isfinite(final.history[-1]["loss"])
    assert all(tensor.dtype != torch.bfloat16 for tensor in final.weights.values())


def test_the_folds_are_apart(tmp_path: Path) -> None:
    seen: set[str] = set()
    for fold in range(4):
        trainer = Trainer(dataclasses.replace(CONFIG, fold=fold), options(tmp_path), DATA)
        held = set(trainer.validation_data.ids)
        assert not held & set(trainer.train_data.ids)
        assert not held & seen
        seen |= held
    assert seen == set(DATA.ids)


def test_another_run_is_not_resumed(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, stages=default_stages(1, 3e-3))
    done = Trainer(config, options(tmp_path), DATA).run()
    other = Trainer(dataclasses.replace(config, seed=5), options(tmp_path), DATA)
    with pytest.raises(CheckpointError, match="seed was 0 and is now 5"):
        other.resume(done)
    fewer = Trainer(config, options(tmp_path), synthetic.draw(36, seed=2))
    with pytest.raises(CheckpointError, match="data or its folds have changed"):
        fewer.resume(done)
    with pytest.raises(CheckpointError, match="stripped"):
        Trainer(config, options(tmp_path), DATA).resume(dataclasses.replace(done, run=None))


@pytest.mark.parametrize("device", ["cuda:7", "gpu"])
def test_a_device_that_is_not_there(tmp_path: Path, device: str) -> None:
    with pytest.raises(ConfigError, match=f"device '{device}' cannot be used here"):
        Trainer(CONFIG, dataclasses.replace(options(tmp_path), device=device), DATA)


def test_a_loss_that_is_not_finite_stops_with_the_tiles_named(tmp_path: Path) -> None:
    trainer = Trainer(CONFIG, options(tmp_path), DATA)
    with torch.no_grad():
        trainer.model.judge_head.last.bias.fill_(float("nan"))
    with pytest.raises(TrainError, match=r"loss is nan at epoch 1, step 1, tiles synthetic-"):
        trainer.run()
    assert not (tmp_path / LAST).exists()
