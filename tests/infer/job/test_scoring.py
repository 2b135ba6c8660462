from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from salt_infer.backends.providers import ProviderRequest
from salt_infer.data.tiles import read_tiles
from salt_infer.execution.results import Row
from salt_infer.job import scoring
from salt_infer.job.job import Job, run
from salt_infer.job.scoring import Truth
from salt_infer.job.watcher import Watcher
from salt_infer.masks import metric, rle
from salt_infer.modelfile.learnt import METADATA_KEY, UNKNOWN, Learnt
from salt_infer.modelfile.onnx_reader import read_model
from salt_infer.models import default_model
from salt_infer.system.digest import checksums
from salt_train import synthetic
from tests import changeable, drawing

OUT = Path("out.csv")


class Ending(Watcher):
    """Ends a run, as Ctrl-C does, after so many tiles."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after

    def advanced(self, tiles: int) -> None:
        self.left -= tiles
        if self.left <= 0:
            raise KeyboardInterrupt


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
    found = scoring.score(truth(true), iter(rows(predicted)), OUT, UNKNOWN)
    assert found.tiles == 1030
    assert found.mean == pytest.approx(metric.score(true, predicted).mean)
    assert found.empty == pytest.approx(metric.score(true, np.zeros_like(true)).mean)
    assert found.doubt == ""


def test_labels_along_the_rows_are_doubted_whichever_part_they_are_in() -> None:
    true, predicted = wedges(1040), wedges(1040)
    predicted[8:1032] = False  # 8 before and 8 after, where 10 are enough to tell
    turned = scoring.score(truth(true.transpose(0, 2, 1)), iter(rows(predicted)), OUT, UNKNOWN)
    assert "over 16 tiles" in turned.doubt
    assert "run-length strings go along rows" in turned.doubt
    assert scoring.score(truth(true), iter(rows(predicted)), OUT, UNKNOWN).doubt == ""


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_score_of_tiles_that_were_learnt_says_so(tmp_path: Path) -> None:
    """Of those that were, and whatever the tiles are called."""
    data = drawing.draw(24, seed=3)
    synthetic.write(data, tmp_path)
    model = tmp_path / "mine.onnx"
    proto = changeable.load(default_model("cpu"))
    texts = {entry.key: entry.value for entry in proto.metadata_props}
    known = Learnt.of(data.tiles[:9])
    count = len(known.fingerprints)
    onnx.helper.set_model_props(proto, texts | {METADATA_KEY: known.to_text()})
    onnx.save(proto, model)
    job = Job(
        tmp_path / "tiles", tmp_path / "a.csv", model, provider=ProviderRequest("cpu"),
        labels=tmp_path / "masks", report=tmp_path / "r.json",
    )  # fmt: skip
    found = run(job, Watcher())
    assert found.scored_learnt == count > 0
    assert found.warnings[-1] == (
        f"the model has learnt from {count} of the 24 tiles that are scored: the score says less "
        "of others"
    )
    assert json.loads((tmp_path / "r.json").read_text())["scored_learnt"] == count
    assert (tmp_path / "a.csv").read_text().startswith("id,rle_mask\n")
    (tmp_path / "a.csv").unlink()
    (tmp_path / "r.json").unlink()
    # Of a run that was begun without labels it is not known of all.
    plain = dataclasses.replace(job, labels=None, batch_size=8)
    with pytest.raises(KeyboardInterrupt):
        run(plain, Ending(after=16))
    again = run(dataclasses.replace(job, batch_size=8), Watcher())
    rest = int(known.among(data.tiles[again.resumed :]).sum())
    assert (again.resumed > 0, again.scored_learnt) == (True, rest or None)
    assert again.warnings[-1] == (
        f"whether the model has learnt from {again.resumed} of the 24 tiles that are scored is not "
        "known: the run was begun without --labels"
    )
    (tmp_path / "a.csv").unlink()
    (tmp_path / "r.json").unlink()
    # Of a file that does not say, nothing is known.
    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, {k: v for k, v in texts.items() if k != METADATA_KEY})
    onnx.save(proto, model)
    assert run(dataclasses.replace(job, overwrite=True), Watcher()).scored_learnt is None
    shipped = run(dataclasses.replace(job, model=None, overwrite=True), Watcher())
    assert shipped.scored_learnt == 0
    assert not [line for line in shipped.warnings if "learnt" in line]


@pytest.mark.slow
def test_of_the_competitions_tiles_the_shipped_model_knows_which_it_has_learnt(
    tgs: Path, tmp_path: Path
) -> None:
    _, tiles = read_tiles(tgs / "train.zip")
    learnt = read_model(default_model("cpu")).learnt
    same = read_model(default_model("cuda")).learnt
    assert (learnt.complete, learnt.to_text()) == (True, same.to_text())
    seen = learnt.among(tiles)
    assert (seen == learnt.among_checksums(checksums(tiles))).all()
    if len(tiles) == 3594:
        lit = tiles.min(axis=(1, 2)) < tiles.max(axis=(1, 2))
        assert seen.sum() == lit.sum() - 352  # of the 360 held out, 8 are black
