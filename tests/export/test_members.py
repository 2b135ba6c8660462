from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from salt_export import members
from salt_export.job import export
from salt_export.request import Job
from salt_export.verify import verify
from salt_infer.masks import metric
from salt_train import synthetic
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.scoring import evaluate
from salt_train.scoring.evaluate import Decision
from tests import drawing


@pytest.mark.slow
def test_each_is_scored_by_its_own_threshold_and_gate(two_checkpoints: tuple[Path, Path]) -> None:
    data, said = drawing.draw(20, seed=6), list[str]()
    job = Job(two_checkpoints, Path("x.onnx"), say=said.append)
    decisions = (Decision(0.5, 1.0), Decision(0.5, 0.0))  # no mask, and all
    loaded = [
        dataclasses.replace(checkpoints.load(path), decision=decision)
        for path, decision in zip(two_checkpoints, decisions, strict=True)
    ]
    models = [checkpoints.build_model(each) for each in loaded]
    members.tell(job, loaded, models, data.tiles, data.masks)
    all_drawn = evaluate.predict(models[1], data.tiles, "hflip").masks(decisions[1])
    assert said == [
        f"{two_checkpoints[0]} by itself: score {1.0 - data.has_salt.mean():.4f}",
        f"{two_checkpoints[1]} by itself: score {metric.score(data.masks, all_drawn).mean:.4f}",
    ]
    members.tell(job, loaded, models, data.tiles, None)
    members.tell(job, loaded[:1], models[:1], data.tiles, data.masks)
    assert len(said) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
def test_an_export_and_its_verification_tell_of_them(
    two_checkpoints: tuple[Path, Path], tmp_path: Path
) -> None:
    synthetic.write(drawing.draw(10, seed=6), tmp_path)
    said: list[str] = []
    job = Job(
        two_checkpoints, tmp_path / "x.onnx", verify_images=tmp_path / "tiles",
        labels=tmp_path / "masks", say=said.append,
    )  # fmt: skip
    done = export(job)
    own = [line for line in said if "by itself: score" in line]
    assert [line.partition(" by itself")[0] for line in own] == list(map(str, two_checkpoints))
    verify(job)
    assert [line for line in said if "by itself: score" in line] == [*own, *own]
    decisions = [checkpoints.load(path).decision for path in two_checkpoints]
    for name in ("threshold", "gate"):
        mean = np.mean([getattr(decision, name) for decision in decisions])
        assert dataclasses.asdict(done.contract)[name] == pytest.approx(mean)
