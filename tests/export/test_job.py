from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest

from salt_export import graph
from salt_export.errors import ExportError, ParityError
from salt_export.job import Job, export, verify
from salt_infer.errors import OutputExistsError
from salt_infer.session import ModelSession
from salt_train import checkpoint as checkpoints
from salt_train.errors import CheckpointError
from salt_train.model import SaltNet
from tests.export.test_parity import tampered


def test_a_file_that_computes_something_else_is_not_published(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exported graph is shifted by a pixel: what a wrong padding would do."""
    honest = graph.build

    def shifted(models: list[SaltNet], gated: bool, opset: int) -> onnx.ModelProto:
        monkeypatch.setattr("salt_train.model.padding", lambda config: (14, 13))
        proto = honest(models, gated, opset)
        monkeypatch.setattr("salt_train.model.padding", lambda config: (13, 14))
        return proto

    monkeypatch.setattr(graph, "build", shifted)
    with pytest.raises(
        ParityError, match=r"differs .* expected at most 0\.0001 .* nothing was written"
    ):
        export(Job((tiny_checkpoint,), tmp_path / "x.onnx"))
    assert os.listdir(tmp_path) == []


def test_nothing_is_overwritten_unasked(tiny_checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.onnx"
    target.write_text("precious")
    with pytest.raises(OutputExistsError, match="--overwrite"):
        export(Job((tiny_checkpoint,), target))
    assert target.read_text() == "precious"


def test_a_bad_checkpoint_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.pth").write_bytes(b"rubbish")
    with pytest.raises(CheckpointError):
        export(Job((tmp_path / "bad.pth",), tmp_path / "x.onnx"))
    assert os.listdir(tmp_path) == ["bad.pth"]


def test_targets_choose_and_are_overridden(tiny_checkpoint: Path, tmp_path: Path) -> None:
    job = Job((tiny_checkpoint,), tmp_path / "cpu.onnx", target="cpu")
    contract = export(job).contract
    assert (contract.gated, contract.precision) == (True, "fp32")
    assert contract.provenance["target"] == "cpu"
    again = dataclasses.replace(job, model=tmp_path / "b.onnx", gated=False, precision="fp16")
    contract = export(again).contract
    assert (contract.gated, contract.precision) == (False, "fp16")
    with pytest.raises(ExportError, match="TensorRT takes no gated file"):
        export(Job((tiny_checkpoint,), tmp_path / "c.onnx", target="tensorrt", gated=True))
    assert sorted(os.listdir(tmp_path)) == ["b.onnx", "cpu.onnx"]


def test_threshold_and_gate_come_from_the_checkpoint(tiny_checkpoint: Path, tmp_path: Path) -> None:
    loaded = checkpoints.load(tiny_checkpoint)
    decision = dataclasses.replace(loaded.decision, threshold=0.35, gate=0.65)
    checkpoints.save(dataclasses.replace(loaded, decision=decision), tmp_path / "a.pth")
    export(Job((tmp_path / "a.pth",), tmp_path / "a.onnx"))
    contract = ModelSession(tmp_path / "a.onnx").contract
    assert (contract.threshold, contract.gate) == (0.35, 0.65)


def test_verify_only(
    tiny_checkpoint: Path, two_checkpoints: tuple[Path, Path], gated_model: Path, tmp_path: Path
) -> None:
    done = verify(Job((tiny_checkpoint,), gated_model, report=tmp_path / "r.json"))
    assert done.parity.probability_max < 1e-5
    assert json.loads((tmp_path / "r.json").read_text())["parity"] == done.parity.to_json()
    with pytest.raises(ExportError, match="was made from checkpoints"):
        verify(Job((two_checkpoints[1],), gated_model))
    bad = tampered(gated_model, tmp_path / "bad.onnx", 1.05)
    with pytest.raises(ParityError, match=r"differs from the network by 0\.\d+"):
        verify(Job((tiny_checkpoint,), bad))


def test_verify_only_compares_the_weights_of_float16(tiny_checkpoint: Path, tmp_path: Path) -> None:
    job = Job((tiny_checkpoint,), tmp_path / "half.onnx", precision="fp16", say=lambda line: None)
    export(job)
    said: list[str] = []
    verify(dataclasses.replace(job, say=said.append))
    assert any("tensors are those of the network" in line for line in said)
    # Far too little to flip a pixel.
    bad = tampered(job.model, tmp_path / "bad.onnx", 1.002)
    with pytest.raises(ParityError, match=r"weight models\.0\..* differs from the network's by"):
        verify(dataclasses.replace(job, model=bad))


def test_on_labelled_tiles_the_score_is_compared(tiny_checkpoint: Path, tmp_path: Path) -> None:
    from salt_train import synthetic

    synthetic.write(synthetic.draw(70, seed=6), tmp_path)
    job = Job(
        (tiny_checkpoint,), tmp_path / "x.onnx", verify_images=tmp_path / "tiles",
        labels=tmp_path / "masks", report=tmp_path / "x.json",
    )  # fmt: skip
    found = export(job).parity
    assert found.tiles == 70
    assert found.score == found.score_of_network
    report = json.loads((tmp_path / "x.json").read_text())
    assert report["parity"]["score"] == found.score
    assert report["bytes"] == (tmp_path / "x.onnx").stat().st_size
    assert report["cost"]["gmac"] == pytest.approx(report["contract"]["provenance"]["gmac"], 1e-3)
    assert np.datetime64(report["date"].removesuffix("+00:00"))
    with pytest.raises(ExportError, match="give these with --verify-images"):
        export(dataclasses.replace(job, verify_images=None, overwrite=True))


def test_weights_in_another_file_are_refused(
    tiny_checkpoint: Path, dense_model: Path, tmp_path: Path
) -> None:
    """What was verified could be exchanged after."""
    proto = onnx.load(dense_model)
    onnx.save(proto, tmp_path / "split.onnx", save_as_external_data=True, location="weights.bin")
    with pytest.raises(ExportError, match="more tensors in other files; expected one file"):
        verify(Job((tiny_checkpoint,), tmp_path / "split.onnx"))
