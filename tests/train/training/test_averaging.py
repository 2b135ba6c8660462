from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from salt_train.network.model import SaltNet
from salt_train.scoring.evaluate import to_input
from salt_train.settings.model_config import ModelConfig
from salt_train.training import averaging
from tests import drawing

TILES = drawing.draw(10, seed=6).tiles
CPU = torch.device("cpu")


def network(**changes: object) -> SaltNet:
    torch.manual_seed(0)
    return SaltNet(ModelConfig(width=8, decoder_channels=8, **changes))  # type: ignore[arg-type]


def test_the_average_moves_towards_the_model() -> None:
    average, model = network(), network()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)
    model.encoder.bn1.num_batches_tracked.fill_(7)
    before = copy.deepcopy(average.state_dict())
    blend = averaging.Blend(average, model)
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
    decays = [averaging.ema_decay(0.99, 10.0, step) for step in range(2000)]
    assert decays[0] == pytest.approx(0.1)
    assert decays == sorted(decays)
    assert decays[100] == pytest.approx(101 / 110)
    assert decays[-1] == 0.99
    assert {averaging.ema_decay(0.99, 1.0, step) for step in range(2000)} == {0.99}


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
    averaging.refresh_statistics(model, TILES[:8], batch_size=4)
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
    averaging.refresh_statistics(norm, tiles, batch_size=4)
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
    averaging.refresh_statistics(Small(), numbered, batch_size=3, most=8)
    which = (torch.cat(seen) * 255).round().int().tolist()
    assert len(which) == len(set(which)) == used
    assert max(which) - min(which) >= 0.8 * (count - 1)  # from all over the set
