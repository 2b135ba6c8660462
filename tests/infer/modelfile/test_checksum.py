"""Whether a model file is as it was written."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner
from google.protobuf.message import DecodeError

from salt_infer import ModelError, SaltModel
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.backends.openvino_session import OpenVinoSession
from salt_infer.backends.providers import ProviderRequest
from salt_infer.cli.infer import cli
from salt_infer.job.job import Job, run
from salt_infer.job.watcher import Watcher
from salt_infer.modelfile import checksum
from salt_infer.modelfile.onnx_reader import read_model
from salt_infer.models import default_model
from tests import changeable
from tests.conftest import ROOT

SHIPPED = [default_model("cpu"), default_model("cuda")]


def small(sha256: str = checksum.NONE_YET) -> bytes:
    """A model of one node, with some metadata on both sides of the entry."""
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["a"], ["b"])], "g", [], [])
    model = onnx.helper.make_model(graph)
    texts = {"a": "x", checksum.METADATA_KEY: sha256, "salt.sha257": "y"}
    onnx.helper.set_model_props(model, texts)
    data: bytes = model.SerializeToString()
    return data


def test_it_is_the_digest_of_the_bytes_with_zeros_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(checksum.written(small()))
    checksum.check(path)
    [entry] = [e for e in onnx.load(path).metadata_props if e.key == checksum.METADATA_KEY]
    assert entry.value == hashlib.sha256(small()).hexdigest()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_files_that_ship_have_one(path: Path) -> None:
    checksum.check(path)
    assert onnx.load(path).metadata_props[-1].key == checksum.METADATA_KEY


def test_no_bit_changes_unseen(tmp_path: Path) -> None:
    """But those that make it another entry, or no ONNX file: there is nothing to compare then."""
    whole, path = checksum.written(small()), tmp_path / "changed.onnx"
    for bit in range(8 * len(whole)):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        with contextlib.suppress(ModelError, DecodeError):
            checksum.check(path)
            assert checksum.METADATA_KEY not in [e.key for e in onnx.load(path).metadata_props]


@pytest.mark.parametrize("sha256", ["", "0" * 63, "0" * 65, "f" * 64])
def test_a_checksum_that_is_none(tmp_path: Path, sha256: str) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(small(sha256))
    with pytest.raises(ModelError, match="is damaged, or was changed after its export"):
        checksum.check(path)


def test_what_has_none_is_not_checked(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    for data in (b"", b"\x89PNG", b"rubbish", onnx.ModelProto().SerializeToString()):
        path.write_bytes(data)
        checksum.check(path)
    onnx.save(changeable.load(SHIPPED[0]), path)
    assert read_model(path).contract == read_model(SHIPPED[0]).contract


def test_that_there_is_none_is_told(tmp_path: Path) -> None:
    assert checksum.doubt(SHIPPED[0]) == checksum.doubt(tmp_path / "gone.onnx") == ""
    path = tmp_path / "x.onnx"
    onnx.save(changeable.load(SHIPPED[0]), path)
    doubt = checksum.doubt(path)
    assert doubt.startswith(f"{path} has no checksum, as files have that were changed after")
    drawn = ROOT / "examples" / "tiles"
    report = run(Job(drawn, tmp_path / "x.csv", path, provider=ProviderRequest("cpu")), Watcher())
    assert report.warnings == (doubt,)
    shown = CliRunner().invoke(cli, ["--describe", "--model", str(path)])
    assert (shown.exit_code, shown.stderr) == (0, f"salt-infer: {doubt}\n")


@pytest.mark.parametrize("session", [ModelSession, OpenVinoSession])
def test_some_weights_that_are_zeros_are_refused(tmp_path: Path, session: type) -> None:
    """Both runtimes take the file; a quarter of the masks would be others."""
    path = tmp_path / "damaged.onnx"
    data = bytearray(SHIPPED[0].read_bytes())
    data[3_000_000:3_004_096] = bytes(4096)
    path.write_bytes(data)
    for load in (session, SaltModel.load, read_model):
        with pytest.raises(ModelError, match=r"damaged\.onnx is damaged, or was changed"):
            load(path)
