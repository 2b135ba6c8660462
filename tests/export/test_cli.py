from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from salt_export import graph, parity
from salt_export.cli import export
from salt_export.errors import ExportError, ParityError
from salt_infer.contract import METADATA_KEY, ModelContract
from salt_infer.errors import OutputExistsError
from salt_infer.session import BatchResult, ModelSession
from salt_train import checkpoint as checkpoints
from salt_train import synthetic
from salt_train.errors import CheckpointError

TILES = synthetic.draw(14, seed=0).tiles


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = "import sys; from salt_export import main; sys.argv[0] = 'salt-export'; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("gated", [False, True], ids=["dense", "gated"])
def test_the_file_is_sound_and_tells_what_it_is(
    request: pytest.FixtureRequest, tiny_checkpoint: Path, gated: bool
) -> None:
    path = request.getfixturevalue("gated_model" if gated else "dense_model")
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [entry.key for entry in model.metadata_props] == [METADATA_KEY]
    contract = ModelContract.from_json(model.metadata_props[0].value)
    assert contract.gated == gated
    assert contract.checkpoints == (hashlib.sha256(tiny_checkpoint.read_bytes()).hexdigest(),)
    assert contract.validation["score"] == checkpoints.load(tiny_checkpoint).scores["score"]
    assert contract.opset == graph.OPSET == model.opset_import[0].version
    assert 0 < contract.verification["probability"] <= contract.verification["tolerance"]
    assert contract.verification["batch_sizes"] == [1, 2, 7]
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_uint8_goes_straight_into_a_cast(dense_model: Path, gated_model: Path) -> None:
    """TensorRT takes uint8 input no other way (but to read its shape)."""
    for path in (dense_model, gated_model):
        users = [node.op_type for node in onnx.load(path).graph.node if "tiles" in node.input]
        assert set(users) <= {"Cast", "Shape"}


def test_any_number_of_tiles_and_views(dense_model: Path) -> None:
    session = onnxruntime.InferenceSession(dense_model, providers=["CPUExecutionProvider"])
    for shape in [(1, 1), (3, 2), (64, 1), (2, 5)]:
        probability, salt = session.run(None, {"tiles": np.zeros((*shape, 101, 101), np.uint8)})
        assert probability.shape == (*shape, 101, 101)
        assert salt.shape == shape[:1]


def test_two_exports_have_the_same_bytes(
    tiny_checkpoint: Path, dense_model: Path, tmp_path: Path
) -> None:
    export(tiny_checkpoint, tmp_path / "again.onnx", False, TILES, overwrite=False)
    assert (tmp_path / "again.onnx").read_bytes() == dense_model.read_bytes()


def test_nothing_is_overwritten_unasked(tiny_checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.onnx"
    target.write_text("precious")
    with pytest.raises(OutputExistsError):
        export(tiny_checkpoint, target, False, TILES, overwrite=False)
    done = run(tiny_checkpoint, target)
    assert done.returncode == 2
    assert "--overwrite" in done.stderr
    assert target.read_text() == "precious"


def test_a_file_that_computes_something_else_is_not_published(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exported graph is shifted by a pixel: what a wrong padding would do."""
    honest = graph.build

    def shifted(model: object, gated: bool) -> onnx.ModelProto:
        network = checkpoints.build_model(checkpoints.load(tiny_checkpoint))
        monkeypatch.setattr("salt_train.model.padding", lambda config: (14, 13))
        proto = honest(network, gated)
        monkeypatch.setattr("salt_train.model.padding", lambda config: (13, 14))
        return proto

    monkeypatch.setattr(graph, "build", shifted)
    with pytest.raises(
        ParityError, match=r"differs .* expected at most 0\.0001; nothing was written"
    ):
        export(tiny_checkpoint, tmp_path / "x.onnx", False, TILES, overwrite=False)
    assert os.listdir(tmp_path) == []


def test_tampered_weights_are_found(
    tiny_checkpoint: Path, dense_model: Path, tmp_path: Path
) -> None:
    model = onnx.load(dense_model)
    named = {tensor.name: tensor for tensor in model.graph.initializer}
    weights = named["model.head.last.weight"]
    changed = onnx.numpy_helper.to_array(weights) * 1.05
    weights.CopyFrom(onnx.numpy_helper.from_array(changed.astype(np.float32), weights.name))
    onnx.save(model, tmp_path / "x.onnx")
    network = checkpoints.build_model(checkpoints.load(tiny_checkpoint))
    with pytest.raises(ParityError, match="differs"):
        parity.check(network, tmp_path / "x.onnx", TILES, 0.5)


def test_the_command_end_to_end(tiny_checkpoint: Path, tile_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.onnx"
    done = run(tiny_checkpoint, target, "--gated", "--verify-images", tile_folder / "tiles")
    assert done.returncode == 0, done.stderr
    assert "gated, opset 18" in done.stdout
    assert "verified against torch" in done.stdout
    assert done.stderr == ""
    assert os.listdir(tmp_path) == ["x.onnx"]


def test_a_bad_checkpoint_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.pth").write_bytes(b"rubbish")
    with pytest.raises(CheckpointError):
        export(tmp_path / "bad.pth", tmp_path / "x.onnx", False, TILES, overwrite=False)
    assert os.listdir(tmp_path) == ["bad.pth"]


class Falsified:
    """A session whose answers are changed on the way."""

    def __init__(self, path: Path) -> None:
        self.session = ModelSession(path)

    def run(self, tiles: np.ndarray, gate: float) -> BatchResult:
        return self.change(self.session.run(tiles, gate))

    def change(self, result: BatchResult) -> BatchResult:
        raise NotImplementedError


class Nan(Falsified):
    def change(self, result: BatchResult) -> BatchResult:
        return dataclasses.replace(result, probability=result.probability * np.float32("nan"))


class SwappedViews(Falsified):
    def change(self, result: BatchResult) -> BatchResult:
        return dataclasses.replace(result, probability=result.probability[:, ::-1])


class KeepsAll(Falsified):
    def change(self, result: BatchResult) -> BatchResult:
        return dataclasses.replace(result, kept=np.arange(len(result.salt)))


@pytest.mark.parametrize(
    ("falsified", "says"),
    [(Nan, "not finite"), (SwappedViews, "differs"), (KeepsAll, "the file keeps tiles")],
)
def test_parity_finds(
    tiny_checkpoint: Path, dense_model: Path, monkeypatch: pytest.MonkeyPatch,
    falsified: type[Falsified], says: str,
) -> None:  # fmt: skip
    network = checkpoints.build_model(checkpoints.load(tiny_checkpoint))
    monkeypatch.setattr(parity, "ModelSession", falsified)
    with pytest.raises(ParityError, match=says):
        parity.check(network, dense_model, TILES, 0.5)


def test_too_few_tiles_prove_nothing(tiny_checkpoint: Path, dense_model: Path) -> None:
    network = checkpoints.build_model(checkpoints.load(tiny_checkpoint))
    with pytest.raises(ExportError, match="1 tiles to verify on, expected at least 14"):
        parity.check(network, dense_model, TILES[:1], 0.5)
