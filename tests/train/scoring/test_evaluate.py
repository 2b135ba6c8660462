from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from salt_infer.masks import metric
from salt_train.data.dataset import Dataset
from salt_train.errors import CheckpointError
from salt_train.network.model import SaltNet
from salt_train.scoring import evaluate
from salt_train.scoring.evaluate import (
    Decision,
    Prediction,
    brief,
    by_class,
    predict,
    predict_views,
    presence,
)
from salt_train.settings.model_config import ModelConfig
from tests import drawing

TILES = drawing.draw(5, seed=4).tiles


def network(**changes: object) -> SaltNet:
    torch.manual_seed(0)
    return SaltNet(ModelConfig(width=8, decoder_channels=8, **changes))  # type: ignore[arg-type]


def with_coverage(pixels: list[int]) -> Dataset:
    masks = np.zeros((len(pixels), 101 * 101), np.uint8)
    for mask, count in zip(masks, pixels, strict=True):
        mask[:count] = 1
    square = masks.reshape(-1, 101, 101)
    return Dataset(tuple(f"tile-{n}" for n in range(len(pixels))), np.zeros_like(square), square)


@pytest.mark.parametrize("judge", [True, False])
def test_predictions_do_not_depend_on_batches_and_leave_the_mode_alone(judge: bool) -> None:
    model = network(judge=judge).train()
    whole = predict(model, TILES, "none")
    assert not model.training
    parts = predict(model, TILES, "none", batch_size=2)
    np.testing.assert_allclose(parts.probability, whole.probability, atol=1e-5)
    np.testing.assert_allclose(parts.salt, whole.salt, atol=1e-5)
    assert whole.probability.shape == (5, 101, 101)
    assert whole.probability.dtype == whole.salt.dtype == np.float32
    with torch.inference_mode():
        logits = model(torch.from_numpy(TILES)[:, None] / 255)
    np.testing.assert_allclose(whole.probability, torch.sigmoid(logits.mask), atol=1e-5)
    if judge:
        np.testing.assert_allclose(whole.salt, torch.sigmoid(logits.judge), atol=1e-5)
    else:
        np.testing.assert_allclose(whole.salt, whole.probability.max(axis=(1, 2)), atol=1e-5)


@pytest.mark.parametrize("judge", [True, False])
def test_flip_tta_is_the_mean_of_both_ways(judge: bool) -> None:
    model = network(judge=judge)
    straight = predict(model, TILES, "none")
    mirrored = predict(model, np.ascontiguousarray(TILES[:, :, ::-1]), "none")
    both = predict(model, TILES, "hflip", batch_size=2)
    expected = (straight.probability + mirrored.probability[:, :, ::-1]) / 2
    np.testing.assert_allclose(both.probability, expected, atol=1e-5)
    np.testing.assert_allclose(both.salt, (straight.salt + mirrored.salt) / 2, atol=1e-5)


def test_views_predicted_once_give_both_ways() -> None:
    model = network()
    views = predict_views(model, TILES, "hflip", batch_size=2)
    assert views.probability.shape == (5, 2, 101, 101)
    assert views.salt.shape == (5, 2)
    for tta in ("none", "hflip"):
        merged, alone = views.merged(tta), predict(model, TILES, tta)
        np.testing.assert_allclose(merged.probability, alone.probability, atol=1e-5)
        np.testing.assert_allclose(merged.salt, alone.salt, atol=1e-5)
        assert merged.probability.dtype == merged.salt.dtype == np.float32


def test_masks_are_above_the_threshold_in_tiles_above_the_gate() -> None:
    probability = np.full((3, 101, 101), 0.5, np.float32)
    probability[:, 0, :2] = (0.6, 0.9)
    prediction = Prediction(probability, np.array([0.2, 0.5, 0.8], np.float32))
    masks = prediction.masks(Decision(threshold=0.5, gate=0.5))
    assert masks.dtype == np.bool_
    assert masks.sum(axis=(1, 2)).tolist() == [0, 0, 2]  # both limits are exclusive
    assert prediction.masks(Decision(0.7, 0.1)).sum(axis=(1, 2)).tolist() == [1, 1, 1]


def test_predictions_are_kept(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    prediction = Prediction(random.random((4, 101, 101), np.float32), random.random(4, np.float32))
    ids = ("a", "b-2", "ccc", "ünder")
    path = tmp_path / "validation.npz"
    prediction.save(path, ids)
    prediction.save(path, ids)  # replaces what is there
    again, loaded = Prediction.load(path)
    assert again == ids
    np.testing.assert_array_equal(loaded.salt, prediction.salt)
    np.testing.assert_allclose(loaded.probability, prediction.probability, atol=2**-12)
    assert loaded.probability.dtype == loaded.salt.dtype == np.float32
    assert path.stat().st_size < prediction.probability.nbytes * 0.6
    assert [file.name for file in tmp_path.iterdir()] == ["validation.npz"]


ARRAYS = {
    "ids": np.array(["a", "b"]),
    "probability": np.zeros((2, 101, 101), np.float16),
    "salt": np.ones(2, np.float32),
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ids": np.array(["a"])}, "holds no probabilities of tiles by id"),
        ({"salt": np.ones((2, 1), np.float32)}, "holds no probabilities of tiles by id"),
        ({"salt": np.float32(1)}, "holds no probabilities of tiles by id"),
        ({"probability": np.zeros((2, 9, 9), np.float16)}, "holds no probabilities of tiles by id"),
        ({"probability": np.zeros((2, 101, 101), int)}, "other numbers than probabilities, 0 to 1"),
        ({"salt": np.array([0, np.nan], np.float32)}, "other numbers than probabilities, 0 to 1"),
        ({"salt": np.array([0, 1.5], np.float32)}, "other numbers than probabilities, 0 to 1"),
        ({"ids": np.array(["a", None])}, r"cannot be read \(Object arrays cannot be loaded"),
    ],
)
def test_arrays_that_are_no_predictions(
    tmp_path: Path, change: dict[str, np.ndarray], says: str
) -> None:
    path = tmp_path / "validation.npz"
    np.savez(path, **ARRAYS)  # type: ignore[arg-type]
    assert Prediction.load(path)[0] == ("a", "b")
    np.savez(path, **(ARRAYS | change))  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match=f"{path} .*{says}"):
        Prediction.load(path)


@pytest.mark.parametrize("lacks", [*ARRAYS, "all", "a zip"])
def test_files_that_hold_no_predictions(tmp_path: Path, lacks: str) -> None:
    path = tmp_path / "validation.npz"
    np.savez(path, **{key: value for key, value in ARRAYS.items() if key != lacks})  # type: ignore[arg-type]
    if lacks == "a zip":
        with open(path, "wb") as file:
            np.save(file, ARRAYS["salt"])
    if lacks == "all":
        path.unlink()
    with pytest.raises(CheckpointError, match=f"{path} cannot be read"):
        Prediction.load(path)


def test_the_default_decision_is_the_network_s() -> None:
    assert evaluate.default_decision(network().config) == Decision(0.5, 1 / 1.8)
    assert evaluate.default_decision(network(judge=False).config) == Decision(0.5, 0.5)


def test_scores_by_class() -> None:
    data = with_coverage([0, 0, 1, 1020, 1021, 10201])
    means = by_class(np.array([1.0, 0.0, 0.2, 0.4, 0.7, 0.9]), data)
    assert means == [0.5, pytest.approx(0.3), 0.7, *[None] * 7, 0.9]


def test_presence_counts_both_errors() -> None:
    data = with_coverage([0, 0, 0, 50, 50])
    said = np.array([True, True, False, False, True])
    assert presence(said, data) == {
        "presence_accuracy": pytest.approx(0.4), "false_salt": 2, "missed_salt": 1,
    }  # fmt: skip


def test_a_line_of_history_is_scored_by_the_decision() -> None:
    data = with_coverage([0, 5000, 5000])
    prediction = Prediction(
        data.masks.astype(np.float32) * 0.8 + 0.1, np.array([0.3, 0.3, 0.9], np.float32)
    )
    for decision, missed in ((Decision(0.5, 0.5), 1), (Decision(0.5, 0.2), 0)):
        row = brief(prediction, data, decision)
        assert row["score"] == metric.score(data.masks, prediction.masks(decision)).mean
        assert row["score"] == pytest.approx(1 - missed / 3)
        assert row["missed_salt"] == missed
        assert row["false_salt"] == 0
    # The second gate lets the empty tile pass, and no pixel of it is above the threshold: its mask
    # is right all the same.
    assert brief(prediction, data, Decision(0.05, 0.2))["false_salt"] == 1
