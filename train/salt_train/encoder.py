"""ResNet encoder with torchvision's parameter names, of any width, for one grey channel.

He et al., "Deep Residual Learning for Image Recognition", 2015. Parameters
are named as torchvision names them (``conv1``, ``layer1.0.bn1``, ...).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}  # residual blocks a level


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + shortcut)


class Encoder(nn.Module):
    """Canvas in, feature maps out, finest first.

    Attributes:
        channels: channels of each feature map.
        strides: canvas pixels a feature pixel, for each map.
    """

    def __init__(self, depth: int, width: int, stem_pool: bool) -> None:
        super().__init__()
        widths = [width, width * 2, width * 4, width * 8]
        self.conv1 = nn.Conv2d(1, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if stem_pool else None
        inputs = width
        for level, (blocks, outputs) in enumerate(zip(BLOCKS[depth], widths, strict=True)):
            stride = 1 if level == 0 else 2
            setattr(self, f"layer{level + 1}", _level(inputs, outputs, blocks, stride))
            inputs = outputs
        self.channels = [width, *widths] if stem_pool else widths
        self.strides = [2, 4, 8, 16, 32] if stem_pool else [2, 4, 8, 16]
        self.apply(_initialise)

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, 1, S, S] -> [[B, C_i, S / stride_i, S / stride_i], ...], finest first.

        The maps are those before each downsampling, and the last.
        """
        x = self.relu(self.bn1(self.conv1(x)))
        maps = []
        if self.maxpool is not None:
            maps.append(x)
            x = self.maxpool(x)
        for level in range(1, 5):
            x = getattr(self, f"layer{level}")(x)
            maps.append(x)
        return maps


def _level(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs, 1) for _ in range(blocks - 1)))


def _initialise(module: nn.Module) -> None:
    """He initialisation; each residual branch starts at zero (Goyal et al., 2017)."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, BasicBlock):
        nn.init.zeros_(module.bn2.weight)
