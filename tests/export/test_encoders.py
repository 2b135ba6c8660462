"""Networks with other encoders and zooms, exported in full size with random weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import onnx
import pytest
import torch
from onnx import numpy_helper

from salt_export import graph, int8, tensors
from salt_export.errors import ParityError
from salt_export.int8 import STYLES
from salt_export.job import export
from salt_export.request import OPSET, Job
from salt_export.tolerances import FP32
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.network.model import SaltNet
from salt_train.settings.model_config import ModelConfig
from tests import drawing

pytestmark = pytest.mark.slow

LITE = ModelConfig(encoder="efficientnet-lite0", decoder_channels=16, decoder_falloff=0.8)
ZOOMED = ModelConfig(width=16, decoder_channels=8, zoom=2, canvas_px=224)


def drawn(start: Path, config: ModelConfig, path: Path) -> Path:
    """A checkpoint of a network with random weights and statistics, as it is after training."""
    torch.manual_seed(1)
    model = SaltNet(config).train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.rand(8, 1, 101, 101))
    first = checkpoints.load(start)
    weights = dict(model.state_dict())
    network = dataclasses.replace(first.config, model=config)
    made = dataclasses.replace(first, config=network, weights=weights, run=None)
    checkpoints.save(made, path)
    return path


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("config", [LITE, ZOOMED], ids=["lite", "zoom"])
def test_they_compute_what_torch_does(
    tiny_checkpoint: Path, tmp_path: Path, config: ModelConfig, gated: bool
) -> None:
    checkpoint = drawn(tiny_checkpoint, config, tmp_path / "a.pth")
    done = export(Job((checkpoint,), tmp_path / "a.onnx", gated=gated, say=lambda _: None))
    assert done.parity.probability_max < FP32.probability
    contract = ModelSession(tmp_path / "a.onnx").contract
    assert contract.architecture == config.architecture
    assert contract.canvas_px == config.canvas_px


@pytest.mark.slow
@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("style", STYLES)
def test_int8_of_a_network_with_relu6_has_its_weights(
    tiny_checkpoint: Path, tmp_path: Path, style: str
) -> None:
    """Its Clips are gone, and with them their limits, which are no weights."""
    checkpoint = drawn(tiny_checkpoint, LITE, tmp_path / "a.pth")
    networks = [checkpoints.build_model(checkpoints.load(checkpoint))]
    prepared = int8.prepare(graph.build(networks, True, OPSET), tmp_path)
    ranges = int8.calibrate(prepared, drawing.draw(8, seed=4).tiles, "minmax", tmp_path)
    network = onnx.load(prepared.path)
    file = int8.quantize(prepared, ranges, "minmax", STYLES[style])
    limits = {"min_val_cast", "max_val_cast"}
    assert limits <= {each.name for each in network.graph.initializer}
    count = tensors.check(network, file)
    assert count >= len(network.graph.initializer) - len(limits)
    weight = next(each for each in file.graph.initializer if each.name.endswith("_quantized"))
    values = numpy_helper.to_array(weight).copy()
    values.flat[0] += 1 if values.flat[0] < 100 else -1
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    with pytest.raises(ParityError, match=weight.name.removesuffix("_quantized")):
        tensors.check(network, file)


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
def test_an_ensemble_of_two_kinds(tiny_checkpoint: Path, tmp_path: Path) -> None:
    lite = drawn(tiny_checkpoint, LITE, tmp_path / "lite.pth")
    done = export(Job((tiny_checkpoint, lite), tmp_path / "a.onnx", gated=True, say=lambda _: None))
    assert done.parity.probability_max < FP32.probability
    assert " + " in done.contract.architecture
