from __future__ import annotations

import dataclasses

import pytest
import torch

from salt_export import cost
from salt_train.network.model import SaltNet
from salt_train.settings.model_config import ModelConfig


def test_a_network_counted_by_hand() -> None:
    """Its convolutions, one by one, from their shapes alone."""
    config = ModelConfig(width=8, decoder_channels=8, hypercolumn_channels=4, judge_channels=8)
    model = SaltNet(config)
    stem = 64 * 64 * 8 * 49
    levels = [
        side * side * out * out * 9 * 4 for side, out in ((64, 8), (32, 16), (16, 32), (8, 64))
    ]
    # The first convolution of levels 2 to 4 has half the inputs; each has a 1x1 shortcut.
    halves = [side * side * out * (out // 2) * 9 for side, out in ((32, 16), (16, 32), (8, 64))]
    shortcuts = [side * side * out * (out // 2) for side, out in ((32, 16), (16, 32), (8, 64))]
    inputs = ((16, 96), (32, 24), (64, 16))
    decoder = [side * side * 8 * 9 * (channels + 8) for side, channels in inputs]
    scse = [side * side * 8 + 2 * 8 for side in (16, 32, 64)]
    head = [side * side * 8 * 4 for side in (16, 32, 64)] + [64 * 64 * 4 * 4 * 9]
    judge = [128 * 8, 8]
    total = stem + sum(levels) - sum(halves) + sum(shortcuts)
    total += sum(decoder) + sum(scse) + sum(head) + sum(judge)
    found = cost.of(model)
    assert found.gmac == pytest.approx(total / 1e9, rel=1e-9)
    drawn = total + sum((64 * 64 - side * side) * 8 * 4 for side in (16, 32))
    assert found.gmac_as_drawn == pytest.approx(drawn / 1e9, rel=1e-9)
    assert found.parameters == sum(weight.numel() for weight in model.parameters())


def test_heads_for_training_alone_cost_nothing() -> None:
    plain = ModelConfig(width=8, decoder_channels=8)
    torch.manual_seed(0)
    deep = ModelConfig(width=8, decoder_channels=8, deep_supervision=True)
    assert cost.of(SaltNet(plain)) == cost.of(SaltNet(deep))


def test_transposed_convolutions_count_once_for_each_output() -> None:
    plain = ModelConfig(width=8, decoder_channels=8, hypercolumn_channels=0, subpixel_head=False)
    bilinear = cost.of(SaltNet(plain))
    up = cost.of(SaltNet(dataclasses.replace(plain, upsampling="transposed")))
    inputs = ((16, 64), (32, 8), (64, 8), (128, 8))
    more = sum(side * side * channels**2 for side, channels in inputs)
    assert up.gmac - bilinear.gmac == pytest.approx(more / 1e9, rel=1e-9)


def test_levels_of_other_widths_are_counted_by_their_own() -> None:
    taper = ModelConfig(
        width=8, decoder_channels=16, decoder_falloff=0.5, hypercolumn_channels=4, zoom=2,
        canvas_px=224,
    )  # fmt: skip
    found = cost.of(SaltNet(taper))
    assert taper.decoder_widths == (16, 8, 8)
    more = sum((112**2 - side**2) * width * 4 for side, width in ((56, 8), (28, 16)))
    assert found.gmac_as_drawn - found.gmac == pytest.approx(more / 1e9, rel=1e-9)
