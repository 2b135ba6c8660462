"""ResNet encoder with torchvision's parameter names, of any width, for grey tiles.

He et al., "Deep Residual Learning for Image Recognition", 2015. Parameters
are named as torchvision names them (``conv1``, ``layer1.0.bn1``, ...).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}  # residual blocks a level


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + shortcut)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and a shortcut, as torchvision has it: the 3x3 strides."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return torch.relu(self.bn3(self.conv3(x)) + shortcut)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module | None:
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class Encoder(nn.Module):
    """Canvas in, feature maps out, finest first.

    Attributes:
        channels: channels of each feature map.
        strides: canvas pixels a feature pixel, for each map.
        stem: the first convolution.
    """

    def __init__(self, depth: int, width: int, stem_pool: bool, inputs: int = 1) -> None:
        super().__init__()
        widths = [width, width * 2, width * 4, width * 8]
        self.conv1 = nn.Conv2d(inputs, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if stem_pool else None
        block = Bottleneck if depth == 50 else BasicBlock
        inputs = width
        for level, (blocks, within) in enumerate(zip(BLOCKS[depth], widths, strict=True)):
            stride = 1 if level == 0 else 2
            setattr(self, f"layer{level + 1}", _level(block, inputs, within, blocks, stride))
            inputs = within * block.expansion
        outputs = [within * block.expansion for within in widths]
        self.channels = [width, *outputs] if stem_pool else outputs
        self.strides = [2, 4, 8, 16, 32] if stem_pool else [2, 4, 8, 16]
        self.apply(_initialise)

    @property
    def stem(self) -> nn.Conv2d:
        return self.conv1

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, inputs, S, S] -> [[B, C_i, S / stride_i, S / stride_i], ...], finest first.

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


def _level(
    block: type[BasicBlock | Bottleneck], inputs: int, width: int, blocks: int, stride: int
) -> nn.Sequential:
    later = (block(width * block.expansion, width, 1) for _ in range(blocks - 1))
    return nn.Sequential(block(inputs, width, stride), *later)


def _initialise(module: nn.Module) -> None:
    """He initialisation; each residual branch starts at zero (Goyal et al., 2017)."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, BasicBlock):
        nn.init.zeros_(module.bn2.weight)
    elif isinstance(module, Bottleneck):
        nn.init.zeros_(module.bn3.weight)
