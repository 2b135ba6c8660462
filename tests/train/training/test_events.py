from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from salt_train.training.events import TENSORBOARD, Events
from salt_train.training.keeper import LAST
from salt_train.training.run_options import RunOptions
from salt_train.training.trainer import Trainer
from tests import drawing
from tests.conftest import tiny_config
from tests.train.training.test_history import events


def test_the_first_step_of_a_process_ends_what_others_wrote(tmp_path: Path) -> None:
    first, second, third = (Events(tmp_path) for _ in range(3))
    for step in range(1, 5):
        first.add(step, {"loss": float(step)})
    second.add(3, {"loss": 30.0})
    third.add(4, {"loss": 400.0, "score": 1})
    assert events(tmp_path) == {"loss": {1: 1, 2: 2, 3: 30, 4: 400}, "score": {4: 1}}
    assert len(list((tmp_path / TENSORBOARD).iterdir())) == 3


def test_a_folder_that_goes_is_told_of_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kept = Events(tmp_path)
    kept.add(1, {"loss": 1.0})
    shutil.rmtree(tmp_path / TENSORBOARD)
    for step in (2, 3):
        kept.add(step, {"loss": 1.0})
    assert list(tmp_path.iterdir()) == []
    said = "cannot be written (No such file or directory); no more events there\n"
    assert capfd.readouterr() == (f"warning: {tmp_path / TENSORBOARD} {said}", "")


@pytest.mark.slow
def test_a_run_does_without_them(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / TENSORBOARD).write_text("not a folder")
    Trainer(tiny_config(1), RunOptions(tmp_path, progress=False), drawing.draw(40, seed=2)).run()
    assert (tmp_path / LAST).exists()
    out, errors = capfd.readouterr()
    assert out.count("cannot be written (File exists)") == 1
    assert "Traceback" not in errors
