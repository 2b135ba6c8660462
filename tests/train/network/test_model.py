from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from salt_train.errors import ConfigError
from salt_train.network.model import DecoderBlock, Head, SaltNet, padding
from salt_train.settings.model_config import ModelConfig

TILES = torch.rand(3, 1, 101, 101, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"depth": 34},
        {"depth": 50},
        {"stem_pool": True},
        {"subpixel_head": False},
        {"hypercolumn_channels": 0},
        {"scse_reduction": 0},
        {"canvas_px": 112},
        {"upsampling": "transposed", "stem_pool": True, "subpixel_head": False},
        {"coord_conv": True},
        {"deep_supervision": True},
        {"judge": False},
        {"encoder": "efficientnet-lite0"},
        {"encoder": "efficientnet-lite2", "decoder_channels": 24, "decoder_falloff": 0.7},
        {"zoom": 2, "canvas_px": 224},
        {"zoom": 2, "canvas_px": 224, "subpixel_head": False, "deep_supervision": True},
        {"decoder_falloff": 0.5, "subpixel_head": False, "deep_supervision": True},
    ],
)
def test_every_shape_of_network_gives_tile_sized_logits(changes: dict[str, object]) -> None:
    torch.manual_seed(0)
    shape = {"width": 8, "decoder_channels": 8} | changes
    model = SaltNet(ModelConfig(**shape)).eval()  # type: ignore[arg-type]
    with torch.inference_mode():
        logits = model(TILES)
        assert logits.mask.shape == (3, 101, 101)
        assert (logits.judge is not None) == model.config.judge
        assert logits.judge is None or logits.judge.shape == (3,)
        alone = model(TILES[1:2])
    torch.testing.assert_close(alone.mask[0], logits.mask[1], atol=1e-5, rtol=1e-5)


def test_padding_puts_the_smaller_half_first() -> None:
    assert padding(ModelConfig()) == (13, 14)
    assert padding(ModelConfig(canvas_px=112)) == (5, 6)
    assert padding(ModelConfig(canvas_px=224, zoom=2)) == (5, 6)


def test_padding_and_then_zooming_is_zooming_and_then_padding() -> None:
    model = SaltNet(ModelConfig(width=8, decoder_channels=8, zoom=2, canvas_px=224)).eval()
    seen: list[torch.Tensor] = []
    model.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        model.encode(TILES)
    normal = (TILES - model.config.mean) / model.config.std
    twice = F.interpolate(normal, scale_factor=2.0, mode="bilinear")
    assert twice.shape == (3, 1, 202, 202)
    torch.testing.assert_close(seen[0], F.pad(twice, (10, 12, 10, 12), mode="replicate"))


def test_resnets_have_one_spelling() -> None:
    assert ModelConfig(encoder="resnet34") == ModelConfig(depth=34)
    assert ModelConfig(encoder="resnet50", depth=18).depth == 50
    assert "ResNet34 encoder (width 32)" in ModelConfig(encoder="resnet34").architecture


def test_decoder_levels_taper_in_eights() -> None:
    lite = ModelConfig(encoder="efficientnet-lite0", decoder_channels=48, decoder_falloff=0.8)
    assert lite.decoder_widths == (48, 40, 32, 24)
    assert "EfficientNet-Lite0 encoder, 48/40/32/24-channel decoder" in lite.architecture
    assert ModelConfig(decoder_channels=30).decoder_widths == (30, 30, 30)
    assert ModelConfig(subpixel_head=False).decoder_widths == (32, 32, 32, 32)


@pytest.mark.parametrize(
    "changes", [{}, {"zoom": 2, "canvas_px": 224}, {"encoder": "efficientnet-lite0"}]
)
def test_the_decoder_sees_the_tile_where_it_was(changes: dict[str, object]) -> None:
    """A bright spot moves the logits around that very pixel, not 13 pixels off."""
    torch.manual_seed(0)
    shape = {"width": 8, "decoder_channels": 8, "scse_reduction": 0} | changes
    model = SaltNet(ModelConfig(**shape)).eval()  # type: ignore[arg-type]
    spot = TILES.clone()
    spot[0, 0, 20, 70] += 5.0
    with torch.inference_mode():
        features, changed = model.encode(TILES[:1]), model.encode(spot[:1])
        # The finest map alone: coarser ones blur the place.
        finest = [changed[0], *features[1:]]
        change = (model.decode(finest) - model.decode(features)).abs()[0]
    rows, columns = (change > 0.2 * change.max()).nonzero(as_tuple=True)
    assert abs(float(rows.float().mean()) - 20) < 6
    assert abs(float(columns.float().mean()) - 70) < 6


def test_the_hypercolumn_is_a_convolution_over_concatenated_levels() -> None:
    """Projecting before upsampling, and adding up from the coarsest, is the same function."""
    torch.manual_seed(0)
    config = ModelConfig(decoder_channels=6, hypercolumn_channels=5)
    head = Head(config).double()
    levels = [torch.randn(2, 6, size, size, dtype=torch.float64) for size in (32, 16, 8)]
    upsampled = [levels[0]]
    for steps, level in enumerate(levels[1:], start=1):
        for _ in range(steps):
            level = F.interpolate(level, scale_factor=2.0, mode="bilinear")
        upsampled.append(level)
    weight = torch.cat([projection.weight for projection in head.projections], dim=1)
    column = F.conv2d(torch.cat(upsampled, dim=1), weight, head.projections[0].bias)
    expected = F.pixel_shuffle(head.last(column.relu()), 2)
    torch.testing.assert_close(head(levels), expected)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"depth": 20}, "depth is 20, expected 18, 34 or 50"),
        ({"encoder": "vgg"}, "encoder is 'vgg', expected one of resnet, resnet18"),
        ({"zoom": 3}, "zoom is 3, expected 1 or 2"),
        ({"zoom": 2}, "at least the tile's 202 px"),
        ({"encoder": "efficientnet-lite0", "canvas_px": 112}, "multiple of 32"),
        ({"decoder_falloff": 2.0}, "decoder_falloff is 2.0, expected 0.1 to 1"),
        ({"tile_px": 128}, "tile_px is 128, expected 101: tiles of another size can be neither"),
        ({"canvas_px": 120}, "multiple of 16"),
        ({"canvas_px": 96}, "at least the tile's 101 px"),
        ({"canvas_px": 112, "stem_pool": True}, "multiple of 32"),
        ({"width": 0}, "expected 1 to "),
        ({"upsampling": "nearest"}, "upsampling is 'nearest', expected one of bilinear, transpo"),
        ({"scse_reduction": -1}, "scse_reduction is -1, expected 0 or more"),
        ({"hypercolumn_channels": -1}, "hypercolumn_channels is -1, expected 0 to 1024"),
        ({"judge_dropout": 2.0}, "judge_dropout is 2.0, expected 0 to 1"),
        ({"width": 4096}, "width is 4096, expected 1 to 256"),
        ({"width": 32.0}, "width is 32.0, expected a whole number"),
        ({"judge_channels": 1025}, "judge_channels is 1025, expected 1 to 1024"),
        ({"judge": "no"}, "judge is 'no', expected true or false"),
        ({"canvas_px": 2048}, "at least the tile's 101 px and at most 1024"),
        ({"std": 0.0}, "std is 0.0, expected 0.001 or more"),
    ],
)
def test_impossible_networks(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        ModelConfig(**changes)  # type: ignore[arg-type]


def test_without_a_judge_salt_is_the_largest_pixel() -> None:
    torch.manual_seed(0)
    model = SaltNet(ModelConfig(width=8, decoder_channels=8, judge=False)).eval()
    with torch.inference_mode():
        logits = model(TILES)
        assert logits.judge is None
        features = model.encode(TILES)
        salt = model.salt(features, model.decode(features))
    largest = torch.sigmoid(logits.mask).flatten(1).max(dim=1).values
    torch.testing.assert_close(salt, largest)
    assert salt.shape == (3,)
    assert not any(name.startswith("judge") for name in model.state_dict())


def test_with_a_judge_salt_is_its_own() -> None:
    torch.manual_seed(0)
    model = SaltNet(ModelConfig(width=8, decoder_channels=8)).eval()
    with torch.inference_mode():
        features = model.encode(TILES)
        expected = torch.sigmoid(model(TILES).judge)
        torch.testing.assert_close(model.salt(features), expected)
        torch.testing.assert_close(model.salt(features, torch.zeros(3, 101, 101)), expected)


@pytest.mark.parametrize(
    "changes", [{}, {"stem_pool": True, "subpixel_head": False}, {"hypercolumn_channels": 0}]
)
def test_every_decoder_level_learns_and_none_is_deployed(changes: dict[str, int]) -> None:
    torch.manual_seed(0)
    config = ModelConfig(width=8, decoder_channels=8, deep_supervision=True, **changes)  # type: ignore[arg-type]
    model = SaltNet(config).train()
    logits = model(TILES)
    assert len(logits.levels) == len(model.decoder.blocks)
    for level in logits.levels:
        assert level.shape == TILES[:, 0].shape
    sum(level.mean() for level in logits.levels).backward()
    for name, weight in model.named_parameters():
        if name.startswith(("level_heads", "decoder")):
            assert weight.grad is not None, name
    assert model.eval()(TILES).levels == ()
    plain = SaltNet(dataclasses.replace(config, deep_supervision=False))
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if "level_heads" not in k})
    assert torch.equal(plain.eval()(TILES).mask, model(TILES).mask)
    assert plain.train()(TILES).levels == ()


def test_a_level_predicts_where_its_pixels_are() -> None:
    """A head that passes one channel on: its logits are the upsampled level, cropped as the output
    is.
    """
    torch.manual_seed(0)
    config = ModelConfig(width=8, decoder_channels=8, deep_supervision=True)
    model = SaltNet(config).train()
    for head in model.level_heads:
        head.weight.data.zero_()
        head.weight.data[0, 3] = 1.0
        head.bias.data.zero_()
    levels = model.decoder(model.encode(TILES))
    for level, predicted in zip(levels, model(TILES).levels, strict=True):
        canvas = F.interpolate(level[:, 3:4], size=(128, 128), mode="bilinear")
        torch.testing.assert_close(predicted, canvas[:, 0, 13:114, 13:114], atol=1e-4, rtol=1e-4)


def test_coordinates_are_the_pixels_columns_and_rows() -> None:
    torch.manual_seed(0)
    model = SaltNet(ModelConfig(width=8, decoder_channels=8, coord_conv=True)).eval()
    assert model.encoder.conv1.in_channels == 3
    seen = []
    model.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model.encode(TILES)
    (canvas,) = seen
    line = torch.linspace(-1, 1, 128)
    assert canvas.shape == (3, 3, 128, 128)
    torch.testing.assert_close(canvas[2, 1], line.expand(128, 128))  # grows along a row
    torch.testing.assert_close(canvas[0, 2], line[:, None].expand(128, 128))
    grey = (TILES - model.config.mean) / model.config.std
    torch.testing.assert_close(canvas[:, :1, 13:114, 13:114], grey)


def test_coordinates_reach_the_mask() -> None:
    torch.manual_seed(0)
    plain = SaltNet(ModelConfig(width=8, decoder_channels=8)).eval()
    coord = SaltNet(ModelConfig(width=8, decoder_channels=8, coord_conv=True)).eval()
    state = plain.state_dict()
    stem = state.pop("encoder.conv1.weight")
    coord.load_state_dict(state, strict=False)
    with torch.inference_mode():
        for size, same in ((0.0, True), (1.0, False)):
            coord.encoder.conv1.weight.copy_(torch.cat([stem, size * stem, size * stem], dim=1))
            close = torch.allclose(coord(TILES).mask, plain(TILES).mask, atol=1e-5)
            assert close == same


def test_transposed_upsampling_is_learnt() -> None:
    torch.manual_seed(0)
    block = DecoderBlock(6, 4, 8, ModelConfig(upsampling="transposed"))
    assert isinstance(block.up, nn.ConvTranspose2d)
    x, skip = torch.rand(2, 6, 8, 8), torch.rand(2, 4, 16, 16)
    block(x, skip).square().sum().backward()
    assert block.up.weight.grad is not None
    assert float(block.up.weight.grad.abs().sum()) > 0
    # Each of its pixels comes from one below: it starts without bilinear's blur.
    up = block.up(x)
    assert up.shape == (2, 6, 16, 16)
    expected = torch.einsum("bihw,ioyx->bohywx", x, block.up.weight).reshape(2, 6, 16, 16)
    torch.testing.assert_close(up, expected + block.up.bias[:, None, None])
    assert DecoderBlock(6, 4, 8, ModelConfig()).up is None
