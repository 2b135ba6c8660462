from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import survey
from common import rounds

from salt_infer.predictor.model import SaltModel
from salt_survey.reading.survey import Survey
from salt_survey.sections.settings import GATE


def samples(wall: float, cpu: float) -> rounds.Samples:
    return rounds.Samples([wall] * 3, [cpu] * 3)


RESULT: dict[str, Any] = {
    "tiles": 100,
    "samples": rounds.to_json(
        {survey.PREDICT: samples(2.0, 0.9), survey.RUN: samples(2.5, 1.0)}
    ),
    "memory": {"20": {"peak_mb": 500.0, "wall_s": 10.0}, "60": {"peak_mb": 550.0, "wall_s": 30.0}},
}  # fmt: skip


def test_the_table_has_both_ways_and_memory() -> None:
    lines = survey.table(RESULT)
    assert "| predict alone | 50.0 | 9.00 |" in lines
    assert "| salt-survey run | 40.0 | 10.00 |" in lines
    assert any(line.startswith("The run to its model alone: 0.90x") for line in lines)
    assert "| 60 | 550 | 30.0 |" in lines


def test_more_is_better_in_each_ratio() -> None:
    found = {name: ratio.median for name, ratio in survey.ratios_of(RESULT).items()}
    assert found["salt-survey run to predict alone, processor time"] == pytest.approx(0.9)
    assert found["memory, short survey to long"] == pytest.approx(500 / 550)


def test_both_ways_have_the_same_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "TRACES", 210)
    monkeypatch.setattr(survey, "SAMPLES", 80)
    path = survey.drawn(2, tmp_path)
    tiles = survey.tiles_of(path)
    assert [each.shape for each in tiles] == [(2, 101, 101)] * 2
    asked: list[int] = []
    run = SaltModel.run

    def counted(self: SaltModel, given: np.ndarray, *rest: Any, **more: Any) -> Any:
        asked.append(len(given))
        return run(self, given, *rest, **more)

    monkeypatch.setattr(SaltModel, "run", counted)
    assert all(seconds > 0 for seconds in survey.ran(path, tmp_path))
    assert sum(asked) == 4
    asked.clear()
    survey.predicted(SaltModel.load(gate=GATE), tiles)
    assert sum(asked) == 4
    with Survey.open(path) as opened:
        assert opened.scan.interval_ms == 4
