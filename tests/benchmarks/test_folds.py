from __future__ import annotations

import json
from pathlib import Path

import click
import folds
import numpy as np
import pytest
import record
from click.testing import CliRunner
from common import held_out

from salt_train import synthetic
from salt_train.job import job
from salt_train.job.job import Job
from salt_train.scoring.evaluate import Prediction
from salt_train.settings.config import TrainConfig
from salt_train.settings.model_config import ModelConfig
from salt_train.settings.recipes import two_stages
from salt_train.training.final_score import PREDICTIONS
from salt_train.training.run_options import RunOptions
from tests import drawing

DATA = drawing.draw(24, seed=4)
SALTY = int(DATA.has_salt.sum())


def planted(salt: np.ndarray) -> Prediction:
    """Masks as they are, where the judge lets them pass, and a speck of salt everywhere else."""
    probability = np.where(DATA.masks > 0, 0.95, 0.05).astype(np.float32)
    probability[~DATA.has_salt, :5, :5] = 0.95
    return Prediction(probability, salt.astype(np.float32))


SURE = folds.scored("0", 1.0, planted(DATA.has_salt * 0.9 + 0.05), DATA)
BLIND = folds.scored("0", 2.0, planted(np.full(24, 0.9)), DATA)


def test_a_judge_that_is_right_is_worth_what_a_perfect_gate_is() -> None:
    for column in SURE.columns:
        np.testing.assert_array_equal(column, 1.0)


def test_one_that_lets_all_pass_loses_the_empty_tiles_alone() -> None:
    share = SALTY / len(DATA)
    assert BLIND.fixed.mean() == BLIND.right.mean() == pytest.approx(share)
    assert BLIND.perfect.mean() == 1.0
    assert folds.rows("runs", [BLIND]) == [
        [
            "runs",
            "0",
            "2",
            f"{BLIND.cross_fitted.mean():.4f}",
            f"{share:.4f}",
            f"{share:.1%}",
            "1.0000",
        ]
    ]


def test_all_tiles_of_several_folds_have_a_row() -> None:
    *_, last = folds.rows("runs", [SURE, BLIND])
    assert last[:3] == ["runs", "all 2", "2"]  # minutes a fold
    assert last[-1] == "1.0000"


def test_differences_are_of_the_same_tiles() -> None:
    found = folds.paired([BLIND], [SURE])
    assert found is not None
    assert found["tiles"] == 24
    assert found["gain"] == pytest.approx(SALTY / 24 - 1)
    low, high = found["interval"]
    assert low < found["gain"] < high
    assert folds.paired([SURE], [SURE]) == {
        "tiles": 24, "gain": 0.0, "interval": [0.0, 0.0], "standard_error": 0.0,
    }  # fmt: skip


def test_without_a_tile_in_common_there_is_none() -> None:
    other = folds.scored("1", 1.0, planted(np.ones(24)), DATA)
    renamed = type(other)(**vars(other) | {"ids": tuple(f"{name}-b" for name in other.ids)})
    assert folds.paired([renamed], [SURE]) is None


@pytest.mark.slow
def test_from_runs_to_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    synthetic.write(DATA, tmp_path / "data")
    model = ModelConfig(depth=18, width=8, decoder_channels=8, canvas_px=128)
    for name, rate in (("slow", 1e-4), ("fast", 1e-3)):
        for fold in (0, 1):
            config = TrainConfig(
                model=model, stages=two_stages(1, rate), folds=3, fold=fold, batch_size=8
            )
            out = RunOptions(tmp_path / name / f"fold-{fold}", progress=False)
            job.run(Job(tmp_path / "data", config, out, say=lambda text: None))
    (tmp_path / "slow/fold-2").mkdir()  # not finished
    arguments = ["slow", "fast", "--data", "data"]
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(folds.main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "folds.json").read_text())
    assert done.output.splitlines() == result["table"]
    firsts = [line.split(" | ")[:2] for line in result["table"][2:8]]
    assert firsts == [
        [f"| {name}", fold] for name in ("slow", "fast") for fold in ("0", "1", "all 2")
    ]
    assert result["paired"]["fast"]["tiles"] == 16
    assert result["table"][-1].startswith("fast scores ")


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="no finished run"):
        folds.runs_in(tmp_path)
    with pytest.raises(click.UsageError, match="expected a finished run"):
        held_out.of(tmp_path, DATA)
    planted(np.ones(24)).save(tmp_path / PREDICTIONS, [f"{name}-b" for name in DATA.ids])
    with pytest.raises(click.UsageError, match="not among these data"):
        held_out.of(tmp_path, DATA)
