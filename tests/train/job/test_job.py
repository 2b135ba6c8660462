from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salt_infer.data import cut_tiles
from salt_infer.errors import InputError, OutputInUseError, PackageError, SaltError
from salt_infer.system.output_locks import writing
from salt_train import synthetic
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints import weights
from salt_train.data import dataset, folds, split_table
from salt_train.data.folds import Split
from salt_train.data.split_table import SplitTable
from salt_train.errors import CheckpointError, ConfigError, DataError
from salt_train.job import job
from salt_train.job.job import Job
from salt_train.scoring.evaluate import Decision, Prediction
from salt_train.scoring.verdict import beside_empty_masks
from salt_train.settings.config import IMAGENET, TrainConfig
from salt_train.settings.model_config import ModelConfig
from salt_train.training.keeper import LAST
from salt_train.training.run_options import RunOptions
from salt_train.training.trainer import Trainer
from tests import drawing, pngs
from tests.conftest import tiny_config

CONFIG = dataclasses.replace(tiny_config(2), folds=3, fold=1, batch_size=5, recipe="tiny")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    synthetic.write(drawing.draw(15, seed=3), folder)
    (folder / "tiles").rename(folder / "images")
    return folder


def asked(data: Path, out: Path, **changes: object) -> tuple[Job, list[str]]:
    said: list[str] = []
    wanted = Job(data, CONFIG, RunOptions(out, progress=False), say=said.append)
    return dataclasses.replace(wanted, **changes), said  # type: ignore[arg-type]


def test_one_fold(data: Path, tmp_path: Path) -> None:
    wanted, said = asked(data, tmp_path / "deep" / "run")
    result = job.run(wanted)
    assert said == [
        f"tiny: {CONFIG.model.architecture}\nfold 1 of 3: 10 tiles to train on, 5 to validate on"
    ]
    last = tmp_path / "deep" / "run" / LAST
    checkpoint = checkpoints.load(last)
    scores = checkpoint.scores
    assert result.startswith(f"{last}: epoch 2, score {scores['score']:.4f} (")
    assert "on fold 1 of 3 with flip TTA" in result
    assert f"{scores['score_of_empty_masks']:.4f} for empty masks" in result
    assert f"threshold {checkpoint.decision.threshold:g}, gate" in result
    assert result.splitlines()[2:] == beside_empty_masks(scores) != []
    again, said = asked(data, tmp_path / "deep" / "run", resume=True)
    assert job.run(again) == result
    assert said == ["fold 1 of 3 is finished"]
    other = dataclasses.replace(again, config=dataclasses.replace(CONFIG, fold=2))
    with pytest.raises(CheckpointError, match="fold was 1 and is now 2"):
        job.run(other)
    renamed = dataclasses.replace(again, config=dataclasses.replace(CONFIG, recipe="small"))
    assert job.run(renamed) == result
    assert checkpoints.load(last).sha256 == checkpoint.sha256


def interrupt(monkeypatch: pytest.MonkeyPatch, when: Callable[[Trainer], bool]) -> None:
    """Ctrl-C as an epoch is to be saved."""
    save = Trainer._save

    def once(self: Trainer, row: dict[str, Any]) -> None:
        if when(self):
            raise KeyboardInterrupt
        save(self, row)

    monkeypatch.setattr(Trainer, "_save", once)


@pytest.mark.slow
def test_interrupted_it_says_how_to_go_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(monkeypatch, lambda trainer: True)
    wanted, said = asked(data, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        job.run(wanted)
    assert said[-1] == "no epoch was finished, and nothing of it is kept"
    monkeypatch.undo()
    interrupt(monkeypatch, lambda trainer: trainer.epoch == 2)
    wanted, said = asked(data, tmp_path, resume=True)
    with pytest.raises(KeyboardInterrupt):
        job.run(wanted)
    first, _, last = said
    assert first == f"nothing to resume in {tmp_path}; beginning anew"
    assert last == f"{tmp_path / LAST} has 1 of 2 epochs; --resume goes on from there"
    monkeypatch.undo()
    wanted, said = asked(data, tmp_path, resume=True)
    assert "epoch 2, score" in job.run(wanted)
    assert len(said) == 1
    assert said[0].endswith("resuming after epoch 1")


@pytest.mark.slow
def test_interrupted_before_a_later_folds_checkpoint_it_says_so_too(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(monkeypatch, lambda trainer: trainer.config.fold == 1)
    wanted, said = asked(data, tmp_path, every_fold=True)
    with pytest.raises(KeyboardInterrupt):
        job.run(wanted)
    assert said[-1] == f"{tmp_path} has 1 of 3 folds; --resume goes on from there"


@pytest.mark.slow
def test_and_after_one_it_says_both(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(monkeypatch, lambda trainer: trainer.config.fold == 1 and trainer.epoch == 2)
    wanted, said = asked(data, tmp_path, every_fold=True)
    with pytest.raises(KeyboardInterrupt):
        job.run(wanted)
    fold = tmp_path / folds.folder(1) / LAST
    both = f"{tmp_path} has 1 of 3 folds and {fold} has 1 of 2 epochs"
    assert said[-1] == f"{both}; --resume goes on from there"


@pytest.mark.slow
def test_validation_tiles_that_are_trained_on_are_told_of(tmp_path: Path) -> None:
    """Twins of tiles on both sides of the split, with a picture or without."""
    drawn = drawing.draw(15, seed=3)
    held_out = np.flatnonzero(Split.of(drawn, 3, 0).fold == 1)
    trained = np.flatnonzero(Split.of(drawn, 3, 0).fold != 1)
    assert len(held_out) == 5
    drawn.tiles[held_out[:4]] = drawn.tiles[trained[0]]
    drawn.tiles[held_out[:2]] = drawn.tiles[trained[1:3]] = 0
    synthetic.write(drawn, tmp_path)
    (tmp_path / "tiles").rename(tmp_path / "images")
    wanted, said = asked(tmp_path, tmp_path / "run")
    job.run(wanted)
    pictures, blank = (
        [drawn.ids[index] for index in some] for some in (held_out[2:4], held_out[:2])
    )
    assert said[0].splitlines()[2:] == [
        "warning: validation tiles with the pixels of a training tile: 4 of 5, of one grey value: "
        f"2 ({', '.join(pictures)}, {blank[0]} and 1 more); the score takes them for unseen"
    ]


def dealt(folder: Path, folds_of: list[int | str]) -> SplitTable:
    """The 15 tiles in these folds, in their order."""
    pairs = zip(drawing.draw(15, seed=3).ids, folds_of, strict=True)
    rows = "".join(f"{name},{fold}\n" for name, fold in pairs)
    (folder / "s.csv").write_text(f"id,fold\n{rows}")
    return split_table.read(folder / "s.csv")


@pytest.mark.slow
def test_a_table_deals_the_tiles(data: Path, tmp_path: Path) -> None:
    """And is needed to go on: dealt otherwise, other tiles would be held out."""
    table = dealt(tmp_path, [0] * 4 + [1] * 11)
    config = dataclasses.replace(CONFIG, fold=0, folds=table.folds)
    wanted, said = asked(data, tmp_path / "run", config=config, split=table)
    job.run(wanted)
    assert not any("left out" in line for line in said)
    assert "fold 0 of 2: 11 tiles to train on, 4 to validate on" in said[-1]
    held_out, _ = Prediction.load(tmp_path / "run" / "validation.npz")
    assert held_out == drawing.draw(15, seed=3).ids[:4]
    again, said = asked(data, tmp_path / "run", config=config, split=table, resume=True)
    job.run(again)
    assert said == ["fold 0 of 2 is finished"]
    without, _ = asked(data, tmp_path / "run", config=config, resume=True)
    with pytest.raises(CheckpointError, match="with the --split that it had, if any"):
        job.run(without)


@pytest.mark.slow
def test_a_table_leaves_tiles_out(data: Path, tmp_path: Path) -> None:
    table = dealt(tmp_path, [0] * 4 + [1] * 6 + [""] * 5)
    config = dataclasses.replace(CONFIG, fold=0, folds=table.folds)
    wanted, said = asked(data, tmp_path / "run", config=config, split=table)
    job.run(wanted)
    assert said[0] == "tiles that --split gives no fold, left out: 5 of 15"
    assert "fold 0 of 2: 6 tiles to train on, 4 to validate on" in said[-1]
    learnt = checkpoints.load(tmp_path / "run" / LAST).learnt
    tiles = dataset.load(data).tiles
    assert learnt.among(tiles)[4:10].any()
    assert not learnt.among(tiles)[10:].any()


@pytest.mark.slow
def test_tiles_that_were_cut_out_of_lines_are_told_of_where_some_are_held_out(
    data: Path, tmp_path: Path
) -> None:
    shutil.copytree(data, tmp_path / "cut")
    ids = drawing.draw(15, seed=3).ids
    rows = [f"{name},100,0,0,normal,0.5\n" for name in ids[:12]]
    table = tmp_path / "cut" / cut_tiles.TABLE
    table.write_text(f"{','.join(cut_tiles.COLUMNS)}\n{''.join(rows)}")
    wanted, said = asked(tmp_path / "cut", tmp_path / "run")
    job.run(wanted)
    assert said[0].startswith(
        "warning: 12 of these tiles are cut out of line synthetic and overlap, so that those held"
    )
    wanted, said = asked(tmp_path / "cut", tmp_path / "all", config=ALL)
    job.run(wanted)
    assert not any("cut out of" in line for line in said)


@pytest.mark.slow
def test_with_nothing_to_resume_a_run_begins(data: Path, tmp_path: Path) -> None:
    wanted, said = asked(data, tmp_path / "run", resume=True)
    job.run(wanted)
    assert "resuming" not in said[0]


def test_a_run_that_is_there_is_found_before_the_data_is_read(tmp_path: Path) -> None:
    """Of any fold, before the first is trained for hours."""
    wanted, said = asked(tmp_path / "nothing", tmp_path, every_fold=True)
    (tmp_path / "fold-2").mkdir()
    (tmp_path / "fold-2" / LAST).write_bytes(b"")
    with pytest.raises(ConfigError, match=r"fold-2/last\.pth exists; use --resume to go on with"):
        job.run(wanted)
    with pytest.raises(InputError, match="no training data"):
        job.run(dataclasses.replace(wanted, resume=True))
    assert said == []


def test_weights_that_are_not_installed_are_missed_before_the_data_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is a folder made; a run that has begun needs them no more."""
    lite = dataclasses.replace(CONFIG.model, encoder="efficientnet-lite0")
    absent = dataclasses.replace(weights.PACKAGED[lite.encoder], package="no_such_package")
    monkeypatch.setitem(weights.PACKAGED, lite.encoder, absent)
    config = dataclasses.replace(CONFIG, model=lite, encoder_weights=IMAGENET)
    run = tmp_path / "run"
    for every_fold, folder in ((False, run), (True, run / "fold-2")):
        wanted, _ = asked(tmp_path / "no", run, config=config, resume=True, every_fold=every_fold)
        with pytest.raises(PackageError, match="these are not installed; pip install"):
            job.run(wanted)
        assert not folder.exists()
    run.mkdir()
    (run / LAST).write_bytes(b"")
    wanted, _ = asked(tmp_path / "no", run, config=config, resume=True)
    with pytest.raises(InputError, match="no training data"):
        job.run(wanted)


def test_a_folder_that_cannot_be_made(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    wanted, _ = asked(data, tmp_path / "run")
    with pytest.raises(ConfigError, match=r"run cannot be made \(File exists\)"):
        job.run(wanted)
    below, _ = asked(data, tmp_path / "run" / "below")
    with pytest.raises(ConfigError, match=r"below cannot be made \(Not a directory\)"):
        job.run(below)


@pytest.mark.parametrize("every_fold", [False, True])
@pytest.mark.parametrize("missing", ["data", "start"])
def test_a_refused_run_leaves_nothing(
    data: Path, tmp_path: Path, missing: str, every_fold: bool
) -> None:
    """Neither folders nor a split, whether it is refused at once or as training begins."""
    (tmp_path / "there").mkdir()
    config = dataclasses.replace(CONFIG, init_weights=str(tmp_path / "none.pth"))
    changes = {"config": config} if missing == "start" else {}
    tiles = data if missing == "start" else tmp_path / "none"
    for out in (tmp_path / "deep" / "run", tmp_path / "there"):
        with pytest.raises(SaltError, match="none"):
            job.run(asked(tiles, out, every_fold=every_fold, **changes)[0])
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize(("theirs", "every_fold"), [("", False), ("", True), ("fold-2", True)])
def test_two_runs_do_not_write_to_one_folder(
    data: Path, tmp_path: Path, theirs: str, every_fold: bool, resume: bool
) -> None:
    (tmp_path / theirs).mkdir(exist_ok=True)
    wanted, said = asked(data, tmp_path, every_fold=every_fold, resume=resume)
    with (
        writing(tmp_path / theirs),
        pytest.raises(OutputInUseError, match=f"another run writes to {tmp_path / theirs}; wait"),
    ):
        job.run(wanted)
    assert said == []
    assert not list(tmp_path.rglob("*.pth"))


@pytest.mark.slow
def test_a_run_holds_its_folder_and_leaves_no_lock(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Trainer._save

    def seen(self: Trainer, row: dict[str, Any]) -> None:
        with pytest.raises(OutputInUseError), writing(tmp_path):
            pass
        save(self, row)

    monkeypatch.setattr(Trainer, "_save", seen)
    job.run(asked(data, tmp_path)[0])
    assert not (tmp_path / ".lock").exists()


@pytest.mark.slow
def test_what_a_killed_run_had_saved_in_part_is_removed(data: Path, tmp_path: Path) -> None:
    mine = ("last.pth", "snapshot-1.pth", "validation.npz", "validation.csv", "settings.json")
    others = {tmp_path / ".submission.csv.7.tmp", tmp_path / ".model.onnx.7.tmp"}
    for path in {tmp_path / f".{name}.7.tmp" for name in mine} | others:
        path.write_bytes(b"half")
    job.run(asked(data, tmp_path)[0])
    assert set(tmp_path.glob(".*")) == others  # which another command may be writing


def test_a_folder_that_is_not_writable_is_told_as_such(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write everywhere: the question is answered as another user's is."""
    honest = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path) != tmp_path and honest(path, mode)
    )
    with pytest.raises(ConfigError, match="is not writable; give another --out"):
        job.run(asked(data, tmp_path)[0])
    assert list(tmp_path.iterdir()) == []


def warned(tmp_path: Path, masks: np.ndarray, **changes: object) -> list[str]:
    """Warnings of a run on 15 tiles with such masks, as far as masks go."""
    drawn = drawing.draw(15, seed=3)
    drawn.masks[:] = masks
    synthetic.write(drawn, tmp_path)
    (tmp_path / "tiles").rename(tmp_path / "images")
    wanted, said = asked(tmp_path, tmp_path / "run", **changes)
    job.run(wanted)
    return said[0].splitlines()[2:]


@pytest.mark.slow
def test_masks_that_are_all_of_one_side_are_warned_of(tmp_path: Path) -> None:
    [line] = warned(tmp_path, np.zeros((15, 101, 101), np.uint8))
    assert line == (
        "warning: no mask has salt (15); are these the masks of the tiles, and is salt above 0 in "
        "them?"
    )


@pytest.mark.slow
def test_of_each_part_too(tmp_path: Path) -> None:
    """One tile with salt and without: the split cannot put it on both sides."""
    masks = np.zeros((15, 101, 101), np.uint8)
    classes = np.array([9] + [0] * 14)
    drawn = drawing.draw(15, seed=3)
    fold = folds.assign(drawn.ids, classes, CONFIG.folds, 0)
    masks[0, :80] = 1
    config = dataclasses.replace(CONFIG, fold=int((fold[0] + 1) % 3))
    [line] = warned(tmp_path, masks, config=config)
    assert line.startswith("warning: no mask has salt of the tiles to validate on (5); are")


ALL = dataclasses.replace(CONFIG, fold=None, folds=1)


@pytest.mark.slow
def test_every_tile_can_be_trained_on(data: Path, tmp_path: Path) -> None:
    """No score that could be taken for one of unseen tiles, anywhere."""
    wanted, said = asked(data, tmp_path, config=ALL)
    result = job.run(wanted)
    assert said == [
        f"tiny: {CONFIG.model.architecture}\n"
        "every tile: 15 tiles to train on, none held out to validate on"
    ]
    checkpoint = checkpoints.load(tmp_path / LAST)
    seen = checkpoint.scores["score_of_seen_tiles"]
    assert not [
        name
        for name in checkpoint.scores
        if name.startswith("score") and name not in ("score_of_seen_tiles", "score_of_empty_masks")
    ]
    assert checkpoint.scores["fold"] is None
    assert checkpoint.config.fold is None
    assert checkpoint.decision == Decision()
    assert not [row for row in checkpoint.history if "score" in row]
    assert result.startswith(
        f"{tmp_path / LAST}: epoch 2, trained on every tile; score of seen tiles {seen:.4f} with "
        "flip TTA, which says nothing of others\n"
    )
    assert result.splitlines()[2:] == beside_empty_masks(checkpoint.scores)
    names = {path.name for path in tmp_path.iterdir()}
    assert names.isdisjoint({"best.pth", "validation.npz", "validation.csv", "split.csv"})
    again, said = asked(data, tmp_path, config=ALL, resume=True)
    assert job.run(again) == result
    assert said == ["training on every tile is finished"]
    # All of them were learnt of: a network of 14 tiles differs.
    held_out, _ = asked(data, tmp_path / "other", config=dataclasses.replace(CONFIG, fold=0))
    job.run(held_out)
    other = checkpoints.load(tmp_path / "other" / LAST)
    assert any((other.weights[name] != value).any() for name, value in checkpoint.weights.items())


@pytest.mark.slow
def test_what_saw_every_tile_is_no_start_for_a_run_that_validates(
    data: Path, tmp_path: Path
) -> None:
    job.run(asked(data, tmp_path / "all", config=ALL)[0])
    start = str(tmp_path / "all" / LAST)
    wanted, _ = asked(
        data, tmp_path / "one", config=dataclasses.replace(CONFIG, init_weights=start)
    )
    with pytest.raises(DataError, match="has learnt from 5 of the 5 tiles that this run holds out"):
        job.run(wanted)
    named = str(tmp_path / "{fold}" / LAST)
    (tmp_path / "all").rename(tmp_path / "none")
    config = dataclasses.replace(ALL, init_weights=named)
    job.run(asked(data, tmp_path / "more", config=config)[0])  # nothing is held out from it


LITE = dataclasses.replace(CONFIG, model=ModelConfig(encoder="efficientnet-lite0"))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (dataclasses.replace(CONFIG, init_weights="default"), "starts from the shipped network"),
        (
            dataclasses.replace(CONFIG, init_weights="a/fold-{fold}.pth"),
            "starts from a/fold-1.pth",
        ),
        (
            dataclasses.replace(LITE, encoder_weights=IMAGENET),
            "the encoder starts from ImageNet's weights",
        ),
        (dataclasses.replace(CONFIG, encoder_weights="b.pth"), "the encoder starts from b.pth"),
    ],
)
def test_what_it_starts_from_is_said_first(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: TrainConfig, said: str
) -> None:
    monkeypatch.setattr(Trainer, "run", lambda trainer: pytest.exit("begun"))
    wanted, lines = asked(data, tmp_path, config=config)
    with pytest.raises(pytest.exit.Exception):
        job.run(wanted)
    assert lines[0].splitlines()[2] == said


@pytest.mark.slow
def test_tiles_taken_for_empty_are_counted(tmp_path: Path) -> None:
    drawn = drawing.draw(15, seed=3)
    synthetic.write(drawn, tmp_path)
    (tmp_path / "tiles").rename(tmp_path / "images")
    for name in drawn.ids[:4]:
        (tmp_path / "masks" / f"{name}.png").unlink()
    wanted, said = asked(tmp_path, tmp_path / "run", missing_as_empty=True)
    job.run(wanted)
    assert said[0] == "tiles without a label, taken for tiles without salt: 4 of 15"


def test_one_fold_and_all_do_not_share_a_folder(data: Path, tmp_path: Path) -> None:
    (tmp_path / LAST).write_bytes(b"of one fold")
    for resume in (False, True):
        wanted, _ = asked(data, tmp_path, every_fold=True, resume=resume)
        with pytest.raises(ConfigError, match="holds a run of one fold; give --fold all an --out"):
            job.run(wanted)
        assert not (tmp_path / "fold-0").exists()
    (tmp_path / LAST).unlink()
    (tmp_path / "fold-0").mkdir()
    with pytest.raises(ConfigError, match="holds a run of --fold all"):
        job.run(asked(data, tmp_path)[0])


@pytest.mark.slow
def test_tiles_that_can_hardly_be_meant_are_told_of(tmp_path: Path) -> None:
    """16-bit ones that were never stretched."""
    drawn = drawing.draw(15, seed=3)
    synthetic.write(drawn, tmp_path)
    (tmp_path / "tiles").rename(tmp_path / "images")
    for name, tile in zip(drawn.ids[:4], drawn.tiles, strict=False):
        rows = [row.astype(">u2").tobytes() for row in tile]
        (tmp_path / "images" / f"{name}.png").write_bytes(pngs.png(16, 0, rows))
    wanted, said = asked(tmp_path, tmp_path / "run")
    job.run(wanted)
    assert said[0] == (
        "warning: 4 of 15 tiles are 16-bit, with at most 1/16 of the range in use: "
        "stretched to 0..65535? (synthetic-00000, synthetic-00001, synthetic-00002 and 1 more)"
    )
