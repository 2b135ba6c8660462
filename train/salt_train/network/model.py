"""The network: U-Net on a ResNet or EfficientNet-Lite, with SCSE, hypercolumn and a binary judge.

Ronneberger et al., "U-Net", 2015; Roy et al., "Concurrent Spatial and Channel Squeeze &
Excitation", 2018; Hariharan et al., "Hypercolumns", 2015. The judge, which says from the
encoder alone whether a tile has any salt, is the case study's.

Padding, normalising and cropping are part of the network, so that training, export and
inference cannot disagree about them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from salt_train.network.efficientnet import EfficientNetLite
from salt_train.network.encoder import Encoder
from salt_train.settings.model_config import ModelConfig


class Logits(NamedTuple):
    """All before the sigmoid. ``mask``: float [B, tile, tile]; ``judge``: float [B], or None
    without a judge; ``levels``: with deep supervision while training, each decoder level's own
    mask logits [B, tile, tile].
    """

    mask: Tensor
    judge: Tensor | None
    levels: tuple[Tensor, ...] = ()


class SaltNet(nn.Module):
    """Tiles to logits. ``encode``, ``judge`` and ``decode`` are apart so that an exported graph
    can stop after the judge.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        inputs = 3 if config.coord_conv else 1
        self.encoder = _encoder(config, inputs)
        self.decoder = Decoder(self.encoder.channels, config)
        self.head = Head(config)
        self.judge_head = Judge(self.encoder.channels[-1], config) if config.judge else None
        self.level_heads = nn.ModuleList(
            nn.Conv2d(width, 1, 1)
            for width in (reversed(config.decoder_widths) if config.deep_supervision else ())
        )

    def forward(self, tiles: Tensor) -> Logits:
        """float [B, 1, tile, tile] in 0..1 -> Logits."""
        features = self.encode(tiles)
        levels = self.decoder(features)
        mask = self._crop(self.head(levels))
        judge = None if self.judge_head is None else self.judge_head(features[-1])
        return Logits(mask, judge, self._level_logits(levels) if self.training else ())

    def encode(self, tiles: Tensor) -> list[Tensor]:
        """float [B, 1, tile, tile] in 0..1 -> feature maps, finest first."""
        before, after = padding(self.config)
        normal = (tiles - self.config.mean) / self.config.std
        canvas = F.pad(normal, (before, after, before, after), mode="replicate")
        if self.config.zoom > 1:
            canvas = F.interpolate(canvas, scale_factor=float(self.config.zoom), mode="bilinear")
        if self.config.coord_conv:
            canvas = torch.cat([canvas, _coordinates(canvas)], dim=1)
        # The weights may be float16; the arithmetic up to here is too coarse for that.
        maps: list[Tensor] = self.encoder(canvas.to(self.encoder.stem.weight.dtype))
        return maps

    def decode(self, features: list[Tensor]) -> Tensor:
        """Feature maps -> float [B, tile, tile], logit of "this pixel is salt"."""
        return self._crop(self.head(self.decoder(features)))

    def salt(self, features: list[Tensor], mask: Tensor | None = None) -> Tensor:
        """Feature maps -> float [B], probability of "this tile has salt".

        Without a judge that is the largest pixel's, so the mask's logits are needed.
        """
        if self.judge_head is not None:
            return torch.sigmoid(self.judge_head(features[-1]).float())
        assert mask is not None
        return torch.sigmoid(mask.amax(dim=(1, 2)).float())

    def _crop(self, canvas: Tensor) -> Tensor:
        """Logits [B, 1, S, S] of the padded tile -> [B, tile, tile]."""
        before, _ = padding(self.config)
        inside = slice(before, before + self.config.tile_px)
        return canvas[:, 0, inside, inside]

    def _level_logits(self, levels: list[Tensor]) -> tuple[Tensor, ...]:
        edge = self.config.canvas_px // self.config.zoom
        return tuple(
            self._crop(F.interpolate(head(level), size=(edge, edge), mode="bilinear"))
            for head, level in zip(self.level_heads, levels, strict=False)
        )


def _coordinates(canvas: Tensor) -> Tensor:
    """Column and row of each pixel, -1 to 1: [B, 2, S, S]."""
    line = torch.linspace(-1.0, 1.0, canvas.shape[-1], dtype=canvas.dtype, device=canvas.device)
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    # Not len(): an exporter takes that for a constant.
    return torch.stack([columns, rows]).expand(canvas.shape[0], -1, -1, -1)


def _encoder(config: ModelConfig, inputs: int) -> Encoder | EfficientNetLite:
    if config.is_resnet:
        return Encoder(config.depth, config.width, config.stem_pool, inputs)
    return EfficientNetLite(config.encoder, inputs)


def padding(config: ModelConfig) -> tuple[int, int]:
    """Tile pixels added before and after each axis, before any zoom; 101 -> 128 is (13, 14).

    Edges are replicated, so padding and then zooming is zooming and then padding.
    """
    total = config.canvas_px // config.zoom - config.tile_px
    return total // 2, total - total // 2


class Decoder(nn.Module):
    """Feature maps, finest first -> decoder levels, finest first.

    The finest level has half the canvas' size with a subpixel head or a zoom, and its full size
    without.
    """

    def __init__(self, channels: list[int], config: ModelConfig) -> None:
        super().__init__()
        widths = config.decoder_widths
        # A level at canvas size has no skip: the stem has halved the canvas before the first map.
        skips = [*reversed(channels[:-1]), *([] if config.ends_at_half else [0])]
        below = [channels[-1], *widths[:-1]]
        self.blocks = nn.ModuleList(
            DecoderBlock(inputs, skip, width, config)
            for inputs, skip, width in zip(below, skips, widths, strict=True)
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        x = features[-1]
        skips: list[Tensor | None] = [*reversed(features[:-1]), None]
        levels: list[Tensor] = []
        for block, skip in zip(self.blocks, skips, strict=False):
            x = block(x, skip)
            levels.insert(0, x)
        return levels


class DecoderBlock(nn.Module):
    """Upsampling by 2, the skip beside it, two 3x3 convolutions, SCSE."""

    def __init__(self, inputs: int, skip: int, outputs: int, config: ModelConfig) -> None:
        super().__init__()
        transposed = config.upsampling == "transposed"
        self.up = nn.ConvTranspose2d(inputs, inputs, 2, stride=2) if transposed else None
        self.body = nn.Sequential(
            nn.Conv2d(inputs + skip, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )
        self.scse = Scse(outputs, config.scse_reduction) if config.scse_reduction else nn.Identity()

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        if self.up is None:
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        else:
            x = self.up(x)
        if skip is not None:
            x = torch.cat([x, skip], dim=1)
        result: Tensor = self.scse(self.body(x))
        return result


class Scse(nn.Module):
    """Channel gate plus spatial gate. The dense layers are 1x1 convolutions: their result for one
    tile then does not depend on how many others are in the batch.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.channel = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 1),
        )
        self.spatial = nn.Conv2d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * (torch.sigmoid(self.channel(x)) + torch.sigmoid(self.spatial(x)))


class Head(nn.Module):
    """Decoder levels, finest first -> mask logits [B, 1, S, S].

    A 1x1 convolution over concatenated upsampled levels is the sum of each level's 1x1 projection,
    upsampled: the same function without the wide full-resolution tensor.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, finest_first = config.hypercolumn_channels, config.decoder_widths[::-1]
        self.projections = nn.ModuleList(
            nn.Conv2d(channels, width, 1, bias=level == 0)
            for level, channels in enumerate(finest_first if width else ())
        )
        outputs = 4 if config.subpixel_head and config.zoom == 1 else 1
        self.last = nn.Conv2d(width or finest_first[0], outputs, 3, padding=1)

    def forward(self, levels: list[Tensor]) -> Tensor:
        x = levels[0]
        if len(self.projections):
            x = torch.relu(self._column(levels))
        logits: Tensor = self.last(x)
        return F.pixel_shuffle(logits, 2) if logits.shape[1] == 4 else logits

    def _column(self, levels: list[Tensor]) -> Tensor:
        """Sum of the projected levels at the finest size, added from the coarsest up: upsampling a
        running sum by 2 each time costs a fraction of upsampling each level by itself.
        """
        x = self.projections[-1](levels[-1])
        for projection, level in zip(
            reversed(self.projections[:-1]), reversed(levels[:-1]), strict=True
        ):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = x + projection(level)
        total: Tensor = x
        return total


class Judge(nn.Module):
    """Coarsest feature map -> logit of "has salt", [B]."""

    def __init__(self, channels: int, config: ModelConfig) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(2 * channels, config.judge_channels, 1)
        self.dropout = nn.Dropout(config.judge_dropout)
        self.last = nn.Conv2d(config.judge_channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat([x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)], dim=1)
        logit: Tensor = self.last(self.dropout(torch.relu(self.hidden(pooled))))
        return logit.flatten()
