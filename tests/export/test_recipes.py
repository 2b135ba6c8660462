"""Every recipe, from tiles to a file that runs, with a small network that has all its parts."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from salt_export.errors import ExportError
from salt_export.job import export
from salt_export.request import Job
from salt_export.tolerances import FP32
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.scoring import evaluate
from salt_train.settings.config import TrainConfig
from salt_train.settings.recipes import RECIPES
from salt_train.training import averaging
from salt_train.training.keeper import LAST
from salt_train.training.run_options import RunOptions
from salt_train.training.trainer import Trainer
from tests import drawing
from tests.train.settings.test_recipes import shrunk

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("traced", "few_shapes")]

DATA = drawing.draw(12, seed=2)
OTHERS = drawing.draw(6, seed=9).tiles  # not those that the file is verified on
# The first recipe with each network stands for those that differ only in how they train.
NETWORKS = {recipe.config.model: name for name, recipe in reversed(RECIPES.items())}
ORDER = [name for name in RECIPES if name in NETWORKS.values()]
JUDGED = [name for name in ORDER if RECIPES[name].config.model.judge]
# Once deployed, deep supervision is the same network as without.
GATED = [name for name in JUDGED if not RECIPES[name].config.model.deep_supervision]

Trained = Callable[[str], Path]


def config_of(name: str) -> TrainConfig:
    """An epoch a stage, but two of the first, so that a run can be killed within it."""
    return shrunk(name, "stages.0.epochs=2")


class Copied(Trainer):
    """Keeps the folder as it is after the first epoch: what a run killed then leaves behind."""

    def _epoch(self) -> dict[str, object]:
        if self.epoch == 1:
            shutil.copytree(self.options.out, self.options.out.parent / "broken")
        return super()._epoch()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trains a recipe once: folders ``whole`` and ``broken`` of a run."""
    done: dict[str, Path] = {}

    def train(name: str) -> Path:
        if name not in done:
            done[name] = tmp_path_factory.mktemp(name)
            Copied(config_of(name), RunOptions(done[name] / "whole", progress=False), DATA).run()
        return done[name]

    return train


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_and_resumes_to_the_same_bits(trained: Trained, name: str) -> None:
    folder = trained(name)
    whole = checkpoints.load(folder / "whole" / LAST)
    options = RunOptions(folder / "broken", progress=False)
    resumed = Trainer(config_of(name), options, DATA)
    resumed.resume(checkpoints.load(folder / "broken" / LAST))
    assert resumed.epoch == 1
    final = resumed.run()
    assert final.config.recipe == name
    assert final.epoch == whole.epoch == final.config.epochs >= 2
    same(final.weights, whole.weights)
    assert (final.scores, final.decision) == (whole.scores, whole.decision)
    assert [row["loss"] for row in final.history] == [row["loss"] for row in whole.history]
    losses = [stage.loss for stage in final.config.stages for _ in range(stage.epochs)]
    assert [row["loss_name"] for row in final.history] == losses
    start = Trainer(config_of(name), options, DATA).learner.model.state_dict()
    still = {key for key in start if torch.equal(start[key], final.weights[key])}
    # So few channels leave one hidden unit there, which may never fire.
    assert not {key for key in still if "scse.channel" not in key}
    checkpoints.build_model(final)  # which is what export begins with


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for key, tensor in a.items():
        assert torch.equal(tensor, b[key]), key


def settled(folder: Path) -> Path:
    """The run's checkpoint with new statistics of batch normalisation: those of so few steps lag
    behind the weights, and the network says nearly the same of every pixel, so that a wrong graph
    could pass.
    """
    checkpoint = checkpoints.load(folder / "whole" / LAST)
    model = checkpoints.build_model(checkpoint)
    averaging.refresh_statistics(model, DATA.tiles, batch_size=12)
    path = folder / "settled.pth"
    checkpoints.save(dataclasses.replace(checkpoint, weights=model.state_dict()), path)
    return path


def expected(checkpoint: Checkpoint) -> evaluate.Prediction:
    prediction = evaluate.predict(checkpoints.build_model(checkpoint), OTHERS, "none")
    assert prediction.probability.std() > 100 * FP32.probability
    assert prediction.salt.std() > 50 * FP32.probability
    return prediction


@pytest.mark.parametrize("name", ORDER)
def test_the_network_of_every_recipe_exports_to_a_file_that_runs(
    trained: Trained, tmp_path: Path, name: str
) -> None:
    source, path = settled(trained(name)), tmp_path / "dense.onnx"
    export(Job((source,), path))
    checkpoint = checkpoints.load(source)
    session = ModelSession(path)
    result = session.run(OTHERS[:, None], gate=-1.0)
    prediction = expected(checkpoint)
    np.testing.assert_allclose(result.probability[:, 0], prediction.probability, atol=1e-4)
    np.testing.assert_allclose(result.salt, prediction.salt, atol=1e-4)
    assert session.contract.architecture == checkpoint.config.model.architecture
    decision = evaluate.Decision(session.contract.threshold, session.contract.gate)
    assert decision == checkpoint.decision
    assert session.contract.validation["score"] == checkpoint.scores["score"]
    if not checkpoint.config.model.judge:
        largest = result.probability.max(axis=(1, 2, 3))
        np.testing.assert_allclose(result.salt, largest, atol=1e-6)


@pytest.mark.parametrize("name", GATED)
def test_a_network_with_a_judge_exports_gated(trained: Trained, tmp_path: Path, name: str) -> None:
    source, path = settled(trained(name)), tmp_path / "gated.onnx"
    export(Job((source,), path, gated=True))
    prediction = expected(checkpoints.load(source))
    ordered = np.sort(prediction.salt)
    widest = int(np.diff(ordered).argmax())
    gate = float(ordered[widest : widest + 2].mean())
    result = ModelSession(path).run(OTHERS[:, None], gate)
    kept = np.flatnonzero(prediction.salt > gate)
    assert 0 < len(kept) < len(OTHERS)
    assert result.kept.tolist() == kept.tolist()
    np.testing.assert_allclose(result.probability[:, 0], prediction.probability[kept], atol=1e-4)


@pytest.mark.parametrize("name", [name for name in ORDER if name not in JUDGED])
def test_without_a_judge_gated_is_refused(trained: Trained, tmp_path: Path, name: str) -> None:
    with pytest.raises(ExportError, match=r"no judge, .* which tiles to leave out; .* --dense"):
        export(Job((trained(name) / "whole" / LAST,), tmp_path / "x.onnx", gated=True))
    assert list(tmp_path.iterdir()) == []


def test_the_networks_stand_for_all_recipes() -> None:
    assert {recipe.config.model for recipe in RECIPES.values()} == NETWORKS.keys()
    assert ORDER == [
        "cpu", "lite2", "scratch", "baseline", "scse-hypercolumn", "binary-judge",
        "deep-supervision", "coordconv",
    ]  # fmt: skip
