"""What every runtime's session refuses, and how it says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from salt_infer.backends.base import Session
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.errors import ContractError, ModelError
from salt_infer.modelfile.contract import METADATA_KEY
from tests import changeable

Open = Callable[[Path], Session]


@pytest.fixture(params=["ONNX Runtime", "OpenVINO"])
def runtime(request: pytest.FixtureRequest) -> str:
    if request.param == "OpenVINO":
        pytest.importorskip("openvino", reason="not installed: pip install '.[openvino]'")
    return str(request.param)


@pytest.fixture
def open_(runtime: str) -> Open:
    """Loads a file with the runtime."""
    if runtime == "ONNX Runtime":
        return ModelSession
    from salt_infer.backends.openvino_session import OpenVinoSession

    return OpenVinoSession


def with_metadata(path: Path, out: Path, value: str | None) -> Path:
    model = changeable.load(path)
    del model.metadata_props[:]
    if value is not None:
        onnx.helper.set_model_props(model, {METADATA_KEY: value})
    onnx.save(model, out)
    return out


def contract_text(path: Path) -> str:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}[METADATA_KEY]


def test_no_such_file(open_: Open, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist; expected a file from salt-export"):
        open_(tmp_path / "missing.onnx")


@pytest.mark.parametrize("data", [b"", b"rubbish", b"<?xml version='1.0'?><net/>"])
def test_not_a_model(open_: Open, runtime: str, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.onnx").write_bytes(data)
    with pytest.raises(ModelError, match=f"cannot be loaded by {runtime}|has no 'salt.contract'"):
        open_(tmp_path / "x.onnx")


def test_no_contract(open_: Open, dense_model: Path, tmp_path: Path) -> None:
    path = with_metadata(dense_model, tmp_path / "x.onnx", None)
    with pytest.raises(ContractError, match=r"has no 'salt\.contract'"):
        open_(path)


def test_two_contracts_are_none(open_: Open, dense_model: Path, tmp_path: Path) -> None:
    """ONNX Runtime takes the last, OpenVINO the first: another threshold, and other masks."""
    model = changeable.load(dense_model)
    model.metadata_props.add(key=METADATA_KEY, value=contract_text(dense_model))
    onnx.save(model, tmp_path / "x.onnx")
    with pytest.raises(ModelError, match=f"two entries {METADATA_KEY}"):
        open_(tmp_path / "x.onnx")


def test_a_contract_of_another_graph(
    open_: Open, dense_model: Path, gated_model: Path, tmp_path: Path
) -> None:
    path = with_metadata(dense_model, tmp_path / "x.onnx", contract_text(gated_model))
    with pytest.raises(ContractError, match="its contract promises"):
        open_(path)


def test_a_broken_contract_names_the_file(open_: Open, dense_model: Path, tmp_path: Path) -> None:
    path = with_metadata(dense_model, tmp_path / "x.onnx", "{")
    with pytest.raises(ContractError, match=r"x\.onnx: the contract is not JSON"):
        open_(path)


def test_a_model_of_other_tiles_is_refused(open_: Open, dense_model: Path, tmp_path: Path) -> None:
    text = contract_text(dense_model).replace('"tile_px":101', '"tile_px":128')
    path = with_metadata(dense_model, tmp_path / "x.onnx", text)
    with pytest.raises(ContractError, match="takes 128x128 tiles"):
        open_(path)


def test_external_data_may_not_leave_the_models_folder(
    open_: Open, runtime: str, dense_model: Path, tmp_path: Path
) -> None:
    """Where weights lie outside the folder, the file is refused and they are not read."""
    model = changeable.load(dense_model)
    largest = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    (tmp_path / "secret.bin").write_bytes(largest.raw_data)
    onnx.external_data_helper.set_external_data(largest, "../secret.bin")
    largest.ClearField("raw_data")
    largest.data_location = onnx.TensorProto.EXTERNAL
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "x.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=f"cannot be loaded by {runtime}"):
        open_(folder / "x.onnx")
