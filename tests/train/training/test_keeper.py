from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.training import keeper
from salt_train.training.keeper import BEST, LAST, Keeper
from tests import drawing
from tests.conftest import tiny_config

DATA = drawing.draw(8, seed=2)
TRAIN, HELD_OUT = (DATA.subset(DATA.has_salt == each) for each in (True, False))


def plain(epoch: int, weights: torch.Tensor) -> Checkpoint:
    return Checkpoint(
        tiny_config(3), epoch, {"score_in_training": 0.1}, {"w": weights}, learnt=TRAIN.learnt
    )


def test_the_best_epoch_is_kept_as_it_was(tmp_path: Path) -> None:
    """Training goes on in the same memory, and the epoch is written later."""
    kept, weights = Keeper(tmp_path, 60.0), torch.zeros(3)
    kept.choose(plain(1, weights), 0.5, HELD_OUT.learnt)
    weights += 1
    kept.choose(plain(2, weights), 0.5, HELD_OUT.learnt)  # no better
    assert not list(tmp_path.iterdir())
    kept.save(plain(2, weights), {"step": 7})
    best, last = (checkpoints.load(tmp_path / name) for name in (BEST, LAST))
    assert (best.epoch, best.weights["w"].tolist(), best.run) == (1, [0.0] * 3, None)
    assert best.scores["selected_on_its_own_fold"] is True
    assert best.learnt.to_text() == TRAIN.learnt.joined(HELD_OUT.learnt).to_text()
    assert (last.epoch, last.weights["w"].tolist(), last.run) == (2, [1.0] * 3, {"step": 7})
    assert last.learnt.to_text() == TRAIN.learnt.to_text()
    assert (kept.saved, kept.best) == (2, 0.5)
    (tmp_path / BEST).unlink()
    kept.save(plain(3, weights), {})
    assert not (tmp_path / BEST).exists()  # the same one is not written twice


def test_epochs_are_written_when_so_much_time_has_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    # Not of the module itself: a server of other tests would set its next alarm by this clock.
    monkeypatch.setattr(keeper, "time", SimpleNamespace(monotonic=lambda: now[0]))
    kept = Keeper(tmp_path, 60.0)
    assert kept.is_due(last_epoch=False)  # the first
    kept.save(plain(1, torch.zeros(1)), {})
    now[0] += 59.0
    assert not kept.is_due(last_epoch=False)
    assert kept.is_due(last_epoch=True)
    now[0] += 1.0
    assert kept.is_due(last_epoch=False)


def test_a_run_that_goes_on_knows_its_best_score(tmp_path: Path) -> None:
    rows = ({"epoch": 1, "score": 0.4}, {"epoch": 2}, {"epoch": 3, "score": 0.3})
    last = Checkpoint(tiny_config(4), 3, {}, {}, history=rows)
    kept = Keeper(tmp_path, 60.0)
    kept.resume(last)
    assert (kept.saved, kept.best) == (3, 0.4)
    kept.choose(plain(4, torch.zeros(1)), 0.4, HELD_OUT.learnt)
    kept.save(plain(4, torch.zeros(1)), {})
    assert not (tmp_path / BEST).exists()
