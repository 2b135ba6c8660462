"""All folds through the command line, on few tiles."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from salt_infer.data.labels import Labels
from salt_infer.masks import metric
from salt_train import synthetic
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints import shipped
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.cli.train import cli
from salt_train.data.dataset import Dataset
from salt_train.data.folds import Split
from salt_train.errors import CheckpointError, ConfigError, DataError
from salt_train.job import crossval
from salt_train.job.crossval import PREDICTIONS_OF_ALL, SCORES, SUBMISSION_OF_ALL
from salt_train.scoring import calibrate, evaluate
from salt_train.scoring.evaluate import NO_JUDGE, Decision, Prediction
from salt_train.training.feed import Drawn
from salt_train.training.final_score import PREDICTIONS, SUBMISSION
from salt_train.training.keeper import LAST
from salt_train.training.trainer import Trainer
from tests import drawing

FOLDS = 3
DATA = drawing.draw(15, seed=3)


def train(data: Path, out: Path, *more: str, fold: str = "all") -> str:
    settings = ("model.width=16", "model.depth=18", "model.decoder_channels=8", "warmup_steps=1")
    arguments = [
        "--data", str(data), "--out", str(out), "--fold", fold, "--folds", str(FOLDS),
        "--batch-size", "5", "--epochs", "2", "--precision", "fp32", "--no-progress",
        "--recipe", "scratch",
        *(word for setting in settings for word in ("--set", setting)), *more,
    ]  # fmt: skip
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)
    return result.output


def resumed(data: Path, out: Path, *more: str) -> None:
    """Without the settings that it was begun with."""
    arguments = ["--data", str(data), "--out", str(out), "--fold", "all", "--resume", *more]
    CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)


@dataclasses.dataclass(frozen=True)
class Run:
    """A run over all folds, and the ids of the tiles that each fold's steps saw."""

    data: Path
    out: Path
    said: str
    seen: dict[int, set[str]]

    def checkpoint(self, fold: int) -> Checkpoint:
        return checkpoints.load(self.out / f"fold-{fold}" / LAST)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("all-folds")
    synthetic.write(DATA, folder / "data")
    (folder / "data" / "tiles").rename(folder / "data" / "images")
    seen: dict[int, set[str]] = defaultdict(set)
    honest = Trainer._step

    def noted(self: Trainer, step: int, drawn: Drawn) -> None:
        assert self.config.fold is not None
        batch = drawn.order[step * self.batch_size : (step + 1) * self.batch_size]
        seen[self.config.fold] |= {self.train_data.ids[index] for index in batch.tolist()}
        honest(self, step, drawn)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_step", noted)
        said = train(folder / "data", folder / "run")
    yield Run(folder / "data", folder / "run", said, seen)


def of_all(out: Path) -> Prediction:
    ids, prediction = Prediction.load(out / PREDICTIONS_OF_ALL)
    assert ids == DATA.ids  # each tile once, in order
    return prediction


def part(prediction: Prediction, chosen: np.ndarray) -> Prediction:
    return Prediction(prediction.probability[chosen], prediction.salt[chosen])


def fold_of_tiles(out: Path) -> np.ndarray:
    with open(out / "split.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == list(DATA.ids)
    return np.array([int(row["fold"]) for row in rows])


def test_every_fold_has_its_folder(run: Run) -> None:
    names = {path.name for path in run.out.iterdir()}
    folders = {f"fold-{fold}" for fold in range(FOLDS)}
    assert names == folders | {PREDICTIONS_OF_ALL, SUBMISSION_OF_ALL, SCORES, "split.csv"}
    splits = {(run.out / name / "split.csv").read_bytes() for name in folders}
    assert splits == {(run.out / "split.csv").read_bytes()}
    np.testing.assert_array_equal(fold_of_tiles(run.out), Split.of(DATA, FOLDS, 0).fold)
    for fold in range(FOLDS):
        assert run.checkpoint(fold).config.fold == fold
        assert f"fold {fold} of 3: 10 tiles to train on, 5 to validate on" in run.said


def test_runs_are_compared_by_masks_that_nothing_was_chosen_for(run: Run) -> None:
    default = evaluate.default_decision(run.checkpoint(0).config.model)
    with Labels(run.out / SUBMISSION_OF_ALL) as rows:
        assert tuple(rows.ids) == DATA.ids
        np.testing.assert_array_equal(rows.masks(DATA.ids), of_all(run.out).masks(default))
        for fold in range(FOLDS):
            with Labels(run.out / f"fold-{fold}" / SUBMISSION) as own:
                near = own.masks(own.ids) != rows.masks(own.ids)
            assert near.mean() < 0.01  # of a fold before it was rounded to half precision


def test_no_tile_is_predicted_by_a_network_that_trained_on_it(run: Run) -> None:
    fold_of, together = fold_of_tiles(run.out), of_all(run.out)
    for fold in range(FOLDS):
        held_out = {name for name, of in zip(DATA.ids, fold_of, strict=True) if of == fold}
        ids, own = Prediction.load(run.out / f"fold-{fold}" / PREDICTIONS)
        assert set(ids) == held_out
        assert run.seen[fold] == set(DATA.ids) - held_out
        # What is kept is what this fold's network says of these tiles, and no other's.
        chosen = fold_of == fold
        for other in range(FOLDS):
            model = checkpoints.build_model(run.checkpoint(other))
            said = evaluate.predict(model, DATA.tiles[chosen], "hflip")
            apart = np.abs(said.probability - together.probability[chosen]).max()
            assert (apart < 1e-3) == (other == fold)
        np.testing.assert_array_equal(own.salt, together.salt[chosen])


def test_each_decision_is_chosen_on_the_other_folds(run: Run) -> None:
    fold_of, together = fold_of_tiles(run.out), of_all(run.out)
    scores = json.loads((run.out / SCORES).read_text())
    per_tile, passed = np.zeros(len(DATA)), np.zeros(len(DATA), dtype=bool)
    for fold in range(FOLDS):
        mine, kept = fold_of == fold, run.checkpoint(fold)
        decision = calibrate.choose(part(together, ~mine), DATA.masks[~mine], Decision())
        assert kept.decision == decision
        with np.load(run.out / f"fold-{fold}" / PREDICTIONS) as content:  # what reports try first
            assert Decision(*(round(float(content[key]), 6) for key in ("threshold", "gate"))) == (
                Decision(round(decision.threshold, 6), round(decision.gate, 6))
            )
        masks = part(together, mine).masks(decision)
        per_tile[mine] = metric.score(DATA.masks[mine], masks).per_tile
        passed[mine] = together.salt[mine] > decision.gate
        assert kept.scores["score"] == scores["score_by_fold"][fold] == per_tile[mine].mean()
        ungated = part(together, mine).masks(Decision(decision.threshold, 0.0))
        assert kept.scores["score_ungated"] == metric.score(DATA.masks[mine], ungated).mean
        assert kept.run is not None  # it can still be resumed
    assert scores["score"] == per_tile.mean()
    assert scores["score_interval"] == list(metric.interval(per_tile))
    assert scores["tiles"] == len(DATA)
    assert scores["false_salt"] == np.count_nonzero(passed & ~DATA.has_salt)
    assert scores["missed_salt"] == np.count_nonzero(~passed & DATA.has_salt)
    assert f"score {scores['score']:.4f}" in run.said
    assert "out of fold on 15 tiles" in run.said
    assert scores["score_of_empty_masks"] == 1 - DATA.has_salt.mean()
    assert f"; {scores['score_of_empty_masks']:.4f} for empty masks; out-of-fold.npz" in run.said
    assert scores["score_interval"][0] <= scores["score_of_empty_masks"]  # after two epochs
    *_, verdict, last = run.said.splitlines()
    assert verdict == (
        "too few tiles (15) to tell whether it is better than empty masks: label more"
    )
    assert last == (
        "all in one file, which has learnt from all 15 tiles: salt-export "
        f"{run.out}/fold-*/last.pth model.onnx"
    )


@pytest.mark.slow
def test_a_lost_fold_is_trained_again_and_no_other(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(run.out, out)
    shutil.rmtree(out / "fold-1")
    with pytest.raises(ConfigError, match=r"fold-0/last\.pth exists; use --resume"):
        train(run.data, out)
    assert not (out / "fold-1" / LAST).exists()
    said = train(run.data, out, "--resume")
    assert said.count("epoch 1/2") == 1
    assert [line for line in said.splitlines() if line.endswith("is finished")] == [
        "fold 0 of 3 is finished",
        "fold 2 of 3 is finished",
    ]
    assert "resuming" not in said
    assert said.count("U-Net") == 1  # the header of the one that was begun
    for name in (SCORES, PREDICTIONS_OF_ALL, "split.csv"):
        assert (out / name).read_bytes() == (run.out / name).read_bytes(), name
    for fold in range(FOLDS):
        again, first = checkpoints.load(out / f"fold-{fold}" / LAST), run.checkpoint(fold)
        assert again.scores == first.scores
        assert again.decision == first.decision
        assert all((again.weights[key] == first.weights[key]).all() for key in first.weights)


def test_folds_of_another_run_are_refused(run: Run) -> None:
    with pytest.raises(CheckpointError, match="seed was 0 and is now 7"):
        train(run.data, run.out, "--resume", "--seed", "7")


def test_a_fold_of_all_is_a_run_of_its_own_too(run: Run) -> None:
    """Its threshold and gate are the other folds', and asking for it again changes nothing."""
    before = (run.out / "fold-1" / LAST).read_bytes()
    said = train(run.data, run.out / "fold-1", "--resume", fold="1")
    assert f"score {run.checkpoint(1).scores['score']:.4f}" in said
    assert "without the gate" in said
    assert "without TTA" not in said
    assert (run.out / "fold-1" / LAST).read_bytes() == before


@pytest.mark.slow
def test_every_fold_starts_from_its_own_weights_or_none_does(run: Run, tmp_path: Path) -> None:
    """Found out before the first fold is trained, and not when its turn comes."""
    one = ("--init-weights", str(run.out / "fold-0" / LAST))
    with pytest.raises(
        DataError,
        match=r"fold-0/last\.pth is a model that has learnt from 5 of the 5 .* by \{fold\}$",
    ):
        train(run.data, tmp_path / "refused", *one)
    assert not list((tmp_path / "refused").rglob("*.pth"))
    train(run.data, tmp_path / "run", "--init-weights", str(run.out / "fold-{fold}" / LAST))
    for fold in range(FOLDS):
        scores = checkpoints.load(tmp_path / "run" / f"fold-{fold}" / LAST).scores
        assert scores["start_sha256"] == run.checkpoint(fold).sha256
    with pytest.raises(CheckpointError, match="has other settings: folds was 3 and is now 4"):
        more = ("--folds", "4", "--init-weights", str(run.out / "fold-{fold}" / LAST))
        resumed(run.data, tmp_path / "run", *more)


@pytest.mark.parametrize(("judge", "default"), [(True, Decision()), (False, NO_JUDGE)])
@pytest.mark.slow
def test_a_folds_own_labels_do_not_choose_for_it(
    tiny_checkpoint: Path, tmp_path: Path, judge: bool, default: Decision
) -> None:
    """The first fold would need a gate that is wrong for the others, and does not get it."""
    masks = np.zeros((60, 101, 101), np.uint8)
    masks[::2, 20:80, 20:80] = 1
    data = Dataset(tuple(f"{n:02d}" for n in range(60)), np.zeros_like(masks), masks)
    has_salt = data.has_salt
    plain = checkpoints.load(tiny_checkpoint)
    model = dataclasses.replace(plain.config.model, judge=judge)
    split, folders = Split.of(data, 3, plain.config.split_seed), []
    for fold in range(3):
        folder = tmp_path / f"fold-{fold}"
        folder.mkdir()
        config = dataclasses.replace(plain.config, fold=fold, folds=3, model=model)
        checkpoints.save(dataclasses.replace(plain, config=config), folder / LAST)
        rows = np.flatnonzero(split.held_out(fold))
        low, high = (0.2, 0.4) if fold == 0 else (0.6, 0.8)
        salt = np.where(has_salt[rows], high, low).astype(np.float32)
        probability = np.zeros((20, 101, 101), np.float32)
        probability[:, 20:80, 20:80] = 0.9
        Prediction(probability, salt).save(folder / PREDICTIONS, [data.ids[row] for row in rows])
        folders.append(folder)
    crossval.combine(tmp_path, folders, data)
    decisions = [checkpoints.load(folder / LAST).decision for folder in folders]
    assert 0.6 <= decisions[0].gate < 0.8  # the others'
    _, prediction = Prediction.load(folders[0] / PREDICTIONS)
    own = calibrate.choose(prediction, data.masks[split.held_out(0)], default)
    assert 0.2 <= own.gate < 0.4
    scores = json.loads((tmp_path / SCORES).read_text())
    assert scores["score_by_fold"][0] == 0.5  # no tile passes: the empty ones are right
    assert scores["missed_salt"] >= 10
    assert decisions[0].threshold == default.threshold


@pytest.mark.slow
def test_what_a_fold_may_have_seen_is_said_of_all(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(run.out, out)
    folders = [out / f"fold-{fold}" for fold in range(FOLDS)]
    assert "may have seen" not in crossval.combine(out, folders, DATA)
    assert shipped.MAY_HAVE_SEEN not in json.loads((out / SCORES).read_text())
    one = checkpoints.load(folders[1] / LAST)
    seen = dataclasses.replace(one, scores=one.scores | {shipped.MAY_HAVE_SEEN: True})
    checkpoints.save(seen, folders[1] / LAST)
    said = crossval.combine(out, folders, DATA)
    assert "with flip TTA, whose tiles the weights it started from or what labelled for it" in said
    assert json.loads((out / SCORES).read_text())[shipped.MAY_HAVE_SEEN] is True


@pytest.mark.slow
def test_predictions_that_are_not_a_folds_own_are_refused(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(run.out, out)
    path, others = out / "fold-0" / PREDICTIONS, out / "fold-2" / PREDICTIONS
    again = rf"; remove {out / 'fold-0' / LAST} and --resume to train that fold again$"
    path.write_bytes(others.read_bytes())
    with pytest.raises(CheckpointError, match=f"npz is of other tiles than .*{again}"):
        train(run.data, out, "--resume")
    folders = [out / f"fold-{fold}" for fold in range(FOLDS)]
    for damaged in (b"", others.read_bytes()[:5000]):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=f"npz cannot be read .*{again}"):
            crossval.combine(out, folders, DATA)
    path.unlink()
    with pytest.raises(CheckpointError, match=rf"\(No such file or directory\){again}"):
        crossval.combine(out, folders, DATA)
    (out / "fold-0" / LAST).unlink()
    train(run.data, out, "--resume")
    assert (out / SCORES).read_bytes() == (run.out / SCORES).read_bytes()
