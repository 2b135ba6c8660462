from __future__ import annotations

import io
from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.errors import ModelError
from salt_infer.modelfile import external_data
from tests import changeable


def elsewhere(name: str) -> TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    return tensor


def test_the_files_of_export_are_whole(dense_model: Path, gated_model: Path) -> None:
    for path in (dense_model, gated_model):
        external_data.check(path)


def test_weights_in_another_file_are_refused(dense_model: Path, tmp_path: Path) -> None:
    """ONNX Runtime loads them where they lie beside the model; its digest knows nothing of them."""
    path = tmp_path / "split.onnx"
    model = changeable.load(dense_model)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin")
    with pytest.raises(ModelError, match=r"split\.onnx keeps 'models\.0\..* more tensors in other"):
        ModelSession(path)


def test_they_are_found_wherever_a_tensor_can_be() -> None:
    inner = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=elsewhere("inner"))], "g", [], []
    )
    sparse = onnx.SparseTensorProto(values=elsewhere("values"), indices=elsewhere("indices"))
    graph = helper.make_graph(
        [helper.make_node("If", ["x"], ["y"], then_branch=inner)], "g", [], [],
        initializer=[elsewhere("weight")], sparse_initializer=[sparse],
    )  # fmt: skip
    listed = helper.make_node("Op", [], ["c"], domain="d", many=[elsewhere("first")])
    function = helper.make_function("d", "f", [], [], [listed], [helper.make_opsetid("", 18)])
    function.attribute_proto.append(helper.make_attribute("w", elsewhere("default")))
    model = helper.make_model(graph, functions=[function])
    model.training_info.add().algorithm.initializer.append(elsewhere("trained"))
    found = external_data.external(io.BytesIO(model.SerializeToString()))
    assert found == ["default", "first", "indices", "inner", "trained", "values", "weight"]


def test_no_part_of_the_format_that_can_hold_one_is_left_out() -> None:
    """By the definitions that the onnx package has."""
    names = {
        "model": "ModelProto", "training": "TrainingInfoProto", "graph": "GraphProto",
        "function": "FunctionProto", "node": "NodeProto", "attribute": "AttributeProto",
        "sparse": "SparseTensorProto", "tensor": "TensorProto",
    }  # fmt: skip
    parts = {
        names[kind]: {number: names[part] for number, part in parts.items()}
        for kind, parts in external_data._PARTS.items()
    }
    assert parts == {name: fields for name, fields in holders().items() if fields}


def holders() -> dict[str, dict[int, str]]:
    """Messages of a model that can hold a tensor, however deep, and by which fields."""
    known: dict[str, dict[int, str]] = {}
    todo = [onnx.ModelProto.DESCRIPTOR]
    while todo:
        message = todo.pop()
        if message.name not in known:
            below = {each.number: each.message_type for each in message.fields}
            known[message.name] = {at: part.name for at, part in below.items() if part}
            todo += filter(None, below.values())
    holding = {"TensorProto"}
    while more := {
        name
        for name, fields in known.items()
        if name not in holding and holding & {*fields.values()}
    }:
        holding |= more
    return {
        name: {at: part for at, part in fields.items() if part in holding}
        for name, fields in known.items()
        if name in holding
    }


@given(st.binary(max_size=200))
def test_any_bytes_are_a_model_or_not(data: bytes) -> None:
    try:
        assert isinstance(external_data.external(io.BytesIO(data)), list)
    except ValueError as error:
        assert str(error)


@given(st.data())
def test_a_model_that_was_cut_is_told(data: st.DataObject) -> None:
    graph = helper.make_graph([], "g", [], [], initializer=[elsewhere("w" * 50)])
    whole = helper.make_model(graph).SerializeToString()
    start = whole.index(b"w" * 50)  # within the graph
    cut = data.draw(st.integers(start, start + 49))
    with pytest.raises(ValueError, match="ends within"):
        external_data.external(io.BytesIO(whole[:cut]))
