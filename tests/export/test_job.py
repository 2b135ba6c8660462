from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from salt_export import graph, provenance
from salt_export.errors import ExportError, ParityError
from salt_export.job import export
from salt_export.loading import Seen
from salt_export.request import Job
from salt_export.verify import verify
from salt_infer.errors import OutputExistsError, OutputInUseError
from salt_infer.modelfile.learnt import UNKNOWN, Learnt
from salt_infer.modelfile.onnx_reader import read_model
from salt_infer.system.output_locks import writing
from salt_train import synthetic
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.errors import CheckpointError, DataError
from salt_train.network.model import SaltNet
from tests import drawing
from tests.export.test_parity import tampered


@pytest.mark.slow
@pytest.mark.usefixtures("few_shapes")
def test_a_file_that_computes_something_else_is_not_published(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exported graph is shifted by a pixel: what a wrong padding would do."""
    honest = graph.build

    def shifted(models: list[SaltNet], gated: bool, opset: int) -> onnx.ModelProto:
        monkeypatch.setattr("salt_train.network.model.padding", lambda config: (14, 13))
        proto = honest(models, gated, opset)
        monkeypatch.setattr("salt_train.network.model.padding", lambda config: (13, 14))
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


def test_two_exports_do_not_write_one_file(tiny_checkpoint: Path, tmp_path: Path) -> None:
    model, report = tmp_path / "x.onnx", tmp_path / "x.json"
    for held in (model, report):
        with (
            writing(held),
            pytest.raises(OutputInUseError, match=f"another run writes to {held}"),
        ):
            export(Job((tiny_checkpoint,), model, report=report))
    assert os.listdir(tmp_path) == []
    model.write_bytes(b"looked at by nobody")
    with writing(report), pytest.raises(OutputInUseError, match="another run"):
        verify(Job((tiny_checkpoint,), model, report=report))


def test_a_bad_checkpoint_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.pth").write_bytes(b"rubbish")
    with pytest.raises(CheckpointError):
        export(Job((tmp_path / "bad.pth",), tmp_path / "x.onnx"))
    assert os.listdir(tmp_path) == ["bad.pth"]


def test_what_is_said_of_a_network_without_a_score(tiny_checkpoint: Path) -> None:
    """Of seen tiles it has one, which must not pass for more; in the contract too."""
    loaded = checkpoints.load(tiny_checkpoint)
    config = dataclasses.replace(loaded.config, fold=None, folds=1)
    scores = {"fold": None, "score_of_seen_tiles": 0.98765, "score_of_empty_masks": 0.6}
    seen = dataclasses.replace(loaded, config=config, scores=scores)
    validation = provenance.validation([seen])
    assert validation == {"epoch": loaded.epoch, **scores}
    [line] = provenance.unscored(validation)
    assert line == (
        "1 of 1 networks trained on every tile: score of seen tiles 0.9877, which says nothing of "
        "others"
    )
    [line] = provenance.unscored(provenance.validation([loaded, seen, seen]))
    assert line.startswith("2 of 3 networks trained on every tile: score of seen tiles 0.9877, 0.9")
    whole = {"epoch": 3, "split_sha256": "ab", "score": 0.8}
    begun = {"epoch": 2, "split_sha256": "ab", "score_in_training": 0.7}
    [line] = provenance.unscored({"members": [whole, begun]})
    assert line.startswith("warning: 1 of 2 networks of runs that have not ended: no score, and a ")
    assert provenance.unscored(begun | {"selected_on_its_own_fold": True}) == []
    assert provenance.unscored(whole) == []
    assert provenance.unscored(provenance.validation([loaded])) == []


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
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


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
def test_threshold_and_gate_come_from_the_checkpoint(tiny_checkpoint: Path, tmp_path: Path) -> None:
    loaded = checkpoints.load(tiny_checkpoint)
    decision = dataclasses.replace(loaded.decision, threshold=0.35, gate=0.65)
    checkpoints.save(dataclasses.replace(loaded, decision=decision), tmp_path / "a.pth")
    export(Job((tmp_path / "a.pth",), tmp_path / "a.onnx"))
    contract = read_model(tmp_path / "a.onnx").contract
    assert (contract.threshold, contract.gate) == (0.35, 0.65)


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
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


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
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


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
def test_on_labelled_tiles_the_score_is_compared(tiny_checkpoint: Path, tmp_path: Path) -> None:
    synthetic.write(drawing.draw(70, seed=6), tmp_path)
    said: list[str] = []
    job = Job(
        (tiny_checkpoint,), tmp_path / "x.onnx", verify_images=tmp_path / "tiles",
        labels=tmp_path / "masks", report=tmp_path / "x.json", say=said.append,
    )  # fmt: skip
    found = export(job).parity
    assert not [line for line in said if "has learnt from" in line]
    assert found.tiles == 70
    assert found.score == found.score_of_network
    report = json.loads((tmp_path / "x.json").read_text())
    assert report["parity"]["score"] == found.score
    assert report["bytes"] == (tmp_path / "x.onnx").stat().st_size
    assert report["cost"]["gmac"] == pytest.approx(report["contract"]["provenance"]["gmac"], 1e-3)
    assert np.datetime64(report["date"].removesuffix("+00:00"))
    with pytest.raises(ExportError, match="--labels needs --verify-images"):
        export(dataclasses.replace(job, verify_images=None, overwrite=True))


def rewritten(
    source: Path, target: Path, proto: onnx.ModelProto | None = None, **facts: Any
) -> Path:
    """The file with another graph, and with other facts in its contract."""
    file = read_model(source)
    proto, contract = proto or onnx.load(source), dataclasses.replace(file.contract, **facts)
    target.write_bytes(graph.with_contract(proto, contract, file.learnt))
    return target


def nudged(source: Path) -> onnx.ModelProto:
    """One number changed, too little to be seen in what the file computes."""
    proto = onnx.load(source)
    weight = next(each for each in proto.graph.initializer if "layer3.0.conv2.weight" in each.name)
    values = numpy_helper.to_array(weight).copy()
    values.flat[5] += np.float32(1e-3)
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    return proto


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
def test_a_small_change_of_one_weight_is_found_and_its_size_named(
    tiny_checkpoint: Path, dense_model: Path, tmp_path: Path
) -> None:
    bad = rewritten(dense_model, tmp_path / "bad.onnx", nudged(dense_model))
    with pytest.raises(ParityError, match=r"layer3\.0\.conv2\.weight differs .* by 0\.001"):
        verify(Job((tiny_checkpoint,), bad))


@pytest.mark.usefixtures("traced", "few_shapes")
@pytest.mark.slow
def test_other_operators_with_the_same_weights_are_found(
    tiny_checkpoint: Path, dense_model: Path, tmp_path: Path
) -> None:
    proto = onnx.load(dense_model)
    last = next(node for node in proto.graph.node if "salt" in node.output)
    last.output[0] = "before"
    proto.graph.node.append(onnx.helper.make_node("Identity", ["before"], ["salt"]))
    bad = rewritten(dense_model, tmp_path / "bad.onnx", proto)
    with pytest.raises(ParityError, match="has the network's weights and other operators"):
        verify(Job((tiny_checkpoint,), bad))


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
def test_another_operator_set_or_a_function_is_found(
    tiny_checkpoint: Path, dense_model: Path, tmp_path: Path
) -> None:
    """The graph is the same, what it means is not."""
    proto = onnx.load(dense_model)
    (entry,) = (each for each in proto.opset_import if each.domain == "")
    entry.version = 20
    bad = rewritten(dense_model, tmp_path / "bad.onnx", proto)
    with pytest.raises(ExportError, match="says opset 18, expected 20"):
        verify(Job((tiny_checkpoint,), bad))
    proto = onnx.load(dense_model)
    body = [onnx.helper.make_node("Identity", ["x"], ["y"])]
    sets = [onnx.helper.make_opsetid("", 18)]
    proto.functions.append(onnx.helper.make_function("", "Sigmoid", ["x"], ["y"], body, sets))
    bad = rewritten(dense_model, tmp_path / "more.onnx", proto)
    with pytest.raises(ParityError, match="has the network's weights and other operators"):
        verify(Job((tiny_checkpoint,), bad))


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
def test_a_file_of_another_version_is_compared_by_what_it_computes(
    tiny_checkpoint: Path, dense_model: Path, tmp_path: Path
) -> None:
    versions = read_model(dense_model).contract.versions | {"torch": "1.0"}  # type: ignore[operator]
    old = rewritten(dense_model, tmp_path / "old.onnx", versions=versions)
    said: list[str] = []
    verify(Job((tiny_checkpoint,), old, say=said.append))
    assert said[0].startswith("weights were not compared, only what they compute: written with to")
    bad = rewritten(old, tmp_path / "bad.onnx", nudged(dense_model))
    with pytest.raises(ParityError, match=r"bad.onnx was changed after its export: .* flipped"):
        verify(Job((tiny_checkpoint,), bad))


def test_labelled_tiles_that_it_has_learnt_from_are_told_of() -> None:
    data = drawing.draw(40, seed=2)
    learnt = Learnt.of(data.tiles[:20])
    [line] = provenance.flattered(learnt, Seen(data.tiles, data.masks))
    assert line.startswith(
        f"warning: the model has learnt from {len(learnt.fingerprints)} of the 40"
    )
    assert provenance.flattered(learnt, Seen(data.tiles, None)) == []
    assert provenance.flattered(UNKNOWN, Seen(data.tiles, data.masks)) == []


@pytest.mark.usefixtures("traced", "few_shapes")
def test_a_file_that_names_other_tiles_is_found(
    tiny_checkpoint: Path, dense_model: Path, tmp_path: Path
) -> None:
    file, bad = read_model(dense_model), tmp_path / "bad.onnx"
    for learnt in (UNKNOWN, Learnt(file.learnt.fingerprints[1:], complete=True)):
        bad.write_bytes(graph.with_contract(onnx.load(dense_model), file.contract, learnt))
        with pytest.raises(ExportError, match=r"says that it has learnt from .*from 29 tiles"):
            verify(Job((tiny_checkpoint,), bad))


@pytest.mark.usefixtures("traced", "few_shapes")
def test_a_changed_contract_is_found(
    tiny_checkpoint: Path, dense_model: Path, tmp_path: Path
) -> None:
    bad = rewritten(dense_model, tmp_path / "bad.onnx", threshold=0.9)
    with pytest.raises(ExportError, match=r"says threshold 0\.9, its checkpoints"):
        verify(Job((tiny_checkpoint,), bad))
    bad = rewritten(dense_model, tmp_path / "bad.onnx", precision="int8")
    with pytest.raises(ExportError, match=r"says precision 'int8' and is not quantised"):
        verify(Job((tiny_checkpoint,), bad))


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
def test_a_file_that_names_no_graph_is_said_to(
    tiny_checkpoint: Path, dense_model: Path, tmp_path: Path
) -> None:
    provenance = dict(read_model(dense_model).contract.provenance)
    del provenance["graph_sha256"]
    said: list[str] = []
    file = rewritten(dense_model, tmp_path / "x.onnx", provenance=provenance)
    verify(Job((tiny_checkpoint,), file, say=said.append))
    assert any("does not name the graph that was proven" in line for line in said)


def test_what_cannot_end_well_ends_soon(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before minutes of work."""
    synthetic.write(drawing.draw(3, seed=6), tmp_path)

    def late(*_: object) -> None:
        raise AssertionError("the export began")

    monkeypatch.setattr(graph, "build", late)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx_bindings", None)
    job = Job((tiny_checkpoint,), tmp_path / "x.onnx", verify_images=tmp_path / "tiles")
    with pytest.raises(ExportError, match="has 3 tiles to verify on, expected at least 64"):
        export(job)
    with pytest.raises(ExportError, match="tensorrt-check"):
        export(dataclasses.replace(job, verify_images=None, check_tensorrt=True))


@pytest.mark.parametrize("grey", [0, None])
def test_tiles_that_show_nothing_prove_nothing(
    grey: int | None, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """Nor do ranges of 8 bits that were measured on them hold for others."""
    few = drawing.draw(31, seed=6)
    for number in range(64):
        tile = few.tiles[number % 31] if grey is None else np.full((101, 101), number, np.uint8)
        Image.fromarray(tile).save(tmp_path / f"{number}.png")
    told = "31 of 64 tiles of" if grey is None else "0 of 64 tiles of"
    job = Job((tiny_checkpoint,), tmp_path / "x.onnx", target="cpu", calibrate=tmp_path)
    with pytest.raises(DataError, match=f"{told} .* are different and of more than one grey value"):
        export(job)


@pytest.mark.slow
def test_an_ensemble_has_no_network_twice(
    two_checkpoints: tuple[Path, Path], tmp_path: Path
) -> None:
    """Nor by files that say other things of it, as of an epoch that was the best and the last."""
    one, other = two_checkpoints
    copy = Path(shutil.copy(one, tmp_path / "copy.pth"))
    best = tmp_path / "best.pth"
    checkpoints.save(dataclasses.replace(checkpoints.load(one), epoch=9), best)
    for again in (one, copy, best):
        said = f"{again} holds the same network as {one}, expected each once"
        with pytest.raises(CheckpointError, match=re.escape(said)):
            export(Job((one, other, again), tmp_path / "x.onnx"))
    assert sorted(os.listdir(tmp_path)) == ["best.pth", "copy.pth"]


@pytest.mark.slow
def test_a_network_that_does_not_fit_names_its_file(
    two_checkpoints: tuple[Path, Path], tmp_path: Path
) -> None:
    loaded = checkpoints.load(two_checkpoints[1])
    broken = loaded.weights | {"encoder.conv1.weight": loaded.weights["encoder.conv1.weight"][:1]}
    bad = tmp_path / "bad.pth"
    checkpoints.save(dataclasses.replace(loaded, weights=broken), bad)
    with pytest.raises(CheckpointError, match=r"bad\.pth: weights do not fit"):
        export(Job((two_checkpoints[0], bad), tmp_path / "x.onnx"))
