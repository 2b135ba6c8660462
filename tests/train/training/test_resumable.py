"""Checkpoints that a run cannot go on from, though they were read."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.errors import CheckpointError
from salt_train.network.model import SaltNet
from salt_train.settings.config import OptimizerName, Stage
from salt_train.settings.model_config import ModelConfig
from salt_train.training import optimizer, resumable
from salt_train.training.run_options import RunOptions
from salt_train.training.trainer import Trainer
from tests import drawing
from tests.conftest import tiny_config

DATA = drawing.draw(40, seed=2)
NAN = float("nan")
Run = dict[str, Any]


@pytest.fixture
def done(tiny_checkpoint: Path) -> Checkpoint:
    return checkpoints.load(tiny_checkpoint)


def resume(checkpoint: Checkpoint, out: Path) -> Trainer:
    trainer = Trainer(tiny_config(2), RunOptions(out, progress=False), DATA)
    trainer.resume(checkpoint)
    return trainer


def refused(checkpoint: Checkpoint, out: Path, says: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        resume(checkpoint, out)
    assert str(caught.value) == (
        f"{out / 'last.pth'} is damaged: {says}; bring back an intact copy of it, or remove it, "
        "and --resume begins that run anew"
    )


def kept(run: Run) -> dict[int, dict[str, Any]]:
    state: dict[int, dict[str, Any]] = run["optimizer"]["state"]
    return state


OPTIMISERS: dict[str, tuple[Callable[[Run], object], str]] = {
    "no state": (
        lambda run: run["optimizer"].update(state={}),
        "its optimiser's state lacks 0.exp_avg, 0.exp_avg_sq, 0.step, 1.exp_avg, 1.exp_avg_sq, "
        "1.step, 2.exp_avg, 2.exp_avg_sq, 2.step, 3.exp_avg, and {} more",
    ),
    "another shape": (
        lambda run: kept(run)[0].update(exp_avg=torch.zeros(3)),
        "its optimiser's state has 0.exp_avg as float32 [3], expected float32 [16, 1, 7, 7]",
    ),
    "another kind": (
        lambda run: kept(run)[0].update(exp_avg=kept(run)[0]["exp_avg"].double()),
        "its optimiser's state has 0.exp_avg as float64 [16, 1, 7, 7], expected float32 "
        "[16, 1, 7, 7]",
    ),
    "swapped": (
        lambda run: kept(run).update({0: kept(run)[1], 1: kept(run)[0]}),
        "its optimiser's state has 0.exp_avg as float32 [16, 16, 3, 3], expected float32 "
        "[16, 1, 7, 7]",
    ),
    "sparse": (
        lambda run: kept(run)[0].update(exp_avg=kept(run)[0]["exp_avg"].to_sparse()),
        "its optimiser's state has 0.exp_avg as float32 [16, 1, 7, 7] without dense values, "
        "expected float32 [16, 1, 7, 7]",
    ),
    "not finite": (
        lambda run: kept(run)[2]["exp_avg_sq"].fill_(NAN),
        "its optimiser's state has values in 2.exp_avg_sq that are not finite",
    ),
    "a step for each value": (
        lambda run: kept(run)[0].update(step=torch.ones(2)),
        "its optimiser's state has 0.step as float32 [2], expected float32 []",
    ),
    "more": (
        lambda run: kept(run)[0].update(momentum_buffer=torch.ones(2)),
        "its optimiser's state has 0.momentum_buffer, which this run has not",
    ),
    "a list of states": (
        lambda run: run["optimizer"].update(state=[1]),
        "its optimiser's state is not one of each weight",
    ),
    "states by another kind of number": (
        lambda run: run["optimizer"].update(state={str(key): it for key, it in kept(run).items()}),
        "its optimiser's state is not one of each weight",
    ),
    "states that are none": (
        lambda run: run["optimizer"].update(state={0: 3}),
        "its optimiser's state is not one of each weight",
    ),
    "one group": (
        lambda run: run["optimizer"]["param_groups"].pop(),
        "its optimiser's weights are not dealt to groups as this run's",
    ),
    "groups of another kind": (
        lambda run: run["optimizer"].update(param_groups=[1, 2]),
        "its optimiser's weights are not dealt to groups as this run's",
    ),
    "nothing": (
        lambda run: run.update(optimizer={}),
        "its optimiser's weights are not dealt to groups as this run's",
    ),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_an_optimiser_of_another_state_is_refused(
    done: Checkpoint, tmp_path: Path, name: str
) -> None:
    change, says = OPTIMISERS[name]
    run = copy.deepcopy(done.run)
    assert run is not None
    weights = len(kept(run))
    change(run)
    refused(dataclasses.replace(done, run=run), tmp_path, says.format(3 * weights - 10))


@pytest.mark.parametrize(
    ("epoch", "says"),
    [
        (-1, "it is of epoch -1, expected 1 to 2"),
        (0, "it is of epoch 0, expected 1 to 2"),
        (1, "its history has 2 epochs, expected 1"),
        (3, "it is of epoch 3, expected 1 to 2"),
        (10**30, f"it is of epoch {10**30}, expected 1 to 2"),
    ],
)
def test_epochs_that_the_run_cannot_have_finished_are_refused(
    done: Checkpoint, tmp_path: Path, epoch: int, says: str
) -> None:
    refused(dataclasses.replace(done, epoch=epoch), tmp_path, says)


def test_a_history_of_fewer_epochs_is_refused(done: Checkpoint, tmp_path: Path) -> None:
    says = "its history has {} epochs, expected 2"
    refused(dataclasses.replace(done, history=()), tmp_path, says.format(0))
    refused(dataclasses.replace(done, history=done.history[:1]), tmp_path, says.format(1))


def test_what_is_finished_has_all_its_epochs(done: Checkpoint, tmp_path: Path) -> None:
    early = dataclasses.replace(done, epoch=1, history=done.history[:1])
    refused(early, tmp_path, "it has the scores of a finished run after epoch 1 of 2")


@pytest.mark.parametrize(
    "change",
    [
        {"score": "x"}, {"loss": None}, {"loss": 10**400}, {"loss": NAN}, {"loss": True},
        {"learning_rate": [1]}, {"loss_name": 3}, {"epoch": 2},
    ],
)  # fmt: skip
def test_a_history_of_another_kind_is_refused(
    done: Checkpoint, tmp_path: Path, change: dict[str, Any]
) -> None:
    rows = (dict(done.history[0]) | change, done.history[1])
    says = "its history does not say number, loss, rate and score of epoch 1"
    refused(dataclasses.replace(done, history=rows), tmp_path, says)
    (name,) = change
    if name != "score":  # not every epoch is scored
        del rows[0][name]
        refused(dataclasses.replace(done, history=rows), tmp_path, says)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"start_sha256": None}, "its scores have start_sha256 of another kind"),
        ({"score": "high"}, "its scores have score of another kind"),
        ({"score_of_empty_masks": []}, "its scores have score_of_empty_masks of another kind"),
        ({"score_interval": [0.1]}, "its scores have score_interval of another kind"),
        ({"score_interval": 0.1}, "its scores have score_interval of another kind"),
        ({"score_interval": [0.1, NAN]}, "its scores have score_interval of another kind"),
    ],
)
def test_scores_of_another_kind_are_refused(
    done: Checkpoint, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    refused(dataclasses.replace(done, scores=done.scores | change), tmp_path, says)


@pytest.mark.parametrize("name", ["start_sha256", "score_interval"])
def test_scores_that_lack_what_is_shown_are_refused(
    done: Checkpoint, tmp_path: Path, name: str
) -> None:
    scores = {key: value for key, value in done.scores.items() if key != name}
    refused(dataclasses.replace(done, scores=scores), tmp_path, f"its scores lack {name}")


def test_what_has_held_nothing_out_has_scores_of_seen_tiles(done: Checkpoint) -> None:
    config = dataclasses.replace(done.config, fold=None, folds=1)
    says = resumable.fault(dataclasses.replace(done, config=config))
    assert says == "its scores lack score_of_seen_tiles"


BIAS = "head.last.bias"
STATES: dict[str, tuple[Callable[[Run], object], str]] = {
    "nothing": (lambda run: run.clear(), "what resuming needs lacks model, optimizer, scaler"),
    "no scaler": (lambda run: run.pop("scaler"), "what resuming needs lacks scaler"),
    "another precision's": (
        lambda run: run.update(scaler={"scale": 1.0}),
        "its loss scale is not one of this run's precision",
    ),
    "no dict of weights": (
        lambda run: run.update(model=[1]), "its model is a list, expected tensors by name",
    ),
    "no weight": (lambda run: run["model"].pop(BIAS), f"its model lacks {BIAS}"),
    "one more": (
        lambda run: run["model"].update({"a\nb": torch.ones(1)}),
        "its model has 'a\\nb', which this run has not",
    ),
    "another shape": (
        lambda run: run["model"].update({BIAS: torch.ones(7)}),
        f"its model has {BIAS} as float32 [7], expected float32 [4]",
    ),
    "no tensor": (
        lambda run: run["model"].update({BIAS: "x"}),
        f"its model has {BIAS} as str, expected float32 [4]",
    ),
    "not finite": (
        lambda run: run["model"][BIAS].fill_(NAN),
        f"its model has values in {BIAS} that are not finite",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_a_state_of_another_run_is_refused(done: Checkpoint, tmp_path: Path, name: str) -> None:
    change, says = STATES[name]
    run = copy.deepcopy(done.run)
    assert run is not None
    change(run)
    refused(dataclasses.replace(done, run=run), tmp_path, says)


def test_a_state_that_is_none_is_refused(done: Checkpoint, tmp_path: Path) -> None:
    odd = dataclasses.replace(done, run=[1])  # type: ignore[arg-type]
    refused(odd, tmp_path, "what resuming needs is a list, expected a dict")


def test_averaged_weights_of_another_network_are_refused(done: Checkpoint, tmp_path: Path) -> None:
    weights = done.weights | {BIAS: torch.ones(7)}
    says = f"its average has {BIAS} as float32 [7], expected float32 [4]"
    refused(dataclasses.replace(done, weights=weights), tmp_path, says)
    weights.pop(BIAS)
    refused(dataclasses.replace(done, weights=weights), tmp_path, f"its average lacks {BIAS}")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, ""),
        ({"scale": "x"}, "it has scale of another kind"),
        ({"scale": NAN}, "it has scale of another kind"),
        ({"_growth_tracker": -1}, "it has _growth_tracker of another kind"),
        ({"growth_interval": 2.5}, "it has growth_interval of another kind"),
    ],
)
def test_loss_scales_are_looked_at(change: dict[str, Any], says: str) -> None:
    own = torch.amp.GradScaler("cpu").state_dict()
    assert resumable.numbers(own | change, own, "it") == says


@pytest.mark.parametrize(
    ("name", "momentum"), [("adam", 0.9), ("adamw", 0.9), ("sgd", 0.9), ("sgd", 0.0)]
)
def test_every_optimiser_takes_its_own_state(name: OptimizerName, momentum: float) -> None:
    model = SaltNet(ModelConfig(width=8, decoder_channels=8))
    stage = Stage("bce", 1, optimizer=name, momentum=momentum)
    first, again = (optimizer.build(model, stage, 0.1) for _ in range(2))
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    first.step()
    state = first.state_dict()
    assert optimizer.fault(again, state) == ""
    optimizer.restore(again, copy.deepcopy(state))
    after = again.state_dict()
    assert after["param_groups"] == state["param_groups"]
    for index, each in state["state"].items():
        assert all(torch.equal(value, after["state"][index][key]) for key, value in each.items())
    empty = state | {"state": {}}
    assert (optimizer.fault(again, empty) == "") == (momentum == 0.0)


def test_moments_lie_in_memory_as_their_weights_do(done: Checkpoint, tmp_path: Path) -> None:
    """Fused kernels go through both from end to end: of another order, each would be another's."""
    run = copy.deepcopy(done.run)
    assert run is not None
    for each in kept(run).values():
        each["exp_avg"] = each["exp_avg"].clone(memory_format=torch.contiguous_format)
    state = resume(dataclasses.replace(done, run=run), tmp_path).learner.optimizer.state
    assert all(each["exp_avg"].stride() == weight.stride() for weight, each in state.items())
    assert done.run is not None
    ours = [each["exp_avg"] for each in state.values()]
    theirs = [each["exp_avg"] for each in kept(done.run).values()]
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
