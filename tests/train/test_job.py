from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salt_infer.errors import InputError
from salt_train import checkpoint as checkpoints
from salt_train import job, synthetic
from salt_train.errors import CheckpointError, ConfigError
from salt_train.folds import Split
from salt_train.job import Job
from salt_train.loop import LAST, RunOptions, Trainer
from tests.conftest import tiny_config

CONFIG = dataclasses.replace(tiny_config(2), folds=3, fold=1, batch_size=5, recipe="tiny")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    synthetic.write(synthetic.draw(15, seed=3), folder)
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
    again, said = asked(data, tmp_path / "deep" / "run", resume=True)
    assert job.run(again) == result
    assert said[0].endswith("to validate on; resuming after epoch 2")
    other = dataclasses.replace(again, config=dataclasses.replace(CONFIG, fold=2))
    with pytest.raises(CheckpointError, match="fold was 1 and is now 2"):
        job.run(other)
    assert checkpoints.load(last).sha256 == checkpoint.sha256


def test_interrupted_it_says_how_to_go_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Trainer._save

    def once(self: Trainer, row: dict[str, Any]) -> None:
        if self.epoch == 2:
            raise KeyboardInterrupt
        save(self, row)

    monkeypatch.setattr(Trainer, "_save", once)
    wanted, said = asked(data, tmp_path, resume=True)
    with pytest.raises(KeyboardInterrupt):
        job.run(wanted)
    first, _, last = said
    assert first == f"nothing to resume in {tmp_path}; beginning anew"
    assert last == (
        f"{tmp_path / LAST} has 1 of the 2 epochs that are done; --resume goes on from there"
    )
    monkeypatch.undo()
    wanted, said = asked(data, tmp_path, resume=True)
    assert "epoch 2, score" in job.run(wanted)
    assert len(said) == 1
    assert said[0].endswith("resuming after epoch 1")


def test_validation_tiles_that_are_trained_on_are_told_of(tmp_path: Path) -> None:
    """Twins of tiles on both sides of the split, with a picture or without."""
    drawn = synthetic.draw(15, seed=3)
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


def test_a_folder_that_cannot_be_made(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    wanted, _ = asked(data, tmp_path / "run")
    with pytest.raises(ConfigError, match=r"run cannot be made \(File exists\)"):
        job.run(wanted)
    below, _ = asked(data, tmp_path / "run" / "below")
    with pytest.raises(ConfigError, match=r"below cannot be made \(Not a directory\)"):
        job.run(below)
