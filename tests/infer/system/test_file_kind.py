from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.backends.openvino_session import OpenVinoSession
from salt_infer.data.zip_archive import TileZip
from salt_infer.errors import InputError, ModelError
from salt_infer.modelfile.onnx_reader import read_model
from salt_infer.models import default_model
from salt_infer.system import file_kind
from tests import changeable
from tests.pngs import good_tile


def checkpoint(**options: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save({"weights": torch.zeros(40_000)}, buffer, **options)
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.onnx", bytes(1000))
    return buffer.getvalue()


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.onnx"))
    return buffer.getvalue()


def arrays() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, weights=np.zeros(9))
    return buffer.getvalue()


FILES = {
    "checkpoint": (checkpoint(), "a checkpoint of PyTorch: salt-export makes a model file"),
    "old checkpoint": (checkpoint(_use_new_zipfile_serialization=False), "old checkpoints"),
    "zip": (zipped(), "a zip: unpack it"),
    "npz": (arrays(), "an .npz"),
    "tar": (tar(), "a tar archive"),
    "gzip": (gzip.compress(b"x"), "compressed by gzip"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run git lfs pull"),
    "page": (b"\n<!DOCTYPE html><html><body>404</body></html>", "a web page"),
    "openvino": (b'<?xml version="1.0"?>\n<net name="x" version="11">', "name the .onnx"),
    "engine": (b"ftrt" + bytes(60), "an engine of TensorRT"),
    "keras": (b"\x89HDF\r\n\x1a\n", "HDF5"),
    "tensors": (b'\x10\0\0\0\0\0\0\0{"weight":{}}', "safetensors"),
    "tile": (good_tile(), "a PNG"),
    "nothing": (b"", "empty"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_model_is_named_with_a_way_out(tmp_path: Path, name: str) -> None:
    data, says = FILES[name]
    path = tmp_path / "x.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"x\.onnx cannot be loaded by ONNX Runtime \(it is") as e:
        ModelSession(path)
    assert says in str(e.value)
    assert len(str(e.value).replace(str(path), "")) < 250
    with pytest.raises(ModelError, match=r"cannot be read as an ONNX file \(it is") as e:
        read_model(path)
    assert says in str(e.value)


@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_a_model_that_was_cut_or_is_none(tmp_path: Path, provider: str) -> None:
    whole, path = default_model("cpu").read_bytes(), tmp_path / "x.onnx"
    for data, says in (
        (whole[: len(whole) // 2], r"\(it is damaged or incomplete: copy it again, or export"),
        (b"rubbish", r"\(it is no ONNX file, or damaged or incomplete: copy it again, or export"),
    ):
        path.write_bytes(data)
        with pytest.raises(ModelError, match=says):
            ModelSession(path) if provider == "cpu" else OpenVinoSession(path)
        with pytest.raises(ModelError, match=says):
            read_model(path)


def test_a_model_for_a_newer_runtime(tmp_path: Path) -> None:
    model = changeable.load(default_model("cuda"))
    model.ir_version = 99
    (tmp_path / "ir.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"is of version 99, .* up to \d+: update onnxruntime"):
        ModelSession(tmp_path / "ir.onnx")
    model = changeable.load(default_model("cuda"))
    model.opset_import[0].version = 99
    (tmp_path / "opset.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"is of version 99, .* up to \d+: update onnxruntime"):
        ModelSession(tmp_path / "opset.onnx")


def test_one_tile_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(good_tile())
    with pytest.raises(InputError, match=r"\(it is a PNG: name its folder, or a \.txt"):
        TileZip(tmp_path / "a.png")


def test_what_is_not_known_is_left_to_the_library(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"rubbish")
    assert file_kind.kind(tmp_path / "x") is None
    assert file_kind.kind(tmp_path / "nowhere") is None
    assert file_kind.told(tmp_path / "x", "it said so") == "it said so"


@pytest.mark.parametrize(
    ("name", "folder", "survey"),
    [
        ("line.sgy", False, True), ("line.SEG", False, True), ("line.zarr", True, True),
        ("val.seg", True, False), ("masks.segy", True, False), ("tiles.zip", False, False),
    ],
)  # fmt: skip
def test_what_is_a_survey(tmp_path: Path, name: str, folder: bool, survey: bool) -> None:
    """A folder of segmentations may be called so; only a Zarr is one."""
    path = tmp_path / name
    if folder:
        path.mkdir()
    else:
        path.write_bytes(b"x")
    assert file_kind.is_survey(path) is survey


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("tile", "nothing")])
def test_what_is_sent_in_place_of_a_tile_is_named(name: str) -> None:
    data, says = FILES[name]
    says = "a zip: send its tiles one by one, or as several files" if name == "zip" else says
    assert says in str(file_kind.sent(data))


@pytest.mark.parametrize("data", [b"", b"rubbish", b"\xff\xd8\xff\xe0", bytes(1000)])
def test_what_is_sent_and_is_nothing_of_the_kind(data: bytes) -> None:
    assert file_kind.sent(data) is None
