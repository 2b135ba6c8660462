from __future__ import annotations

import functools
import re
import sys
from io import StringIO
from pathlib import Path

import pytest
import torch

from salt_train import synthetic
from salt_train.training.run_options import RunOptions
from salt_train.training.step_monitor import telling
from salt_train.training.trainer import Trainer
from tests.conftest import tiny_config

CONFIG = tiny_config(3)
FEW = synthetic.draw(12, seed=2)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("progress", "terminal", "shown"),
    [
        (None, True, True), (None, False, False), (True, False, True), (False, True, False),
    ],
)  # fmt: skip
def test_bars_are_shown_on_terminals_or_as_asked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    progress: bool | None,
    terminal: bool,
    shown: bool,
) -> None:
    trainer = Trainer(CONFIG, RunOptions(tmp_path, progress=progress), FEW)
    screen = Terminal() if terminal else StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    assert list(trainer._shown(range(3))) == [0, 1, 2]
    assert ("epoch 1/3" in screen.getvalue()) == shown


@pytest.mark.parametrize("progress", [None, False])
def test_without_a_terminal_a_long_epoch_says_how_it_goes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    progress: bool | None,
) -> None:
    always = functools.partial(telling, every_s=0.0)
    monkeypatch.setattr("salt_train.training.epoch_progress.telling", always)
    trainer = Trainer(CONFIG, RunOptions(tmp_path, progress=progress), FEW)
    for step in trainer._shown(range(3)):
        if step:  # the first one's is not read yet, as on a GPU
            value = torch.tensor(float(step))
            trainer.learner.watch.see(value, value, value)
    said = re.sub(r"[\d.]+ tiles/s", "N tiles/s", capsys.readouterr().out).splitlines()
    steps = trainer.steps_per_epoch
    expected = [
        f"epoch 1/3, step 1/{steps}: N tiles/s",
        f"epoch 1/3, step 2/{steps}: bce loss 1.0000, N tiles/s",
    ]
    assert said == ([] if progress is False else expected)
