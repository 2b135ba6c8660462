from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from salt_train.network.model import SaltNet
from salt_train.scoring.evaluate import to_input
from salt_train.settings.config import OptimizerName, Stage
from salt_train.settings.model_config import ModelConfig
from salt_train.training import optimizer
from tests import drawing

TILES = drawing.draw(10, seed=6).tiles
CPU = torch.device("cpu")


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


def test_plain_sgd_has_no_momentum_at_all() -> None:
    built = optimizer.build(network(), Stage("bce", 1, optimizer="sgd", momentum=0.0), 0.0)
    assert (built.param_groups[0]["momentum"], built.param_groups[0]["nesterov"]) == (0.0, False)


def test_the_average_moves_towards_the_model() -> None:
    average, model = network(), network()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)
    model.encoder.bn1.num_batches_tracked.fill_(7)
    before = copy.deepcopy(average.state_dict())
    blend = optimizer.Blend(average, model)
    blend(0.75)
    for name, value in average.state_dict().items():
        current = model.state_dict()[name]
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.75 * before[name] + 0.25 * current)
    assert int(average.encoder.bn1.num_batches_tracked) == 7
    blend(0.0)
    for name, value in average.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_a_young_average_forgets_faster() -> None:
    decays = [optimizer.ema_decay(0.99, 10.0, step) for step in range(2000)]
    assert decays[0] == pytest.approx(0.1)
    assert decays == sorted(decays)
    assert decays[100] == pytest.approx(101 / 110)
    assert decays[-1] == 0.99
    assert {optimizer.ema_decay(0.99, 1.0, step) for step in range(2000)} == {0.99}


def test_statistics_are_those_that_torch_measures() -> None:
    model = network(judge_dropout=0.5, deep_supervision=True).eval()
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.fill_(5.0)
                part.running_var.fill_(9.0)
    theirs = copy.deepcopy(model)
    weights = [weight.clone() for weight in model.parameters()]
    batches = [to_input(TILES[start : start + 4], CPU) for start in (0, 4)]
    update_bn(batches, theirs)
    optimizer.refresh_statistics(model, TILES[:8], batch_size=4)
    assert not model.training
    expected, state = theirs.state_dict(), model.state_dict()
    for name, value in state.items():
        torch.testing.assert_close(value, expected[name], msg=name)
    assert abs(float(state["encoder.bn1.running_mean"].mean()) - 5.0) > 1
    assert all(torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))
    momenta = {part.momentum for part in model.modules() if isinstance(part, nn.BatchNorm2d)}
    assert momenta == {0.1}  # later training goes on as before


def test_a_tile_of_the_last_batch_weighs_as_much_as_any() -> None:
    norm = nn.BatchNorm2d(1)
    tiles = np.zeros((9, 6, 6), np.uint8)
    tiles[-1] = 255
    optimizer.refresh_statistics(norm, tiles, batch_size=4)
    assert norm.running_mean is not None
    assert float(norm.running_mean) == pytest.approx(1 / 9)
    assert norm.momentum == 0.1


@pytest.mark.parametrize(("count", "used"), [(5, 5), (8, 8), (9, 5), (15, 8), (100, 8)])
def test_no_more_tiles_than_asked_for_are_looked_at(count: int, used: int) -> None:
    seen: list[Tensor] = []

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(1)

        def forward(self, tiles: Tensor) -> Tensor:
            seen.append(tiles[:, 0, 0, 0])
            result: Tensor = self.norm(tiles)
            return result

    numbered = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    optimizer.refresh_statistics(Small(), numbered, batch_size=3, most=8)
    which = (torch.cat(seen) * 255).round().int().tolist()
    assert len(which) == len(set(which)) == used
    assert max(which) - min(which) >= 0.8 * (count - 1)  # from all over the set
