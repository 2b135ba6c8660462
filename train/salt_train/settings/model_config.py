"""What a network is: the frozen settings that its weights fit, stored in every checkpoint."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, get_args

from salt_infer.masks.rle import TILE_SHAPE
from salt_train.errors import ConfigError
from salt_train.settings.validation import NOT_NEGATIVE, SMALLEST, check

UpsamplingName = Literal["bilinear", "transposed"]
EncoderName = Literal[
    "resnet", "resnet18", "resnet34", "resnet50",
    "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2",
]  # fmt: skip

# Settings of ModelConfig that mean nothing with another encoder.
OF_RESNETS = ("depth", "width", "stem_pool")

# A checkpoint's settings are made into a network before its weights can be seen not to fit; so
# these bound the memory. Recipes have a width of up to 64 and as many channels.
_WIDTH, _CHANNELS, _CANVAS_PX = (1, 256), (1, 1024), 1024


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Shape of the network; with it a state dict can be loaded without the run that made it.

    Attributes:
        encoder: ``resnet`` of the depth below (``resnet34`` is short for that with a depth of 34),
            or ``efficientnet-lite0`` to ``2``.
        depth: ResNet depth, 18, 34 or 50.
        width: channels of a ResNet's first level (64 is torchvision's); each level doubles it.
        stem_pool: keep the ResNet's max-pool after the stem, which halves every feature map.
        zoom: how many times its size, 1 or 2, the encoder is shown the tile at. At twice its size
            the half-size decoder level has the tile's own resolution and predicts the mask.
        decoder_channels: channels of the coarsest decoder level.
        decoder_falloff: how many times as many channels each finer level has, rounded to eights.
        hypercolumn_channels: channels that each decoder level is projected to before the last
            convolution; 0 uses the last level alone.
        subpixel_head: predict 2x2 canvas pixels from each pixel of the half-size decoder level
            (Shi et al., 2016) instead of adding a decoder level at canvas size; the stem has
            halved the canvas already, so that level has no skip to learn from and costs most.
            Without effect at a zoom of 2, which needs neither.
        scse_reduction: channel reduction of the SCSE blocks; 0 leaves them out.
        upsampling: between decoder levels, ``bilinear`` or ``transposed`` convolution.
        coord_conv: give the stem two more channels, each pixel's column and row (Liu et al., "An
            intriguing failing of convolutional neural networks and the CoordConv solution", 2018).
        deep_supervision: while training, every decoder level predicts the mask too (Lee et al.,
            "Deeply-Supervised Nets", 2015); the deployed network is the same without.
        judge: a classifier on the encoder says whether a tile has salt. Without one the tile's
            largest pixel probability stands in for it.
        judge_channels: hidden channels of the binary judge.
        judge_dropout: dropout before the judge's last layer, 0..1.
        tile_px: tile edge, 101: files say what they are for, and nothing else can be read,
            scored or encoded.
        canvas_px: edge of what the encoder is shown: the tile times the zoom, replicate-padded
            (before: the smaller half of the difference).
        mean: of grey values in 0..1, which is subtracted (that of the TGS train tiles).
        std: their spread, by which what is left is divided (likewise).
    """

    encoder: EncoderName = "resnet"
    depth: int = 18
    width: int = 32
    stem_pool: bool = False
    zoom: int = 1
    decoder_channels: int = 32
    decoder_falloff: float = 1.0
    hypercolumn_channels: int = 32
    subpixel_head: bool = True
    scse_reduction: int = 16
    upsampling: UpsamplingName = "bilinear"
    coord_conv: bool = False
    deep_supervision: bool = False
    judge: bool = True
    judge_channels: int = 64
    judge_dropout: float = 0.2
    tile_px: int = 101
    canvas_px: int = 128
    mean: float = 0.47
    std: float = 0.16

    def __post_init__(self) -> None:
        check(
            self, width=_WIDTH, decoder_channels=_CHANNELS, judge_channels=_CHANNELS,
            hypercolumn_channels=(0, _CHANNELS[1]), scse_reduction=NOT_NEGATIVE,
            decoder_falloff=(0.1, 1), judge_dropout=(0, 1), mean=(-1, 1), std=(SMALLEST, math.inf),
        )  # fmt: skip
        self._check_encoder()
        if self.tile_px != TILE_SHAPE[0]:
            raise ConfigError(
                f"tile_px is {self.tile_px}, expected {TILE_SHAPE[0]}: tiles of another size can "
                "be neither read nor scored; for a larger network input change canvas_px"
            )
        stride, shown = self.coarsest_stride, self.tile_px * self.zoom
        if self.canvas_px % stride or not shown <= self.canvas_px <= _CANVAS_PX:
            raise ConfigError(
                f"canvas is {self.canvas_px} px, expected a multiple of {stride} that is at least "
                f"the tile's {shown} px and at most {_CANVAS_PX}; --set "
                f"model.canvas_px={math.ceil(shown / stride) * stride} is the least"
            )

    def _check_encoder(self) -> None:
        if self.encoder not in get_args(EncoderName):
            raise ConfigError(
                f"encoder is {self.encoder!r}, expected one of {', '.join(get_args(EncoderName))}"
            )
        if self.encoder.removeprefix("resnet").isdecimal():  # one spelling, so that equal is equal
            object.__setattr__(self, "depth", int(self.encoder.removeprefix("resnet")))
            object.__setattr__(self, "encoder", "resnet")
        if self.depth not in (18, 34, 50):
            raise ConfigError(f"depth is {self.depth}, expected 18, 34 or 50")
        if self.zoom not in (1, 2):
            raise ConfigError(f"zoom is {self.zoom}, expected 1 or 2")

    @property
    def is_resnet(self) -> bool:
        """Whether depth, width and stem_pool mean anything."""
        return self.encoder == "resnet"

    @property
    def meant(self) -> ModelConfig:
        """The same but for what means nothing here: equal where the networks are."""
        if self.is_resnet:
            return self
        idle = {name: getattr(ModelConfig, name) for name in OF_RESNETS}
        return dataclasses.replace(self, **idle)

    @property
    def deployed(self) -> ModelConfig:
        """The same without what is of training alone."""
        return dataclasses.replace(self, judge_dropout=0.0, deep_supervision=False)

    @property
    def coarsest_stride(self) -> int:
        """Canvas pixels a pixel of the encoder's last feature map."""
        return 16 if self.is_resnet and not self.stem_pool else 32

    @property
    def ends_at_half(self) -> bool:
        """Whether the finest decoder level has half the canvas' size."""
        return self.subpixel_head or self.zoom == 2

    @property
    def decoder_widths(self) -> tuple[int, ...]:
        """Channels of each decoder level, coarsest first."""
        halvings = self.coarsest_stride.bit_length() - 1
        exact = (
            self.decoder_channels * self.decoder_falloff**level
            for level in range(halvings - self.ends_at_half)
        )
        if self.decoder_falloff == 1:
            return tuple(map(int, exact))
        return tuple(max(8, round(channels / 8) * 8) for channels in exact)

    @property
    def architecture(self) -> str:
        """One line for people: which network this is."""
        encoder = f"ResNet{self.depth} encoder (width {self.width})"
        if not self.is_resnet:
            encoder = f"{self.encoder.replace('efficientnet-lite', 'EfficientNet-Lite')} encoder"
        zoom = f", tiles at {self.zoom} times their size" if self.zoom > 1 else ""
        widths = "/".join(map(str, dict.fromkeys(self.decoder_widths)))
        scse = f", SCSE r={self.scse_reduction}" if self.scse_reduction else ""
        columns = ", hypercolumn" if self.hypercolumn_channels else ""
        coord = ", CoordConv" if self.coord_conv else ""
        judge = ", binary judge" if self.judge else ""
        return f"U-Net, {encoder}{zoom}{coord}, {widths}-channel decoder{scse}{columns}{judge}"
