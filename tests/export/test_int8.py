"""Quantisation of a small real network: what is in int8, what is not, and in which style."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization.calibrate import HistogramCollector

from salt_export import graph, int8, tensors
from salt_export.errors import CalibrationError
from salt_export.int8 import METHODS, STYLES, Prepared
from salt_train.network.model import SaltNet
from salt_train.settings.model_config import ModelConfig
from tests import drawing

TILES = drawing.draw(12, seed=4).tiles


@dataclasses.dataclass(frozen=True)
class Calibrated:
    folder: Path
    prepared: Prepared
    ranges: dict[str, Path]

    def quantized(self, style: str, *in_float: str) -> onnx.ModelProto:
        return int8.quantize(
            self.prepared, self.ranges["minmax"], "minmax", STYLES[style], in_float
        )


@pytest.fixture(scope="module")
def calibrated(gated_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Calibrated:
    folder = tmp_path_factory.mktemp("int8")
    prepared = int8.prepare(onnx.load(gated_model), folder)
    ranges = {"minmax": int8.calibrate(prepared, TILES, "minmax", folder)}
    return Calibrated(folder, prepared, ranges)


def weights_in_int8(proto: onnx.ModelProto) -> set[str]:
    """Modules whose convolution takes its weight from an int8 tensor."""
    producers = {node.output[0]: node for node in proto.graph.node}
    kinds = {each.name: each.data_type for each in proto.graph.initializer}
    found = set()
    for node in proto.graph.node:
        source = producers.get(node.input[1]) if node.op_type.startswith("Conv") else None
        if source is not None and kinds[source.input[0]] == TensorProto.INT8:
            assert source.op_type == "DequantizeLinear"
            found.add(source.input[0].removesuffix("_quantized").removesuffix(".weight"))
    return found


def zero_points(proto: onnx.ModelProto) -> list[np.ndarray]:
    """Of activations."""
    values = {each.name: each for each in proto.graph.initializer}
    nodes = [node for node in proto.graph.node if node.op_type == "QuantizeLinear"]
    return [numpy_helper.to_array(values[node.input[2]]) for node in nodes]


def test_the_trunk_is_quantised_and_nothing_else(calibrated: Calibrated) -> None:
    found = weights_in_int8(calibrated.quantized("cpu"))
    assert found == set(calibrated.prepared.layers)
    names = {name.removeprefix("models.0.") for name in found}
    assert {"encoder.conv1", "encoder.layer4.1.conv2", "decoder.blocks.0.body.0"} <= names
    assert not [name for name in names if name.startswith(("judge_head", "head.last"))]


def test_what_comes_before_and_after_stays_in_float(calibrated: Calibrated) -> None:
    """Nothing but the trunk's first convolution takes the padded tile, and no quantised tensor
    comes after the last convolution, or reaches the judge's layers.
    """
    nodes = list(calibrated.quantized("cpu").graph.node)
    kinds = {node.op_type for node in nodes if node.name in calibrated.prepared.float_nodes}
    assert {"Pad", "Cast", "Div", "Sigmoid", "NonZero", "DepthToSpace"} <= kinds
    quantised = {node.input[0] for node in nodes if node.op_type == "QuantizeLinear"}
    floats = {
        output
        for node in nodes
        if node.name in calibrated.prepared.float_nodes and node.op_type != "Pad"
        for output in node.output
    }
    assert not quantised & floats


def test_the_cpu_gets_unsigned_activations(calibrated: Calibrated) -> None:
    points = zero_points(calibrated.quantized("cpu"))
    assert {point.dtype for point in points} == {np.dtype(np.uint8)}
    assert any(point for point in points)


def test_tensorrt_gets_no_zero_points_and_no_integer_biases(calibrated: Calibrated) -> None:
    proto = calibrated.quantized("tensorrt")
    points = zero_points(proto)
    assert {point.dtype for point in points} == {np.dtype(np.int8)}
    assert not any(point for point in points)
    assert TensorProto.INT32 not in {each.data_type for each in proto.graph.initializer}
    assert weights_in_int8(proto) == set(calibrated.prepared.layers)


def test_weights_have_a_scale_a_channel_and_no_zero_point(calibrated: Calibrated) -> None:
    values = {
        each.name: numpy_helper.to_array(each)
        for each in calibrated.quantized("cpu").graph.initializer
    }
    name = "models.0.encoder.layer1.0.conv1.weight"
    assert values[f"{name}_quantized"].dtype == np.int8
    assert values[f"{name}_scale"].shape == (16,)
    assert not values[f"{name}_zero_point"].any()


def test_layers_are_left_in_float(calibrated: Calibrated) -> None:
    left = list(calibrated.prepared.layers)[3:5]
    found = weights_in_int8(calibrated.quantized("cpu", *left))
    assert found == set(calibrated.prepared.layers) - set(left)


def test_what_comes_of_layers_in_float_alone_is_in_float_too(calibrated: Calibrated) -> None:
    """Else 8 bits would take from their outputs what they kept, and no layer left could help."""
    prepared = calibrated.prepared
    nodes = {node.name: node for node in onnx.load(prepared.path).graph.node}
    first, *others = prepared.layers

    def excluded(*in_float: str) -> set[str]:
        return {*prepared.excluded(in_float)} - {*prepared.float_nodes}

    kinds = [nodes[name].op_type for name in excluded(first)]
    assert kinds.count("Conv") == 1
    assert {"Relu", "MaxPool"} & {*kinds}
    # What is the sum of these and others is quantised, unless all of it is in float.
    assert not {"Add", "Concat"} & {*kinds}
    assert excluded(first, *others) == {*prepared.sources}
    whole = calibrated.quantized("cpu", first, *others)
    assert not [node for node in whole.graph.node if "Linear" in node.op_type]


def test_no_operator_set_is_declared_that_is_not_used(calibrated: Calibrated) -> None:
    """Experimental ones are what a strict parser stumbles over."""
    for style in STYLES:
        assert [each.domain for each in calibrated.quantized(style).opset_import] == [""]


@pytest.mark.slow
def test_transposed_convolutions_are_layers_like_others(tmp_path: Path) -> None:
    """They have their scales on another axis."""
    torch.manual_seed(0)
    config = ModelConfig(width=8, decoder_channels=8, upsampling="transposed", judge=False)
    prepared = int8.prepare(graph.build([SaltNet(config).eval()], gated=False), tmp_path)
    up = [name for name in prepared.layers if name.endswith(".up")]
    assert len(up) == 3
    ranges = int8.calibrate(prepared, TILES[:4], "minmax", tmp_path)
    proto = int8.quantize(prepared, ranges, "minmax", STYLES["cpu"], up[:1])
    assert weights_in_int8(proto) == set(prepared.layers) - {up[0]}
    assert tensors.check(onnx.load(prepared.path), proto) > 50


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_ranges_of_every_method_quantise(
    calibrated: Calibrated, tmp_path: Path, method: int8.Method
) -> None:
    ranges = int8.calibrate(calibrated.prepared, TILES[:4], method, tmp_path)
    proto = int8.quantize(calibrated.prepared, ranges, method, STYLES["cpu"])
    assert weights_in_int8(proto) == set(calibrated.prepared.layers)


def test_the_same_tiles_give_the_same_graph(calibrated: Calibrated, tmp_path: Path) -> None:
    again = int8.calibrate(calibrated.prepared, TILES, "minmax", tmp_path)
    assert again.read_text() == calibrated.ranges["minmax"].read_text()
    one, two = (
        int8.quantize(calibrated.prepared, ranges, "minmax", STYLES["cpu"])
        for ranges in (calibrated.ranges["minmax"], again)
    )
    assert one.SerializeToString(deterministic=True) == two.SerializeToString(deterministic=True)


@pytest.mark.parametrize("method", [pytest.param("entropy", marks=pytest.mark.slow), "percentile"])
def test_activations_that_the_first_tiles_hardly_stir_have_no_more_bins(
    calibrated: Calibrated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: int8.Method
) -> None:
    """Bins as wide as those of the first tiles' values would be thousands, searched for hours."""
    faint = np.full((int8.BATCH, 101, 101), 128, np.uint8)
    faint[:, 50, 50] = 129
    bins = []

    def computed(collector: HistogramCollector) -> dict[str, object]:
        bins.extend(len(counts) for counts, *_ in collector.histogram_dict.values())
        return whole(collector)

    whole = HistogramCollector.compute_collection_result
    monkeypatch.setattr(HistogramCollector, "compute_collection_result", computed)
    ranges = int8.calibrate(
        calibrated.prepared, np.concatenate([faint, TILES[:4]]), method, tmp_path
    )
    assert ranges.exists()
    assert len(bins) > 50
    assert len(set(bins)) == 1


def test_a_range_that_cannot_be_found_is_said(
    calibrated: Calibrated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("eps1=1.0")

    monkeypatch.setattr(HistogramCollector, "compute_collection_result", fail)
    with pytest.raises(CalibrationError, match=r"ONNX Runtime finds no range \(eps1=1.0\)"):
        int8.calibrate(calibrated.prepared, TILES[:4], "percentile", tmp_path)
