"""The competition's own data: skipped, with the reason printed, where it is not at hand."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from salt_infer.backends.device_session import DeviceSession
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.backends.providers import SessionPlan
from salt_infer.batch import views
from salt_infer.batch.result import Drawn
from salt_infer.masks import metric, rle
from salt_infer.masks.table import read_rows
from salt_infer.modelfile.contract import TTA_NAMES, Tta
from salt_infer.models import default_model
from salt_infer.predictor.model import SaltModel
from salt_train.data import dataset
from salt_train.data.dataset import Dataset
from salt_train.data.folds import Split


@pytest.fixture(scope="module")
def data(tgs: Path) -> Dataset:
    return dataset.load(tgs)


def test_every_mask_encodes_to_the_competitions_string_and_back(data: Dataset, tgs: Path) -> None:
    rows = read_rows(tgs / "train.csv")
    assert dict(zip(data.ids, rle.encode(data.masks), strict=True)) == rows
    for name, mask in zip(data.ids, data.masks, strict=True):
        np.testing.assert_array_equal(rle.decode(rows[name]), mask)


def test_all_empty_masks_score_the_share_of_empty_tiles(data: Dataset) -> None:
    empty = ~data.masks.any(axis=(1, 2))
    assert metric.score(data.masks, np.zeros_like(data.masks)).mean == empty.mean()
    assert metric.score(data.masks, data.masks).mean == 1.0


@pytest.mark.slow
def test_the_synthetic_tiles_are_as_bright_as_the_real_ones(data: Dataset) -> None:
    from salt_train import synthetic

    drawn = synthetic.draw(300, seed=0)
    assert abs(float(drawn.tiles.mean()) - float(data.tiles.mean())) < 10
    assert abs(float(drawn.masks.mean()) - float(data.masks.mean())) < 0.12


@pytest.mark.slow
@pytest.mark.parametrize("tta", TTA_NAMES)
def test_the_shipped_networks_masks_are_the_same_drawn_as_on_a_gpu(data: Dataset, tta: Tta) -> None:
    """To the bit, on the CPU provider; the last batch is not full."""
    tiles, path = data.tiles[:40], default_model("cuda")
    plan = SessionPlan(
        shape=(16, views.together(tta)), second=8 if tta == "doubtful" else 0, streams=1
    )
    settings = dataclasses.replace(SaltModel.load(path).settings, tta=tta)
    host = SaltModel(ModelSession(path, 1), settings)
    device = SaltModel(DeviceSession(path, 1, plan), settings)
    expected = host.decide(host.run(tiles))
    drawn = device.run(tiles, probabilities=False)
    assert isinstance(drawn, Drawn)
    assert expected.masks.any()
    for name in ("kept", "salt", "masks"):
        seen = getattr(device.decide(drawn), name)
        np.testing.assert_array_equal(seen, getattr(expected, name))


@pytest.mark.slow
def test_the_default_model_scores_what_its_contract_says(
    data: Dataset, tgs: Path, tmp_path: Path
) -> None:
    """From PNG files to a CSV, on the fold that it was not trained on."""
    from salt_infer.data import png
    from salt_infer.job.job import Job, run
    from salt_infer.job.watcher import Watcher

    contract = ModelSession(default_model()).contract
    # The members of an ensemble have held out the same fold.
    members = contract.validation.get("members", [contract.validation])
    measured = members[0]
    assert len({(each["split_sha256"], each["fold"]) for each in members}) == 1
    if len(data) != measured["split_tiles"]:
        pytest.skip(f"this data has {len(data)} tiles, the model's {measured['split_tiles']}")
    split = Split.of(data, measured["folds"], measured["split_seed"])
    assert split.sha256 == measured["split_sha256"]
    held = data.subset(split.fold == measured["fold"])
    images = tmp_path / "images"
    images.mkdir()
    for name, tile in zip(held.ids, held.tiles, strict=True):
        (images / f"{name}.png").write_bytes(png.encode(tile))
    with open(tmp_path / "labels.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "rle_mask"))
        writer.writerows(zip(held.ids, rle.encode(held.masks), strict=True))
    job = Job(images=images, out=tmp_path / "sub.csv", labels=tmp_path / "labels.csv")
    report = run(job, Watcher())
    assert report.score is not None
    assert report.empty_score is not None
    assert abs(report.empty_score - 0.39) < 0.02
    # As deployed; where a pixel lies on the threshold, the processor decides.
    assert report.score == pytest.approx(contract.verification["score"], abs=0.002)
    # Threshold and gate were chosen on these very tiles, unlike those of the cross-fitted scores;
    # an ensemble is at least about as good as its best member.
    best = max(each["score"] for each in members)
    assert report.score > best - 0.01
    assert len(members) > 1 or report.score < best + 0.01
