from __future__ import annotations

import json
from pathlib import Path

import decisions
import numpy as np
import pytest
import record
from click.testing import CliRunner

from salt_train import synthetic
from salt_train.scoring.evaluate import Prediction
from salt_train.training.final_score import PREDICTIONS
from tests import drawing

DATA = drawing.draw(24, seed=4)


def planted(yes: float, no: float) -> Prediction:
    """Masks as they are, where the judge lets them pass, and a speck of salt everywhere else."""
    probability = np.where(DATA.masks > 0, 0.95, 0.05).astype(np.float32)
    probability[~DATA.has_salt, :5, :5] = 0.95
    salt = np.where(DATA.has_salt, yes, no).astype(np.float32)
    return Prediction(probability, salt)


def test_where_the_neutral_pair_is_right_all_rules_agree() -> None:
    scores = decisions.halved(planted(0.99, 0.01), DATA.masks, ways=5)
    assert scores == dict.fromkeys(decisions.RULES, 1.0)


def test_where_the_judge_is_wrong_those_that_choose_find_out() -> None:
    scores = decisions.halved(planted(0.95, 0.75), DATA.masks, ways=5)
    share = float(DATA.has_salt.mean())
    assert scores.pop("neutral") == pytest.approx(share)
    assert set(scores.values()) == {1.0}


def test_odds_are_wrong_by_the_factor_both_ways() -> None:
    low, high = sorted(
        float(each.salt.max()) for each in decisions.wrong_by(4.0, planted(0.5, 0.5))
    )
    assert (low, high) == (pytest.approx(0.2), pytest.approx(0.8))
    (same,) = decisions.wrong_by(1.0, planted(0.5, 0.25))
    np.testing.assert_allclose(same.salt, planted(0.5, 0.25).salt, rtol=1e-6)


def test_from_runs_to_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    synthetic.write(DATA, tmp_path / "data")
    (tmp_path / "data/tiles").rename(tmp_path / "data/images")
    run = tmp_path / "run"
    run.mkdir()
    planted(0.99, 0.01).save(run / PREDICTIONS, DATA.ids)
    arguments = [str(run), "--data", str(tmp_path / "data"), "--ways", "2"]
    done = CliRunner().invoke(decisions.main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    table = json.loads((tmp_path / "decisions.json").read_text())["table"]
    assert done.output.splitlines() == table
    assert table[2] == "| 1 | 1.0000 | 1.0000 | 1.0000 |"
    assert len(table) == 2 + len(decisions.FACTORS)
