from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.errors import ContractError, ModelError
from salt_infer.modelfile import learnt, onnx_reader
from salt_infer.modelfile.contract import METADATA_KEY
from salt_infer.modelfile.learnt import UNKNOWN
from salt_infer.modelfile.onnx_reader import learnt_of, read_model
from salt_infer.models import default_model
from tests import changeable

SHIPPED = [default_model("cpu"), default_model("cuda")]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_it_reads_what_onnx_runtime_reads(path: Path) -> None:
    file, session = read_model(path), ModelSession(path)
    assert (file.contract, file.sha256) == (session.contract, session.sha256)
    assert list(map(str, file.inputs)) == session.inputs
    assert list(map(str, file.outputs)) == session.outputs


@pytest.fixture(scope="module")
def small() -> onnx.ModelProto:
    """The shipped file without its weights and nodes."""
    model = changeable.load(SHIPPED[1])
    for part in (model.graph.initializer, model.graph.node):
        del part[:]
    return model


def saved(folder: Path, data: bytes) -> Path:
    path = folder / "x.onnx"
    path.write_bytes(data)
    return path


def test_a_graph_that_contradicts_its_contract(small: onnx.ModelProto, tmp_path: Path) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(small)
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    with pytest.raises(ContractError, match=r"has inputs .*type 11"):
        read_model(saved(tmp_path, model.SerializeToString()))
    del model.metadata_props[:]
    with pytest.raises(ContractError, match=f"no '{METADATA_KEY}' in its metadata"):
        read_model(saved(tmp_path, model.SerializeToString()))


def test_two_contracts(small: onnx.ModelProto, tmp_path: Path) -> None:
    """Which of them counts, runtimes need not agree on."""
    model = onnx.ModelProto()
    model.CopyFrom(small)
    model.metadata_props.add(key=METADATA_KEY, value="{}")
    with pytest.raises(ModelError, match=f"two entries {METADATA_KEY}"):
        read_model(saved(tmp_path, model.SerializeToString()))


@pytest.mark.parametrize("data", [b"", b"rubbish", b"<?xml version='1.0'?>", b"\xff" * 20, b"\x3a"])
def test_no_onnx_file(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ModelError, match="cannot be read as an ONNX file"):
        read_model(saved(tmp_path, data))
    with pytest.raises(ModelError, match="does not exist"):
        read_model(tmp_path / "missing.onnx")


def test_what_is_read_is_bounded(
    small: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, small.SerializeToString())
    monkeypatch.setattr(onnx_reader, "MAX_FIELDS", 20)
    with pytest.raises(ModelError, match="more than 20 fields"):
        read_model(path)
    monkeypatch.undo()
    for key in (METADATA_KEY, learnt.METADATA_KEY):
        monkeypatch.setitem(onnx_reader._TEXTS, key, 100)
        with pytest.raises(ModelError, match="too long"):
            read_model(path)
        monkeypatch.undo()


def test_what_it_has_learnt_from(small: onnx.ModelProto, tmp_path: Path) -> None:
    found = read_model(saved(tmp_path, small.SerializeToString()))
    assert found.learnt.complete
    assert len(found.learnt.fingerprints) > 3000
    assert learnt_of(found.path, found.sha256).to_text() == found.learnt.to_text()
    # Of another file at that place, or of none, it tells nothing.
    assert learnt_of(found.path, "0" * 64) is UNKNOWN
    assert learnt_of(tmp_path / "gone.onnx", found.sha256) is UNKNOWN
    model = onnx.ModelProto()
    model.CopyFrom(small)
    [entry] = [each for each in model.metadata_props if each.key == learnt.METADATA_KEY]
    entry.value = "{}"
    with pytest.raises(ContractError, match=r"x\.onnx: salt\.learnt is not what"):
        read_model(saved(tmp_path, model.SerializeToString()))
    model.metadata_props.remove(entry)  # as in files of before
    assert read_model(saved(tmp_path, model.SerializeToString())).learnt is UNKNOWN


@given(data=st.data())
def test_a_damaged_file_is_read_or_an_error(
    data: st.DataObject, small: onnx.ModelProto, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = bytearray(small.SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = saved(tmp_path_factory.getbasetemp(), bytes(whole[: data.draw(st.integers(0, 99999))]))
    try:
        assert read_model(path).path == path
    except ModelError as error:
        assert str(path) in str(error)
