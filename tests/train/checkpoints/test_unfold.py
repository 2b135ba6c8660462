from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from salt_infer.modelfile.learnt import UNKNOWN
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints import initialisers, shipped, unfold
from salt_train.compute.distributed import World
from salt_train.data.folds import Split
from salt_train.data.held_out import HeldOut
from salt_train.errors import CheckpointError, ConfigError, DataError
from salt_train.network.model import SaltNet
from salt_train.scoring.evaluate import predict
from salt_train.settings.config import SHIPPED, TrainConfig
from salt_train.settings.model_config import ModelConfig
from salt_train.training.keeper import LAST
from salt_train.training.run_options import RunOptions
from salt_train.training.trainer import Trainer
from tests import drawing
from tests.conftest import tiny_config

DATA = drawing.draw(12, seed=7)
PREFIX = "models.0."


def started(path: Path, config: ModelConfig) -> SaltNet:
    model = SaltNet(config)
    model.load_state_dict(unfold.unfolded(config, initialisers.read(path), PREFIX))
    return model.eval()


def as_input() -> Tensor:
    return torch.from_numpy(DATA.tiles)[:, None].float() / 255


def test_an_exported_network_is_the_same_when_it_is_unfolded(
    tiny_checkpoint: Path, dense_model: Path
) -> None:
    honest = checkpoints.build_model(checkpoints.load(tiny_checkpoint))
    model = started(dense_model, honest.config)
    expected, found = (predict(each, DATA.tiles, "none") for each in (honest, model))
    np.testing.assert_allclose(found.probability, expected.probability, atol=1e-5)
    np.testing.assert_allclose(found.salt, expected.salt, atol=1e-5)


def test_measured_normalisations_do_in_training_what_they_do_deployed(
    tiny_checkpoint: Path, dense_model: Path
) -> None:
    config = checkpoints.load(tiny_checkpoint).config.model
    neutral, measured = started(dense_model, config), started(dense_model, config)
    unfold.measure(measured, DATA.tiles, 4, 100, World())
    assert measured.training
    before = predict(neutral, DATA.tiles, "none").probability
    np.testing.assert_allclose(predict(measured, DATA.tiles, "none").probability, before, atol=1e-4)
    apart = []
    for model in (measured, neutral):
        with torch.no_grad():
            trained = torch.sigmoid(model.train()(as_input()).mask).numpy()
        apart.append(float(np.abs(trained - before).mean()))
    assert apart[0] < 1e-5 < 1e-2 < apart[1]


def test_no_more_tiles_than_asked_for_are_measured_on(
    tiny_checkpoint: Path, dense_model: Path
) -> None:
    config = checkpoints.load(tiny_checkpoint).config.model
    some, few = started(dense_model, config), started(dense_model, config)
    unfold.measure(some, DATA.tiles, 5, 6, World())
    unfold.measure(few, DATA.tiles[::2], 6, 6, World())
    for name, value in some.state_dict().items():
        torch.testing.assert_close(value, few.state_dict()[name], msg=name)


def test_other_networks_are_refused(dense_model: Path) -> None:
    weights = initialisers.read(dense_model)
    config = tiny_config(1).model
    for changes in ({"width": 24}, {"depth": 34}, {"judge": False}):
        other = dataclasses.replace(config, **changes)
        with pytest.raises(CheckpointError, match="the file's weights are not those of U-Net, Res"):
            unfold.unfolded(other, weights, PREFIX)
    deep = dataclasses.replace(config, deep_supervision=True)
    assert "level_heads.0.weight" in unfold.unfolded(deep, weights, PREFIX)


def test_the_shipped_network_is_the_one_that_infers() -> None:
    file = shipped.read()
    (member,) = file.members
    model = started(file.path, member.network)
    session = onnxruntime.InferenceSession(file.path, providers=["CPUExecutionProvider"])
    probability, salt = session.run(None, {"tiles": DATA.tiles[:4, None]})
    found = predict(model, DATA.tiles[:4], "none")
    # The file computes in float16.
    np.testing.assert_allclose(found.probability, probability[:, 0], atol=0.02)
    np.testing.assert_allclose(found.salt, salt, atol=0.01)


@pytest.fixture
def ships(
    two_checkpoints: tuple[Path, Path], dense_model: Path, monkeypatch: pytest.MonkeyPatch
) -> TrainConfig:
    """A run of the tiny network that starts from what ships, which is the tiny network too."""
    monkeypatch.setattr(shipped, "default_model", lambda provider: dense_model)
    return dataclasses.replace(tiny_config(1), init_weights=SHIPPED)


@pytest.mark.slow
def test_a_run_starts_from_what_ships(
    ships: TrainConfig, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    first = checkpoints.load(tiny_checkpoint)
    options = RunOptions(tmp_path, progress=False)
    trainer = Trainer(ships, options, drawing.draw(40, seed=2))
    trainer._start()
    held_out = trainer.validation_data
    expected = predict(checkpoints.build_model(first), held_out.tiles, "none")
    for model in (trainer.learner.model, trainer.learner.average):
        found = predict(model, held_out.tiles, "none")
        np.testing.assert_allclose(found.probability, expected.probability, atol=1e-4)
    trainer.learner.model.train()
    final = trainer.run()
    assert final.scores["start_sha256"] == shipped.read().sha256
    assert shipped.MAY_HAVE_SEEN not in final.scores  # the same split and fold


def test_tiles_that_it_has_learnt_are_not_validated_on(ships: TrainConfig) -> None:
    data = drawing.draw(40, seed=2)
    split = Split.of(data, 4, 0)
    with pytest.raises(DataError, match=r"the shipped network is a model that held out fold 0 of"):
        unfold.first(dataclasses.replace(ships, fold=1), HeldOut(data, split, 1))
    # By another split it may go on, and it is told from the tiles what that is worth.
    other = Split.of(data, 5, 1)
    held_out = HeldOut(data, other, 0)
    first, doubt = unfold.first(ships, held_out)
    seen = int(first.learnt.among(held_out.data.tiles).sum())
    assert doubt == (
        f"warning: the shipped network has learnt from {seen} of the {len(held_out.data)} tiles "
        "that are held out: scores are too high"
    )


def test_of_other_tiles_it_is_sure(
    ships: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = Trainer(ships, RunOptions(tmp_path, progress=False), drawing.draw(24, seed=9))
    trainer._start()
    assert not trainer.lineage.doubted
    assert trainer.lineage.learnt.complete
    assert "warning" not in capsys.readouterr().out


@pytest.mark.slow
def test_where_it_cannot_be_told_what_it_has_seen_that_is_said_and_kept(
    ships: TrainConfig,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    older = dataclasses.replace(shipped.read(), learnt=UNKNOWN)
    monkeypatch.setattr(shipped, "read", lambda: older)
    ours = drawing.draw(24, seed=9)
    final = Trainer(ships, RunOptions(tmp_path, progress=False), ours).run()
    assert "warning: the shipped network has learnt from 40 tiles but for fold 0" in (
        capsys.readouterr().out
    )
    assert final.scores[shipped.MAY_HAVE_SEEN] is True
    resumed = Trainer(ships, RunOptions(tmp_path, progress=False), ours)
    resumed.resume(checkpoints.load(tmp_path / LAST))
    assert resumed._origin()[shipped.MAY_HAVE_SEEN] is True
    # Nor is it forgotten by a run that starts from that one.
    on = dataclasses.replace(ships, init_weights=str(tmp_path / LAST))
    (tmp_path / "later").mkdir()
    later = Trainer(on, RunOptions(tmp_path / "later", progress=False), ours)
    later._start()
    assert later.lineage.doubted


def test_what_doubted_labels_may_have_seen_is_not_said_of_what_ships(
    ships: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = Trainer(ships, RunOptions(tmp_path, progress=False), drawing.draw(40, seed=2))
    # As by labels; the shipped network held out the same fold.
    trainer.lineage = dataclasses.replace(trainer.lineage, doubted=True)
    trainer._start()
    assert "the shipped network has learnt" not in capsys.readouterr().out
    assert trainer._origin()[shipped.MAY_HAVE_SEEN] is True


def test_a_recipes_other_network_is_refused(ships: TrainConfig) -> None:
    other = dataclasses.replace(ships, model=dataclasses.replace(ships.model, width=24))
    data = drawing.draw(40, seed=2)
    with pytest.raises(ConfigError, match=r"this run trains .*width 24.* leave out every --set"):
        unfold.first(other, HeldOut(data, Split.of(data, 4, 0), 0))
