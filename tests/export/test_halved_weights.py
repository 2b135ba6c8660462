from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from salt_export.errors import ParityError
from salt_export.halved_weights import SMALLEST, STORED, stored_in_half
from salt_export.job import export
from salt_export.request import Job
from salt_export.verify import verify
from salt_infer.backends.onnxruntime_session import ModelSession
from tests import changeable, drawing

TILES = drawing.draw(6, seed=3).tiles


def test_weights_become_half_of_what_they_were(dense_model: Path) -> None:
    whole = onnx.load(dense_model)
    before = whole.SerializeToString(deterministic=True)
    half = stored_in_half(whole)
    assert whole.SerializeToString(deterministic=True) == before
    kept = {tensor.name: tensor for tensor in half.graph.initializer}
    casts = {node.output[0]: node.input[0] for node in half.graph.node if node.op_type == "Cast"}
    stored = 0
    for tensor in whole.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if value.dtype != np.float32 or value.size < SMALLEST:
            assert kept[tensor.name] == tensor
            continue
        assert casts[tensor.name] == f"{tensor.name}{STORED}"
        found = numpy_helper.to_array(kept[casts[tensor.name]])
        np.testing.assert_array_equal(found, value.astype(np.float16))
        stored += 1
    assert stored > 5


def test_what_float16_cannot_hold_stays() -> None:
    large = np.full(SMALLEST, 1e6, np.float32)
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "large"], ["y"])],
        "sum",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [SMALLEST])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [SMALLEST])],
        [numpy_helper.from_array(large, "large")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    assert stored_in_half(model) == model


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
@pytest.mark.parametrize("gated", [True, False])
def test_a_file_of_half_the_size_says_nearly_the_same(
    tiny_checkpoint: Path, dense_model: Path, tmp_path: Path, gated: bool
) -> None:
    path = tmp_path / "small.onnx"
    said: list[str] = []
    job = Job((tiny_checkpoint,), path, gated=gated, precision="fp16-weights", say=said.append)
    export(job)
    assert path.stat().st_size < 0.65 * dense_model.stat().st_size
    session = ModelSession(path)
    assert (session.contract.precision, session.contract.gated) == ("fp16-weights", gated)
    here = session.run(TILES[:, None], 0.0).probability
    there = ModelSession(dense_model).run(TILES[:, None], 0.0).probability
    assert 0 < np.abs(here - there).max() < 0.01
    verify(dataclasses.replace(job))
    assert any("tensors are those of the network" in line for line in said)
    changed = changeable.load(path)
    weight = next(each for each in changed.graph.initializer if each.name.endswith(STORED))
    value = numpy_helper.to_array(weight)
    weight.CopyFrom(numpy_helper.from_array(value * np.float16(1.002), weight.name))
    onnx.save(changed, tmp_path / "changed.onnx")
    with pytest.raises(ParityError, match="differs from the network's by"):
        verify(dataclasses.replace(job, model=tmp_path / "changed.onnx"))
