from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.modelfile.onnx_writer import GraphWriter

INT64 = st.integers(-(2**63), 2**63 - 1)


def example(values: list[int], axis: int, keep: int) -> bytes:
    graph = GraphWriter()
    given = graph.input("given", "float32", (2, 3))
    graph.output(graph.constant(values, "int64"), "known", "int64", (len(values),))
    total = graph.add("ReduceSum", given, graph.constant([axis], "int64"), keepdims=keep)
    graph.output(graph.add("Identity", total), "total", "float32", ())
    graph.output(graph.add("Transpose", given, perm=[1, 0]), "turned", "float32", (3, 2))
    return graph.model()


@given(values=st.lists(INT64, min_size=1, max_size=4))
def test_onnx_reads_what_was_written(values: list[int]) -> None:
    model = onnx.load_from_string(example(values, 1, 0))
    known, axis = model.graph.initializer
    assert onnx.numpy_helper.to_array(known).tolist() == values
    assert onnx.numpy_helper.to_array(axis).tolist() == [1]
    (entry,) = model.opset_import
    assert (entry.domain, entry.version) == ("", 18)
    (given,) = model.graph.input
    assert [size.dim_value for size in given.type.tensor_type.shape.dim] == [2, 3]
    attributes = {
        attribute.name: onnx.helper.get_attribute_value(attribute)
        for node in model.graph.node
        for attribute in node.attribute
    }
    assert attributes == {"keepdims": 0, "perm": [1, 0]}


def test_a_runtime_runs_it() -> None:
    session = onnxruntime.InferenceSession(example([-1, 2**40], 1, 0))
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    known, total, turned = session.run(None, {"given": array})
    np.testing.assert_array_equal(known, [-1, 2**40])
    np.testing.assert_array_equal(total, array.sum(axis=1))
    np.testing.assert_array_equal(turned, array.T)


def test_it_is_a_valid_model() -> None:
    graph = GraphWriter()
    graph.output(graph.add("Abs", graph.input("a", "float32", (1,))), "b", "float32", (1,))
    onnx.checker.check_model(onnx.load_from_string(graph.model()), full_check=True)
