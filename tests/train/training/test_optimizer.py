from __future__ import annotations

import pytest
import torch
from torch import nn

from salt_train.network.model import SaltNet
from salt_train.settings.config import OptimizerName, Stage
from salt_train.settings.model_config import ModelConfig
from salt_train.training import optimizer


def network(**changes: object) -> SaltNet:
    torch.manual_seed(0)
    return SaltNet(ModelConfig(width=8, decoder_channels=8, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)],
)
def test_a_stage_has_the_optimiser_it_names(
    name: OptimizerName, kind: type[torch.optim.Optimizer]
) -> None:
    model = network(upsampling="transposed", stem_pool=True)
    stage = Stage(
        "bce", 1, learning_rate=0.02, optimizer=name, momentum=0.8, beta1=0.7, beta2=0.99,
        epsilon=1e-6,
    )  # fmt: skip
    built = optimizer.build(model, stage, 0.3)
    assert type(built) is kind
    decayed, plain = built.param_groups
    assert decayed["lr"] == plain["lr"] == 0.02
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.3, 0.0)
    if name == "sgd":
        assert (decayed["momentum"], decayed["nesterov"]) == (0.8, True)
    else:
        assert (decayed["betas"], decayed["eps"]) == ((0.7, 0.99), 1e-6)
    where = {id(weight): group for group in built.param_groups for weight in group["params"]}
    assert len(where) == sum(len(group["params"]) for group in built.param_groups)
    for module in model.modules():
        for weight in module.parameters(recurse=False):
            convolution = isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
            assert (where[id(weight)] is decayed) == (convolution and weight is module.weight)


def test_a_state_is_restored_however_it_was_computed() -> None:
    """On a device without fused kernels, say: its flags are not those of the next one."""
    stage = Stage("bce", 1)
    plain = torch.optim.AdamW(optimizer.build(network(), stage, 0.1).param_groups, fused=None)
    for group in plain.param_groups:
        group["fused"] = None
        for weight in group["params"]:
            weight.grad = torch.ones_like(weight)
    plain.step()
    built = optimizer.build(network(), stage, 0.1)
    optimizer.restore(built, plain.state_dict())
    assert {group["fused"] for group in built.param_groups} == {True}
    theirs, ours = plain.state_dict()["state"], built.state_dict()["state"]
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(ours[key]["exp_avg"], theirs[key]["exp_avg"]) for key in ours)
    assert {float(each["step"]) for each in ours.values()} == {1.0}


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_a_skipped_first_step_leaves_no_trace(name: OptimizerName) -> None:
    """As of an overflow in fp16; momentum was what had lain in memory."""
    stage = Stage("bce", 1, optimizer=name, momentum=0.9)
    weights = []
    for skipped in (1.0, 0.0):
        model = network()
        built = optimizer.build(model, stage, 0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=1.0)
        for step in range(3):
            torch.manual_seed(step)
            for weight in model.parameters():
                torch.full_like(weight, 1e30)  # memory that is used again
                weight.grad = torch.randn_like(weight) * 1e-3
            scaler.scale(torch.zeros(()))
            if step == 0:
                next(iter(model.parameters())).grad.fill_(torch.inf)  # type: ignore[union-attr]
            if step or skipped:
                scaler.step(built)
                scaler.update(1.0)
        weights.append([weight.detach().clone() for weight in model.parameters()])
    assert all(map(torch.equal, *weights))


def test_plain_sgd_has_no_momentum_at_all() -> None:
    built = optimizer.build(network(), Stage("bce", 1, optimizer="sgd", momentum=0.0), 0.0)
    assert (built.param_groups[0]["momentum"], built.param_groups[0]["nesterov"]) == (0.0, False)
