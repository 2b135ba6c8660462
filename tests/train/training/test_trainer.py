from __future__ import annotations

import dataclasses
import functools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.optim.swa_utils import update_bn
from torch.utils._python_dispatch import TorchDispatchMode

from salt_infer.modelfile.contract import Tta
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.compute.distributed import World
from salt_train.data.dataset import Images
from salt_train.errors import CheckpointError, ConfigError, TrainError
from salt_train.network.model import Logits, SaltNet
from salt_train.scoring import calibrate, evaluate
from salt_train.scoring.evaluate import Decision, Prediction, Views, predict, to_input
from salt_train.settings.config import PrecisionName
from salt_train.settings.recipes import two_stages
from salt_train.settings.schedule import learning_rate
from salt_train.training.feed import Batch, Drawn
from salt_train.training.final_score import PREDICTIONS
from salt_train.training.history import METRICS
from salt_train.training.keeper import BEST, LAST
from salt_train.training.losses import has_salt
from salt_train.training.run_options import RunOptions
from salt_train.training.trainer import Trainer
from tests import drawing
from tests.conftest import tiny_config
from tests.train.settings.test_recipes import shrunk

DATA = drawing.draw(40, seed=2)
CONFIG = tiny_config(3)
# A CPU takes a hundred times as long in float16.
NARROW = dataclasses.replace(CONFIG, batch_size=2, model=dataclasses.replace(CONFIG.model, width=4))


def options(out: Path) -> RunOptions:
    return RunOptions(out, progress=False)


class Whole(NamedTuple):
    """A run that nothing interrupted, to compare others with: how it ended, and where."""

    final: Checkpoint
    out: Path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    out = tmp_path_factory.mktemp("whole")
    return Whole(Trainer(CONFIG, options(out), DATA).run(), out)


def same_weights(a: Checkpoint, b: Checkpoint) -> None:
    assert a.weights.keys() == b.weights.keys()
    for name, tensor in a.weights.items():
        assert torch.equal(tensor, b.weights[name]), name


@pytest.mark.slow
def test_a_resumed_run_ends_with_the_same_bits(whole: Whole, tmp_path: Path) -> None:

    class Killed(Trainer):
        def _epoch(self) -> dict[str, object]:
            if self.epoch == 2:  # within a stage
                raise KeyboardInterrupt
            return super()._epoch()

    with pytest.raises(KeyboardInterrupt):
        Killed(CONFIG, options(tmp_path / "broken"), DATA).run()
    resumed = Trainer(CONFIG, options(tmp_path / "broken"), DATA)
    resumed.resume(checkpoints.load(tmp_path / "broken" / LAST))
    assert resumed.epoch == 2
    final = resumed.run()
    same_weights(final, whole.final)
    assert final.scores == whole.final.scores
    best = [checkpoints.load(run / BEST) for run in (whole.out, tmp_path / "broken")]
    same_weights(*best)
    assert [row["loss"] for row in final.history] == [row["loss"] for row in whole.final.history]


@pytest.mark.slow
def test_checkpoints_wait_for_their_time_but_for_the_first_and_the_last(
    whole: Whole, tmp_path: Path
) -> None:
    seldom = dataclasses.replace(options(tmp_path / "seldom"), save_every_s=1e9)
    saved: list[tuple[int, int]] = []

    class Noted(Trainer):
        def _save(self, row: dict[str, Any]) -> None:
            super()._save(row)
            saved.append((self.epoch, self.keeper.saved))
            assert checkpoints.load(seldom.out / LAST).epoch == self.keeper.saved

    final = Noted(CONFIG, seldom, DATA).run()
    assert saved == [(1, 1), (2, 1), (3, 3)]
    same_weights(final, whole.final)
    assert final.scores == whole.final.scores
    # The best epoch's weights are those it had then, whenever they are written.
    best = [checkpoints.load(run / BEST) for run in (whole.out, tmp_path / "seldom")]
    same_weights(*best)
    assert best[0].epoch == best[1].epoch


@pytest.mark.slow
def test_a_run_killed_long_after_its_checkpoint_ends_with_the_same_bits(
    whole: Whole, tmp_path: Path
) -> None:
    seldom = dataclasses.replace(options(tmp_path / "broken"), save_every_s=1e9)

    class Killed(Trainer):
        def _epoch(self) -> dict[str, Any]:
            if self.epoch == 2:
                raise KeyboardInterrupt
            return super()._epoch()

    with pytest.raises(KeyboardInterrupt):
        Killed(CONFIG, seldom, DATA).run()
    resumed = Trainer(CONFIG, seldom, DATA)
    resumed.resume(checkpoints.load(seldom.out / LAST))
    assert resumed.epoch == 1
    final = resumed.run()
    same_weights(final, whole.final)
    assert [row["loss"] for row in final.history] == [row["loss"] for row in whole.final.history]
    rows = [json.loads(line) for line in (seldom.out / METRICS).read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    same_weights(*(checkpoints.load(run / BEST) for run in (whole.out, tmp_path / "broken")))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # its compiler uses its own
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # it looks, too
def test_compiled_steps_learn_as_others_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced and differentiated as for --compile; the kernels themselves, whose making takes many
    minutes of a core, are torch's own.
    """
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    short = dataclasses.replace(CONFIG, stages=two_stages(2, 1e-3))
    plain = Trainer(short, options(tmp_path / "plain"), FEW).run()
    compiled = dataclasses.replace(options(tmp_path / "compiled"), compiled="default")
    final = Trainer(short, compiled, FEW).run()
    assert final.weights.keys() == plain.weights.keys()
    losses = [[row["loss"] for row in run.history] for run in (plain, final)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-2)


@pytest.mark.slow
def test_training_learns_and_leaves_its_traces(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, stages=two_stages(8, 3e-3))
    final = Trainer(config, options(tmp_path), DATA).run()
    rows = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(1, 9))
    assert [row["loss_name"] for row in rows] == ["bce"] * 3 + ["lovasz"] * 5
    assert rows[2]["loss"] < rows[0]["loss"]
    assert final.epoch == 8
    assert final.scores["fold"] == 0
    assert len(final.scores["split_sha256"]) == 64
    assert final.scores["tiles"] == 10
    assert 0 <= final.scores["score"] <= 1
    best = checkpoints.load(tmp_path / BEST)
    assert best.scores["score_in_training"] == max(row["score"] for row in rows)
    assert "score" not in best.scores  # it was chosen on the very tiles
    assert best.run is None
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_a_run_killed_between_its_two_checkpoints_loses_neither(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, calls = checkpoints.save, []

    def save(checkpoint: Checkpoint, path: Path) -> None:
        calls.append(path.name)
        if len(calls) == 4:
            raise KeyboardInterrupt
        honest(checkpoint, path)

    monkeypatch.setattr(checkpoints, "save", save)
    with pytest.raises(KeyboardInterrupt):
        Trainer(CONFIG, options(tmp_path / "broken"), DATA).run()
    resumed = Trainer(CONFIG, options(tmp_path / "broken"), DATA)
    resumed.resume(checkpoints.load(tmp_path / "broken" / LAST))
    same_weights(resumed.run(), whole.final)
    same_weights(*(checkpoints.load(run / BEST) for run in (whole.out, tmp_path / "broken")))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_trains(tmp_path: Path, precision: PrecisionName) -> None:
    config = dataclasses.replace(NARROW, precision=precision, stages=two_stages(1, 1e-3))
    final = Trainer(config, options(tmp_path), FEW).run()
    assert np.isfinite(final.history[-1]["loss"])
    assert all(tensor.dtype != torch.bfloat16 for tensor in final.weights.values())


def test_the_folds_are_apart(tmp_path: Path) -> None:
    seen: set[str] = set()
    for fold in range(4):
        trainer = Trainer(dataclasses.replace(CONFIG, fold=fold), options(tmp_path), DATA)
        held = set(trainer.validation_data.ids)
        assert not held & set(trainer.train_data.ids)
        assert not held & seen
        seen |= held
    assert seen == set(DATA.ids)


@pytest.mark.slow
def test_another_run_is_not_resumed(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, stages=two_stages(1, 3e-3))
    done = Trainer(config, options(tmp_path), DATA).run()
    other = Trainer(dataclasses.replace(config, seed=5), options(tmp_path), DATA)
    with pytest.raises(CheckpointError, match="seed was 0 and is now 5"):
        other.resume(done)
    fewer = Trainer(config, options(tmp_path), drawing.draw(36, seed=2))
    with pytest.raises(CheckpointError, match=r"the run in .* used a different split: tiles"):
        fewer.resume(done)
    mended = dataclasses.replace(DATA, tiles=DATA.tiles ^ np.eye(101, dtype=np.uint8))
    with pytest.raises(CheckpointError, match=r"the run in .* used a different data set: tiles"):
        Trainer(config, options(tmp_path), mended).resume(done)
    with pytest.raises(CheckpointError, match="stripped"):
        Trainer(config, options(tmp_path), DATA).resume(dataclasses.replace(done, run=None))


@pytest.mark.parametrize("device", ["cuda:7", "gpu", "fpga"])
def test_a_device_that_is_not_there(tmp_path: Path, device: str) -> None:
    with pytest.raises(ConfigError, match=f"device '{device}' cannot be used here") as told:
        Trainer(CONFIG, dataclasses.replace(options(tmp_path), device=device), DATA)
    assert str(told.value).endswith("); expected cpu, cuda or cuda:0")
    assert len(str(told.value)) < 400


def test_a_loss_that_is_not_finite_stops_with_the_tiles_named(tmp_path: Path) -> None:
    trainer = Trainer(CONFIG, options(tmp_path), DATA)
    with torch.no_grad():
        trainer.learner.model.judge_head.last.bias.fill_(float("nan"))
    weights = dict(trainer.learner.model.named_parameters())
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    with pytest.raises(TrainError, match=r"loss is nan at epoch 1, step 1, tiles .*rate=\.\.\.\)$"):
        trainer.run()
    for name, weight in weights.items():
        assert torch.equal(weight, before[name]) or name == "judge_head.last.bias"
    assert not (tmp_path / LAST).exists()


def test_tiles_of_a_step_are_named_harmlessly(tmp_path: Path) -> None:
    odd = dataclasses.replace(DATA, ids=tuple(f"{name}\x1b[31m" for name in DATA.ids))
    trainer = Trainer(CONFIG, options(tmp_path), odd)
    with torch.no_grad():
        trainer.learner.model.judge_head.last.bias.fill_(float("nan"))
    with pytest.raises(TrainError, match=r"step 1, tiles 'synthetic-\d+\\x1b\[31m', 's") as stopped:
        trainer.run()
    assert str(stopped.value).isprintable()


class Reads(TorchDispatchMode):
    """Counts the operations that make a host wait for its device, but for copies."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        name = func.overloadpacket.__name__
        masks = args[1] if name == "index" else ()
        by_mask = any(mask is not None and mask.dtype == torch.bool for mask in masks)
        if by_mask or name in ("_local_scalar_dense", "nonzero", "masked_select", "equal"):
            self.seen[name] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.slow
def test_steps_wait_for_their_device_only_to_read_many_losses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: PrecisionName
) -> None:
    config = dataclasses.replace(NARROW, precision=precision)
    trainer = Trainer(config, options(tmp_path), DATA)
    trainer.learner.watch.every = 3
    honest, lists = Tensor.tolist, []
    monkeypatch.setattr(Tensor, "tolist", lambda it: lists.append(it.shape) or honest(it))
    drawn = trainer.feed.draw(3 * trainer.batch_size, config.augment, trainer.random)
    with Reads() as reads:
        for step in range(3):
            assert not lists
            trainer._step(step, drawn)
    assert reads.seen == {}
    assert lists == [(3, 3)]


@pytest.mark.slow
def test_losses_that_are_read_late_are_those_of_every_step(whole: Whole, tmp_path: Path) -> None:
    late = Trainer(CONFIG, options(tmp_path / "late"), DATA)
    assert late.steps_per_epoch == 3
    late.learner.watch.every = 2
    same_weights(late.run(), whole.final)
    assert late.history.rows[-1]["loss"] == whole.final.history[-1]["loss"]


@pytest.mark.parametrize("every", [1, 2, 20])
@pytest.mark.slow
def test_a_step_that_is_not_finite_is_named_whenever_it_is_seen(tmp_path: Path, every: int) -> None:
    class Spoilt(Trainer):
        batch = ""

        def _step(self, step: int, drawn: Drawn) -> None:
            if (self.epoch, step) == (1, 1):
                size = self.batch_size
                names = [self.train_data.ids[index] for index in drawn.order[size : 2 * size]]
                self.batch = ", ".join(names)
                with torch.no_grad():
                    self.learner.model.judge_head.last.bias.fill_(float("nan"))
            super()._step(step, drawn)

    trainer = Spoilt(CONFIG, options(tmp_path), DATA)
    trainer.learner.watch.every = every
    with pytest.raises(TrainError, match="loss is nan at epoch 2, step 2, tiles ") as stopped:
        trainer.run()
    assert f"tiles {trainer.batch}; lower" in str(stopped.value)
    kept = checkpoints.load(tmp_path / LAST)
    assert kept.epoch == 1
    assert not checkpoints.not_finite(kept.weights)


def test_a_gradient_that_is_not_finite_stops_before_it_spoils_the_weights(tmp_path: Path) -> None:
    trainer = Trainer(CONFIG, options(tmp_path), DATA)
    first = trainer.learner.model.head.last.weight
    before = first.detach().clone()
    first.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(TrainError, match=r"gradient is (inf|nan) at epoch 1, step 1, tiles synth"):
        trainer.run()
    assert torch.equal(first, before)
    assert not (tmp_path / LAST).exists()


@pytest.mark.slow
def test_loss_scaling_leaves_a_step_out_before_it_gives_up(tmp_path: Path) -> None:
    config = dataclasses.replace(NARROW, precision="fp16")
    trainer = Trainer(config, options(tmp_path), DATA)
    trainer.learner.compute.scaler = scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    first = trainer.learner.model.head.last.weight
    before = first.detach().clone()
    first.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(TrainError, match=r"gradient is (inf|nan) at epoch 1, step 3, tiles"):
        trainer.run()
    assert torch.equal(first, before)
    assert scaler.get_scale() == 0.5


def test_averaged_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    class Spoilt(Trainer):
        def _start(self) -> None:
            super()._start()
            self.learner.average.head.last.bias.fill_(float("inf"))

    trainer = Spoilt(CONFIG, options(tmp_path), DATA)
    with pytest.raises(TrainError, match=r"weight head\.last\.bias is not finite"):
        trainer.run()
    assert not (tmp_path / LAST).exists()


Weights = dict[str, Tensor]
FEW = drawing.draw(12, seed=2)


def copied(model: SaltNet) -> Weights:
    return {name: value.clone() for name, value in model.state_dict().items()}


class Watched(Trainer):
    """Keeps the trained weights of every epoch's end, and stops where it is told to."""

    stop = 0

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.ends: list[Weights] = []

    def _epoch(self) -> dict[str, object]:
        if self.epoch == self.stop > 0:
            raise KeyboardInterrupt
        row = super()._epoch()
        self.ends.append(copied(self.learner.model))
        return row


@pytest.mark.slow
def test_a_snapshot_is_kept_of_every_cycles_end(tmp_path: Path) -> None:
    lengths = ("stages.0.epochs=1", "stages.1.epochs=0", "stages.2.epochs=5")
    config = shrunk("snapshot", *lengths, "stages.2.cycle_epochs=2")
    assert config.ema_decay == 0
    trainer = Watched(config, options(tmp_path), FEW)
    final = trainer.run()
    assert sorted(path.name for path in tmp_path.glob("snapshot-*")) == [
        f"snapshot-{number}.pth" for number in (1, 2, 3)
    ]
    rates = [row["learning_rate"] for row in final.history]
    for number, epoch in ((1, 3), (2, 5), (3, 6)):
        snapshot = checkpoints.load(tmp_path / f"snapshot-{number}.pth")
        assert snapshot.epoch == epoch
        assert snapshot.run is None
        # Without an average the weights are deployed as they are.
        for name, value in snapshot.weights.items():
            assert torch.equal(value, trainer.ends[epoch - 1][name]), name
        assert snapshot.scores["score_without_tta"] > 0
    # Each is one to deploy; the last of them is the run's own end.
    assert {**snapshot.scores} == final.scores
    assert snapshot.decision == final.decision
    assert rates[1] > rates[2] < rates[3] > rates[4] < rates[5]


@pytest.mark.slow
def test_swa_deploys_the_mean_of_the_stages_epochs(tmp_path: Path) -> None:
    lengths = [f"stages.{number}.epochs={epochs}" for number, epochs in enumerate((1, 0, 0, 3))]
    config = shrunk("swa", *lengths, "stages.3.learning_rate=1e-2", "statistics_tiles=4")
    trainer = Watched(config, options(tmp_path / "whole"), FEW)
    final = trainer.run()
    members = trainer.ends[1:]
    assert len(members) == 3
    mean = SaltNet(config.model)
    mean.load_state_dict(members[0])
    with torch.no_grad():
        for name, weight in mean.named_parameters():
            weight.copy_(torch.stack([member[name] for member in members]).mean(0))
    tiles = trainer.train_data.tiles[::2]
    assert len(tiles) == 4
    starts = range(0, len(tiles), config.batch_size)
    batches = (tiles[start : start + config.batch_size] for start in starts)
    update_bn([to_input(batch, torch.device("cpu")) for batch in batches], mean)
    expected = mean.state_dict()
    for name, value in final.weights.items():
        torch.testing.assert_close(value, expected[name], atol=1e-4, rtol=1e-4, msg=name)
    apart = (final.weights["head.last.weight"] - members[-1]["head.last.weight"]).abs().max()
    assert float(apart) > 1e-3
    # The stage started with a fresh optimiser.
    state = final.run["optimizer"]["state"]  # type: ignore[index]
    assert {int(each["step"]) for each in state.values()} == {3 * trainer.steps_per_epoch}
    # Interrupted within the stage, the mean goes on from the members before.
    broken = Watched(config, options(tmp_path / "broken"), FEW)
    broken.stop = 3
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    resumed = Trainer(config, options(tmp_path / "broken"), FEW)
    resumed.resume(checkpoints.load(tmp_path / "broken" / LAST))
    same_weights(resumed.run(), final)


@pytest.mark.slow
def test_ema_follows_every_step(tmp_path: Path) -> None:
    config = dataclasses.replace(
        CONFIG, stages=two_stages(1, 1e-2), ema_decay=0.15, ema_warmup=8.0, batch_size=3
    )

    class Stepped(Trainer):
        def _step(self, step: int, drawn: Drawn) -> None:
            super()._step(step, drawn)
            decay = min(0.15, (1 + step) / (8 + step))  # 0.125 at first, then the setting's
            for name, value in self.learner.model.state_dict().items():
                if value.is_floating_point():
                    expected[name] = decay * expected[name] + (1 - decay) * value

    trainer = Stepped(config, options(tmp_path), FEW)
    assert trainer.steps_per_epoch == 3
    expected = copied(trainer.learner.model)
    final = trainer.run()
    for name, value in final.weights.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, expected[name], atol=1e-5, rtol=1e-5, msg=name)
    assert not torch.equal(
        final.weights["head.last.weight"], trainer.learner.model.head.last.weight
    )


@pytest.mark.slow
def test_epochs_between_validations(tmp_path: Path) -> None:
    final = Trainer(CONFIG, dataclasses.replace(options(tmp_path), validate_every=2), FEW).run()
    assert ["score" in row for row in final.history] == [False, True, True]
    best = checkpoints.load(tmp_path / BEST)
    assert best.epoch in (2, 3)
    assert best.scores["selected_on_its_own_fold"] is True
    assert "selected_on_its_own_fold" not in final.scores


@pytest.mark.slow
def test_the_rate_of_a_row_is_the_last_steps(tmp_path: Path) -> None:
    trainer = Trainer(CONFIG, options(tmp_path), FEW)
    final, last = trainer.run(), trainer.steps_per_epoch - 1
    expected = [learning_rate(CONFIG, epoch, last, last + 1) for epoch in range(3)]
    assert [row["learning_rate"] for row in final.history] == expected


@pytest.mark.slow
def test_a_run_keeps_its_predictions_and_the_decision_they_lead_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(CONFIG, options(tmp_path), FEW)
    honest, predicted = evaluate.predict_views, []

    def predict_views(model: SaltNet, tiles: Images, tta: Tta, *more: int) -> Views:
        predicted.append(tta)
        return honest(model, tiles, tta, *more)

    monkeypatch.setattr(evaluate, "predict_views", predict_views)
    final = trainer.run()
    ids, prediction = Prediction.load(tmp_path / PREDICTIONS)
    assert ids == trainer.validation_data.ids
    assert predicted == [*["none"] * CONFIG.epochs, "hflip"]  # each view once
    again = predict(checkpoints.build_model(final), trainer.validation_data.tiles, "hflip")
    np.testing.assert_allclose(prediction.probability, again.probability, atol=2**-11)
    np.testing.assert_allclose(prediction.salt, again.salt, atol=1e-6)
    grid = Decision(round(final.decision.threshold, 2), round(final.decision.gate, 2))
    assert grid == final.decision
    assert (tmp_path / "split.csv").read_text().startswith("id,fold,coverage_class\n")


@pytest.mark.slow
def test_pixels_that_are_unknown_neither_teach_nor_count(tmp_path: Path) -> None:
    """Whatever a mask says there, and however the network fills it."""
    unknown = np.zeros_like(FEW.masks)
    unknown[:, 30:80, 20:60] = 1
    data = dataclasses.replace(FEW, masks=FEW.masks * (1 - unknown), unknown=unknown)
    trainer = Trainer(CONFIG, options(tmp_path), data)
    final = trainer.run()
    held_out = trainer.validation_data
    assert held_out.unknown is not None
    _, prediction = Prediction.load(tmp_path / PREDICTIONS)
    assert not prediction.probability[held_out.unknown != 0].any()
    assert prediction.probability[held_out.unknown == 0].all()
    assert trainer.data_sha256 == data.sha256 != dataclasses.replace(data, unknown=None).sha256
    again = predict(checkpoints.build_model(final), held_out.tiles, "hflip")
    expected = calibrate.final_scores(
        again.where_known(held_out),
        predict(checkpoints.build_model(final), held_out.tiles, "none").where_known(held_out),
        held_out,
        evaluate.default_decision(CONFIG.model),
    )
    assert final.scores["score"] == expected["score"]


@pytest.fixture
def group() -> Iterator[None]:
    """A group of processes of which this is the only one."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_a_shared_part_without_salt_still_reaches_every_weight(tmp_path: Path, group: None) -> None:
    """The other processes wait for each weight's gradient, those of decoder levels too."""
    trainer = Trainer(shrunk("deep-supervision"), options(tmp_path), FEW)
    trainer.learner.world = World(rank=0, size=2)
    tiles = to_input(FEW.tiles[:4], torch.device("cpu"))
    batch = Batch(tiles, torch.zeros(4, 101, 101), torch.zeros(4))
    logits = trainer.learner.model(tiles)
    trainer.learner._loss(logits, batch, trainer.config.stages[0]).backward()  # type: ignore[no-untyped-call]
    assert [name for name, w in trainer.learner.model.named_parameters() if w.grad is None] == []
    heads = [trainer.learner.model.head.last, *trainer.learner.model.level_heads]
    assert not any(head.weight.grad.any() for head in heads)


@pytest.mark.parametrize("doubt", [1.0, 0.5, 0.1])
def test_parts_of_soft_labels_average_to_the_whole_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doubt: float
) -> None:
    """A part of them may have less salt than one tile's."""
    learner = Trainer(CONFIG, options(tmp_path), FEW).learner
    tiles, stage = to_input(FEW.tiles[:4], torch.device("cpu")), CONFIG.stages[0]
    salt = torch.tensor([0.9, 0.8, 0.05, 0.1]) * doubt
    batch = Batch(tiles, torch.from_numpy(FEW.masks[:4]).float(), salt)
    with torch.no_grad():
        logits = learner.model.eval()(tiles)
        whole = learner._loss(logits, batch, stage)
        learner.world = World(rank=0, size=2)
        monkeypatch.setattr(World, "sum", lambda world, value: salt.sum())  # of both
        parts = [
            learner._loss(Logits(logits.mask[half], logits.judge[half]), part, stage)
            for half in (slice(0, 2), slice(2, 4))
            for part in [Batch(*(each[half] for each in batch[:3]))]
        ]
    assert float(sum(parts) / 2) == pytest.approx(float(whole), rel=1e-5)


def test_a_shared_loss_in_float16_does_not_overflow(tmp_path: Path, group: None) -> None:
    """A sum over all logits of a batch, as sure as they are of no salt, is beyond float16."""
    config = dataclasses.replace(CONFIG, precision="fp16", batch_size=12)
    learner = Trainer(config, options(tmp_path), FEW).learner
    with torch.no_grad():
        learner.model.head.last.bias.fill_(-8.0)
    with learner.compute.autocast():
        logits = learner.model(to_input(FEW.tiles, torch.device("cpu")))
    assert logits.mask.dtype == torch.float16
    assert bool(logits.mask.isfinite().all())
    masks = torch.from_numpy(FEW.masks).float()
    batch = Batch(to_input(FEW.tiles, torch.device("cpu")), masks, has_salt(masks))
    learner.world = World(rank=0, size=2)
    assert np.isfinite(learner._loss(logits, batch, config.stages[0]).item())


def test_a_batch_without_salt_is_a_step_for_every_weight(tmp_path: Path) -> None:
    """Alone as among several processes; without a gradient Adam would pass over it."""
    trainer = Trainer(CONFIG, options(tmp_path), FEW)
    tiles = to_input(FEW.tiles[:4], torch.device("cpu"))
    batch = Batch(tiles, torch.zeros(4, 101, 101), torch.zeros(4))
    trainer.learner.step(batch, CONFIG.stages[0], 1e-3, 0)
    state = trainer.learner.optimizer.state
    assert all(weight in state for weight in trainer.learner.model.parameters())


def test_batches_that_cannot_be_shared_are_refused_as_such(tmp_path: Path, group: None) -> None:
    """Before anything is written, and not as a loss to be lowered by a smaller learning rate."""
    three = dataclasses.replace(options(tmp_path), world=World(rank=0, size=3))
    with pytest.raises(ConfigError, match=r"8 tiles .* to 3 processes; give another --batch-size$"):
        Trainer(CONFIG, three, FEW).run()
    assert not list(tmp_path.iterdir())
