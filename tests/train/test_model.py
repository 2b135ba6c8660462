from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from salt_train.config import ModelConfig
from salt_train.errors import ConfigError
from salt_train.model import Head, SaltNet, padding

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
    ],
)
def test_every_shape_of_network_gives_tile_sized_logits(changes: dict[str, int]) -> None:
    torch.manual_seed(0)
    model = SaltNet(ModelConfig(width=8, decoder_channels=8, **changes)).eval()  # type: ignore[arg-type]
    with torch.inference_mode():
        logits = model(TILES)
        assert logits.mask.shape == (3, 101, 101)
        assert logits.judge.shape == (3,)
        alone = model(TILES[1:2])
    torch.testing.assert_close(alone.mask[0], logits.mask[1], atol=1e-5, rtol=1e-5)


def test_padding_puts_the_smaller_half_first() -> None:
    assert padding(ModelConfig()) == (13, 14)
    assert padding(ModelConfig(canvas_px=112)) == (5, 6)


def test_the_decoder_sees_the_tile_where_it_was() -> None:
    """A bright spot moves the logits around that very pixel, not 13 pixels off."""
    torch.manual_seed(0)
    model = SaltNet(ModelConfig(width=8, decoder_channels=8, scse_reduction=0)).eval()
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
    head = Head(3, config).double()
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
        ({"canvas_px": 120}, "multiple of 16"),
        ({"canvas_px": 96}, "at least the tile's 101 px"),
        ({"canvas_px": 112, "stem_pool": True}, "multiple of 32"),
        ({"width": 0}, "at least 1"),
    ],
)
def test_impossible_networks(changes: dict[str, int], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        ModelConfig(**changes)  # type: ignore[arg-type]
