"""EfficientNet-Lite encoder with the published parameter names, for grey tiles.

Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019; the Lite
variants leave out squeeze-and-excitation and use ReLU6. Parameters are named as in the PyTorch port
that the weights are published for (``_conv_stem``, ``_blocks.0._depthwise_conv``, ...), so that its
files load as they are.
"""

from __future__ import annotations

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BATCH_NORM_EPSILON = 1e-3  # TensorFlow's; torch's is 1e-5
STEM_CHANNELS = 32  # Lite scales neither these nor the repeats of the first and last stage


@dataclasses.dataclass(frozen=True)
class Stage:
    """A stretch of blocks; the first of them strides and changes the channels."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    outputs: int


# Table 1 of the paper.
_STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
# Name -> how many times as wide and as deep as EfficientNet-B0.
SCALES = {
    "efficientnet-lite0": (1.0, 1.0),
    "efficientnet-lite1": (1.0, 1.1),
    "efficientnet-lite2": (1.1, 1.2),
}


def stages(name: str) -> tuple[Stage, ...]:
    """The stages of a variant: channels rounded to eights, repeats rounded up."""
    width, depth = SCALES[name]
    last = len(_STAGES) - 1
    return tuple(
        dataclasses.replace(
            stage,
            outputs=_to_eights(stage.outputs * width),
            repeats=stage.repeats if index in (0, last) else math.ceil(stage.repeats * depth),
        )
        for index, stage in enumerate(_STAGES)
    )


def _to_eights(channels: float) -> int:
    """The nearest multiple of eight that is not below nine tenths of it."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding of an even edge: where it strides, what is
    missing is added behind more than before (3x3: 0 and 1; 5x5: 1 and 2).
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int) -> None:
        before = (kernel - stride) // 2
        even = stride == 1
        super().__init__(
            inputs, outputs, kernel, stride, before if even else 0, groups=groups, bias=False
        )
        self.edges = () if even else (before, kernel - stride - before) * 2

    def forward(self, x: Tensor) -> Tensor:
        if self.edges:
            x = F.pad(x, self.edges)
        return super().forward(x)


class DepthwiseConv2d(SameConv2d):
    """One filter a channel.

    In bfloat16 on a CPU the backward pass of all but 3x3 filters of stride 1 takes a slow path, up
    to ten times as slow as float32's; those are computed in float32.
    """

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__(channels, channels, kernel, stride, channels)
        self.quick_in_halves = kernel == 3 and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        slow = self.training and x.dtype == torch.bfloat16 and x.device.type == "cpu"
        if self.quick_in_halves or not slow:
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(x.dtype)


class InvertedBottleneck(nn.Module):
    """Expansion by 1x1, depthwise convolution, projection by 1x1; a shortcut where shapes agree.

    Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018.
    """

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        inside = inputs * stage.expansion
        self._expand_conv, self._bn0 = None, None
        if stage.expansion != 1:
            self._expand_conv = nn.Conv2d(inputs, inside, 1, bias=False)
            self._bn0 = _norm(inside)
        self._depthwise_conv = DepthwiseConv2d(inside, stage.kernel, stride)
        self._bn1 = _norm(inside)
        self._project_conv = nn.Conv2d(inside, stage.outputs, 1, bias=False)
        self._bn2 = _norm(stage.outputs)
        self.shortcut = stride == 1 and inputs == stage.outputs

    def forward(self, x: Tensor) -> Tensor:
        inside = x
        if self._expand_conv is not None and self._bn0 is not None:
            inside = _relu6(self._bn0(self._expand_conv(x)))
        inside = _relu6(self._bn1(self._depthwise_conv(inside)))
        outputs: Tensor = self._bn2(self._project_conv(inside))
        return x + outputs if self.shortcut else outputs


class EfficientNetLite(nn.Module):
    """Canvas in, feature maps out, finest first.

    Attributes:
        channels: channels of each feature map.
        strides: canvas pixels a feature pixel, for each map.
        stem: the first convolution.
    """

    strides = (2, 4, 8, 16, 32)

    def __init__(self, name: str, inputs: int = 1) -> None:
        """Random weights of the variant ``name``, a key of ``SCALES``."""
        super().__init__()
        self._conv_stem = SameConv2d(inputs, STEM_CHANNELS, 3, 2, 1)
        self._bn0 = _norm(STEM_CHANNELS)
        blocks: list[InvertedBottleneck] = []
        widths: list[int] = []
        self._ends: list[int] = []
        channels = STEM_CHANNELS
        for stage in stages(name):
            if stage.stride == 2:
                self._ends.append(len(blocks))
                widths.append(channels)
            for stride in (stage.stride, *[1] * (stage.repeats - 1)):
                blocks.append(InvertedBottleneck(channels, stage, stride))
                channels = stage.outputs
        self._blocks = nn.ModuleList(blocks)
        self.channels = [*widths, channels]
        self.apply(_initialise)

    @property
    def stem(self) -> nn.Conv2d:
        return self._conv_stem

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, inputs, S, S] -> [[B, C_i, S / stride_i, S / stride_i], ...], finest first; S is a
        multiple of 32. The maps are those before each downsampling, and the last.
        """
        x = _relu6(self._bn0(self._conv_stem(x)))
        maps = []
        for number, block in enumerate(self._blocks):
            if number in self._ends:
                maps.append(x)
            x = block(x)
        return [*maps, x]


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPSILON)


def _initialise(module: nn.Module) -> None:
    """He initialisation by what a filter sees; of a depthwise one that is one channel."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def _relu6(x: Tensor) -> Tensor:
    """As a clipping, which the exporter keeps whole: runtimes fold that into the convolution before
    it, in float32 and in int8, and the pair of operators that it makes of ``relu6`` they do not.
    """
    return F.hardtanh(x, 0.0, 6.0)
