from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salt_infer.backends.providers import ProviderRequest
from salt_infer.execution.results import Row
from salt_infer.job import scoring
from salt_infer.job.job import Job, run
from salt_infer.job.scoring import Truth
from salt_infer.job.watcher import Watcher
from salt_infer.masks import metric, rle
from salt_infer.models import default_model
from salt_train import synthetic
from tests import drawing

OUT = Path("out.csv")


def wedges(count: int) -> np.ndarray:
    y, x = np.indices((101, 101))
    return np.stack([y > 40 + number % 9 + 0.7 * x for number in range(count)])


def rows(masks: np.ndarray) -> list[Row]:
    strings = rle.encode(masks)
    return [
        Row(f"t{number:04}", row, 0.9, 0.8, "", 0, number) for number, row in enumerate(strings)
    ]


def truth(masks: np.ndarray) -> Truth:
    return Truth({row.id: row.rle for row in rows(masks)}, "")


def test_more_tiles_than_are_unpacked_at_once() -> None:
    true, predicted = wedges(1030), wedges(1030)
    predicted[:1000] = False
    found = scoring.score(truth(true), iter(rows(predicted)), OUT)
    assert found.tiles == 1030
    assert found.mean == pytest.approx(metric.score(true, predicted).mean)
    assert found.empty == pytest.approx(metric.score(true, np.zeros_like(true)).mean)
    assert found.doubt == ""


def test_labels_along_the_rows_are_doubted_whichever_part_they_are_in() -> None:
    true, predicted = wedges(1040), wedges(1040)
    predicted[8:1032] = False  # 8 before and 8 after, where 10 are enough to tell
    turned = scoring.score(truth(true.transpose(0, 2, 1)), iter(rows(predicted)), OUT)
    assert "over 16 tiles" in turned.doubt
    assert "run-length strings go along rows" in turned.doubt
    assert scoring.score(truth(true), iter(rows(predicted)), OUT).doubt == ""


def test_a_run_warns_of_them(tmp_path: Path) -> None:
    data = drawing.draw(60, seed=3)
    synthetic.write(data, tmp_path)
    job = Job(tmp_path / "tiles", tmp_path / "a.csv", provider=ProviderRequest("cpu"), gate=0.0)
    run(job, Watcher())
    labels = tmp_path / "turned.csv"
    _, *rows = csv.reader((tmp_path / "a.csv").read_text().splitlines())
    masks = np.stack([rle.decode(row).T for _, row in rows])
    lines = [f"{name},{row}" for (name, _), row in zip(rows, rle.encode(masks), strict=True)]
    labels.write_text("\n".join(["id,rle_mask", *lines, ""]))
    report = tmp_path / "r.json"
    job = dataclasses.replace(job, labels=labels, overwrite=True, report=report)
    warnings = run(job, Watcher()).warnings
    [line] = [each for each in warnings if each.startswith(f"{labels}: true and predicted masks")]
    assert "with rows and columns exchanged" in line
    assert json.loads(report.read_text())["warnings"] == list(warnings)


def test_only_the_shipped_model_on_the_competitions_tiles_is_said_to_be_flattered() -> None:
    ids, others = ["000e218f21", "0fabc01234"], ["000e218f21", "line-7"]
    digest = hashlib.sha256(default_model("cuda").read_bytes()).hexdigest()
    for model in (of(default_model("cpu")), of(default_model("cuda")), of(Path("mine"), digest)):
        assert "the competition's tiles" in scoring.flattered(model, truth_of(ids))
        assert scoring.flattered(model, truth_of(others)) == ""
        assert scoring.flattered(model, truth_of(["0000000001", "0000000002"])) == ""
        assert scoring.flattered(model, truth_of([])) == ""
    assert "model, from which this one started, has learnt" in scoring.flattered(
        model, truth_of(ids)
    )
    several = [{"start_sha256": "0" * 64}, {"start_sha256": digest}]
    ensemble = {"path": "e.onnx", "contract": {"validation": {"members": several}}}
    assert ", from which this one started, has" in scoring.flattered(ensemble, truth_of(ids))
    for own in (Path("mine") / default_model("cpu").name, Path("other.onnx")):
        assert scoring.flattered(of(own), truth_of(ids)) == ""
        assert scoring.flattered(of(own, "0" * 64), truth_of(ids)) == ""


def of(path: Path, start: str | None = None) -> dict[str, Any]:
    return {"path": str(path), "contract": {"validation": {"start_sha256": start} if start else {}}}


def truth_of(ids: list[str]) -> Truth:
    return Truth(dict.fromkeys(ids, ""), "")
