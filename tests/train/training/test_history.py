from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.training import history
from salt_train.training.events import TENSORBOARD
from salt_train.training.history import CURVES, DRAW_EVERY, METRICS, History, Row
from salt_train.training.keeper import LAST
from salt_train.training.run_options import RunOptions
from salt_train.training.trainer import Trainer
from tests import drawing
from tests.train.settings.test_recipes import shrunk


def row(epoch: int, loss: float = 1.0, score: float | None = 0.5) -> Row:
    measured = {} if score is None else {"score": score, "false_salt": 3}
    return {
        "epoch": epoch,
        "loss_name": "bce" if epoch < 3 else "lovasz",
        "loss": loss,
        "tiles_per_s": 12.34,
        "learning_rate": 1e-3 / epoch,
        "seconds": 61.2,
        **measured,
    }


def events(out: Path) -> dict[str, dict[int, float]]:
    """Each curve's value at each step, as TensorBoard shows them."""
    accumulator = EventAccumulator(str(out / TENSORBOARD))
    accumulator.Reload()
    curves = {}
    for name in accumulator.Tags()["scalars"]:
        points = [(event.step, event.value) for event in accumulator.Scalars(name)]
        assert len(dict(points)) == len(points), f"{name} has a step twice"
        curves[name] = dict(points)
    return curves


def lines(out: Path) -> list[Row]:
    return [json.loads(text) for text in (out / METRICS).read_text().splitlines()]


def test_an_epoch_is_a_line_and_a_point_on_every_curve(tmp_path: Path) -> None:
    told = History(tmp_path)
    rows = [row(1, 0.5, None), row(2, 0.25), row(3, 0.125, 0.75)]
    for number, each in enumerate(rows, start=1):
        told.add(each)
        assert lines(tmp_path) == rows[:number]  # at once, for who looks on
    assert told.rows == rows
    curves = events(tmp_path)  # while the run goes on
    assert curves["loss"] == {1: 0.5, 2: 0.25, 3: 0.125}
    assert curves["score"] == {2: 0.5, 3: 0.75}
    assert curves["false_salt"] == {2: 3.0, 3: 3.0}
    assert curves["learning_rate"] == pytest.approx({1: 1e-3, 2: 5e-4, 3: 1e-3 / 3})
    assert curves.keys() == set(rows[1]) - {"epoch", "loss_name"}
    told.draw()
    assert events(tmp_path) == curves


def test_an_epoch_run_again_takes_the_place_of_the_lost_one(tmp_path: Path) -> None:
    """A run killed after epoch 3 was noted but before its checkpoint was written."""
    lost = History(tmp_path)
    for each in (row(1, 1.0), row(2, 2.0), row(3, 3.0)):
        lost.add(each)
    again = History(tmp_path)
    again.rows = [row(1, 1.0), row(2, 2.0)]
    for each in (row(3, 30.0), row(4, 40.0)):
        again.add(each)
    assert events(tmp_path)["loss"] == {1: 1.0, 2: 2.0, 3: 30.0, 4: 40.0}
    assert [each["loss"] for each in lines(tmp_path)] == [1.0, 2.0, 30.0, 40.0]


def test_curves_are_drawn_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    told = History(tmp_path)
    for epoch in range(1, DRAW_EVERY):
        told.add(row(epoch))
    told.refresh()
    assert not (tmp_path / CURVES).exists()
    told.add(row(DRAW_EVERY))
    told.refresh()
    first = (tmp_path / CURVES).read_bytes()
    told.add(row(DRAW_EVERY + 1, loss=9.0))
    told.refresh()
    assert (tmp_path / CURVES).read_bytes() == first
    told.draw()
    assert (tmp_path / CURVES).read_bytes() != first
    with Image.open(tmp_path / CURVES) as picture:
        assert picture.format == "PNG"
        assert picture.size == (800, 900)
        grey = np.asarray(picture.convert("L"))
    for panel in np.array_split(grey, 3):
        assert np.count_nonzero(panel < 250) > 2000  # axes, labels and a curve in each
    assert not list(tmp_path.glob(".*"))


def test_curves_need_no_scores() -> None:
    bare = history.curves([row(1, score=None), row(2, score=None)])
    assert bare.startswith(b"\x89PNG")
    assert bare != history.curves([row(1, score=None), row(2)])


def test_a_line_for_people() -> None:
    assert history.line(row(2, 0.12345), 40) == (
        "epoch 2/40: bce loss 0.1235, score 0.5000 without TTA, 12.3 tiles/s, 61 s"
    )
    assert history.line(row(3, 2.0, None), 3) == "epoch 3/3: lovasz loss 2.0000, 12.3 tiles/s, 61 s"


@pytest.mark.slow
def test_a_resumed_runs_history_has_every_epoch_once(tmp_path: Path) -> None:
    config, data = shrunk("baseline", "stages.0.epochs=3"), drawing.draw(12, seed=2)
    options = RunOptions(tmp_path, progress=False)

    class Killed(Trainer):
        def _save(self, row: Row) -> None:
            if self.epoch == 2:  # noted, but not saved
                self.history.add(row)
                raise KeyboardInterrupt
            super()._save(row)

    with pytest.raises(KeyboardInterrupt):
        Killed(config, options, data).run()
    assert sorted(events(tmp_path)["loss"]) == [1, 2]
    resumed = Trainer(config, options, data)
    resumed.resume(checkpoints.load(tmp_path / LAST))
    assert resumed.epoch == 1
    final = resumed.run()
    assert lines(tmp_path) == list(final.history)
    curves = events(tmp_path)
    for name in ("loss", "score", "learning_rate", "tiles_per_s"):
        assert sorted(curves[name]) == [1, 2, 3]
        expected = [each[name] for each in final.history]
        assert [curves[name][step] for step in (1, 2, 3)] == pytest.approx(expected)
    with Image.open(tmp_path / CURVES) as picture:
        picture.verify()
