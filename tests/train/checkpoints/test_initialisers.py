from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from salt_infer.models import default_model
from salt_train.checkpoints import initialisers
from salt_train.errors import CheckpointError


def test_weights_are_those_that_onnx_reads() -> None:
    path = default_model("cuda")
    expected = {
        each.name: numpy_helper.to_array(each)
        for each in onnx.load(path).graph.initializer
        if each.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16)
    }
    found = initialisers.read(path)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert value.dtype == np.float32
        assert value.shape == expected[name].shape
        np.testing.assert_array_equal(value, expected[name].astype(np.float32), name)


def model(tensor: TensorProto) -> bytes:
    graph = helper.make_graph([], "g", [], [], [tensor])
    data: bytes = helper.make_model(graph).SerializeToString()
    return data


def test_files_that_keep_weights_in_another_way(tmp_path: Path) -> None:
    path = tmp_path / "odd.onnx"
    path.write_bytes(model(helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])))
    with pytest.raises(CheckpointError, match=r"odd\.onnx .*\(a tensor without a name or raw data"):
        initialisers.read(path)
    short = helper.make_tensor("w", TensorProto.FLOAT16, [3], b"\0" * 6, raw=True)
    path.write_bytes(model(short))
    assert initialisers.read(path)["w"].tolist() == [0, 0, 0]
    short.dims[0] = 2**40
    path.write_bytes(model(short))
    with pytest.raises(CheckpointError, match="6 bytes for a tensor of shape"):
        initialisers.read(path)


@pytest.mark.parametrize("content", [b"\xff" * 20, b"\x3a\x7f"])
def test_files_that_are_no_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.onnx").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"bad\.onnx cannot be read as an ONNX file"):
        initialisers.read(tmp_path / "bad.onnx")
    with pytest.raises(CheckpointError, match="No such file"):
        initialisers.read(tmp_path / "none.onnx")
