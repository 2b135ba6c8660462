from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from salt_export import int8, tensors
from salt_export.errors import ParityError
from salt_export.int8 import STYLES
from tests import drawing

TILES = drawing.draw(12, seed=4).tiles
Graphs = tuple[onnx.ModelProto, dict[str, onnx.ModelProto]]


@pytest.fixture(scope="module")
def graphs(gated_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Graphs:
    """A network's graph in float32, and in int8 of each style."""
    folder = tmp_path_factory.mktemp("tensors")
    prepared = int8.prepare(onnx.load(gated_model), folder)
    ranges = int8.calibrate(prepared, TILES, "minmax", folder)
    quantised = {
        name: int8.quantize(prepared, ranges, "minmax", style) for name, style in STYLES.items()
    }
    return onnx.load(prepared.path), quantised


def changed(proto: onnx.ModelProto, kind: int, by: float) -> tuple[str, onnx.ModelProto]:
    """With the first number of the largest tensor of a type moved."""
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    largest = max(
        (each for each in result.graph.initializer if each.data_type == kind),
        key=lambda each: int(np.prod(each.dims)),
    )
    value = numpy_helper.to_array(largest).copy()
    first = value.flat[0]
    value.flat[0] = first - by if value.dtype == np.int8 and first > 0 else first + by
    largest.CopyFrom(numpy_helper.from_array(value, largest.name))
    return largest.name, result


@pytest.mark.parametrize("style", STYLES)
def test_an_honest_file_has_the_networks_weights(graphs: Graphs, style: str) -> None:
    network, quantised = graphs
    count = tensors.check(network, quantised[style])
    assert count == len(network.graph.initializer) > 50


@pytest.mark.parametrize("style", STYLES)
def test_one_step_of_one_weight_is_found(graphs: Graphs, style: str) -> None:
    network, quantised = graphs
    name, file = changed(quantised[style], TensorProto.INT8, 1)
    plain = name.removesuffix("_quantized")
    scales = {each.name: numpy_helper.to_array(each) for each in file.graph.initializer}
    step = float(scales[f"{plain}_scale"][0])
    with pytest.raises(ParityError, match=f"weight {plain} differs .* by ") as caught:
        tensors.check(network, file)
    assert 0.5 * step <= float(str(caught.value).split(" by ")[1].split(";")[0]) <= 1.51 * step


def test_a_weight_in_float_has_to_be_the_same_bits(graphs: Graphs) -> None:
    network, _ = graphs
    name, file = changed(network, TensorProto.FLOAT, 1e-6)
    with pytest.raises(ParityError, match=f"weight {name} differs from the network's by 1e-06"):
        tensors.check(network, file)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_differs(graphs: Graphs, value: float) -> None:
    network, _ = graphs
    _, file = changed(network, TensorProto.FLOAT, value)
    with pytest.raises(ParityError, match="differs"):
        tensors.check(network, file)


def test_scales_that_are_zero_or_missing_weights_are_found(graphs: Graphs) -> None:
    network, quantised = graphs
    file = onnx.ModelProto()
    file.CopyFrom(quantised["cpu"])
    scale = next(each for each in file.graph.initializer if each.name.endswith("weight_scale"))
    nothing = np.zeros(list(scale.dims), np.float32)
    scale.CopyFrom(numpy_helper.from_array(nothing, scale.name))
    with pytest.raises(ParityError, match=scale.name.removesuffix("_scale")):
        tensors.check(network, file)
    del file.graph.initializer[:]
    match = r"\d+ of the network's \d+ tensors are not in the file, such as .*another program"
    with pytest.raises(ParityError, match=match):
        tensors.check(network, file)


@pytest.mark.parametrize(
    ("what", "told"), [("scale", "are not in the file"), ("zero_point", "in its shape")]
)
def test_scales_that_another_program_renamed_or_cut_are_told(
    graphs: Graphs, what: str, told: str
) -> None:
    network, quantised = graphs
    file = onnx.ModelProto()
    file.CopyFrom(quantised["cpu"])
    found = next(
        each for each in file.graph.initializer
        if each.name.endswith(f"weight_{what}") and each.dims and each.dims[0] > 1
    )  # fmt: skip
    weight = found.name.removesuffix(f"_{what}")
    if what == "scale":
        found.name = "renamed"
    else:
        found.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(found)[1:], found.name))
    with pytest.raises(ParityError, match=told) as caught:
        tensors.check(network, file)
    assert weight in str(caught.value)


def test_limits_of_a_clip_may_be_missing_and_weights_may_not() -> None:
    """Of a limit that is left out there is an empty name; a limit that is a weight, too, is one."""
    names = ("low", "high", "weight")
    values = [numpy_helper.from_array(np.float32(at), name) for at, name in enumerate(names)]

    def network(*nodes: onnx.NodeProto) -> onnx.ModelProto:
        proto = onnx.ModelProto()
        proto.graph.node.extend(nodes)
        proto.graph.initializer.extend(values)
        return proto

    clip = helper.make_node("Clip", ["x", "", "high"], ["y"])
    other = helper.make_node("Clip", ["y", "low", "weight"], ["z"])
    added = helper.make_node("Add", ["z", "weight"], ["sum"])
    file = network()
    assert tensors.check(network(clip, other, added), file) == 3
    del file.graph.initializer[:2]
    assert tensors.check(network(clip, other, added), file) == 1
    del file.graph.initializer[:]
    with pytest.raises(ParityError, match=r"1 of the network's 1 tensors are .* such as weight;"):
        tensors.check(network(clip, other, added), file)
    file.graph.initializer.append(numpy_helper.from_array(np.zeros(2, np.float32), "weight"))
    with pytest.raises(ParityError, match="weight weight differs from the network's in its shape"):
        tensors.check(network(clip, other, added), file)
