"""The whole way to an int8 file, with a network that suffers from it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from salt_export import graph, guard, int8, trial
from salt_export.errors import CalibrationError, ExportError, ParityError
from salt_export.job import export
from salt_export.request import Job
from salt_export.tolerances import TOLERANCES
from salt_export.trial import Drop, Guard, Loss
from salt_export.verify import verify
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_train import synthetic
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.scoring.evaluate import Decision
from salt_train.training import averaging
from tests import changeable, drawing
from tests.export.test_job import rewritten
from tests.export.test_parity import tampered

BLOCK = "decoder.blocks.2.body"  # convolution, normalisation, ReLU, convolution
DATA = drawing.draw(24, seed=6)


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guard")
    synthetic.write(DATA, folder)
    return folder


@pytest.fixture(scope="module")
def settled(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network with statistics that fit its weights: one that tells tiles apart."""
    checkpoint = checkpoints.load(tiny_checkpoint)
    model = checkpoints.build_model(checkpoint)
    averaging.refresh_statistics(model, DATA.tiles, batch_size=32)
    path = tmp_path_factory.mktemp("settled") / "settled.pth"
    checkpoints.save(dataclasses.replace(checkpoint, weights=model.state_dict()), path)
    return path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, traced: None, few_shapes: None) -> None:
    """Entropy takes by far the longest; test_int8 has it. A layer is sensitive on few tiles too."""
    monkeypatch.setattr(guard, "METHODS", ("minmax", "percentile"))
    monkeypatch.setattr(trial, "RANKING_TILES", 8)


def int8_job(checkpoint: Path, model: Path, tiles: Path, **changes: object) -> Job:
    said: list[str] = []
    job = Job(
        (checkpoint,), model, target="cpu", calibrate=tiles / "tiles",
        verify_images=tiles / "tiles", labels=tiles / "masks", say=said.append,
    )  # fmt: skip
    return dataclasses.replace(job, **changes)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_an_int8_file_is_published_with_its_proof(
    settled: Path, tiles: Path, tmp_path: Path
) -> None:
    path, report = tmp_path / "cpu.onnx", tmp_path / "cpu.json"
    done = export(int8_job(settled, path, tiles, max_drop=0.02, report=report))
    contract = ModelSession(path).contract
    assert contract == done.contract
    assert (contract.precision, contract.gated) == ("int8", True)
    proof = contract.verification["int8"]
    assert proof["labelled"] is True
    assert proof["tiles"] == proof["calibration_tiles"] == len(DATA)
    assert set(proof["drops"]) == {"minmax", "percentile"}
    assert proof["method"] in proof["drops"]
    drop = proof["drop"]
    assert drop["low"] <= drop["mean"] <= drop["high"]
    assert drop["mean"] <= proof["limit"] == 0.02
    lost = done.parity.score_of_network - done.parity.score  # type: ignore[operator]
    assert lost == pytest.approx(drop["mean"], abs=1e-3)  # the network's is torch's, not a file's
    assert json.loads(report.read_text())["contract"]["verification"]["int8"] == proof
    stages: list[str] = []
    once_more = int8_job(
        settled, tmp_path / "again.onnx", tiles, max_drop=0.02, doing=stages.append
    )
    export(once_more)
    assert stages[2] == f"running the float32 file on {len(DATA)} tiles, to compare int8 with"
    measured, tried = "measuring the ranges of int8 by", "trying int8 by"
    assert [each.split(" on ")[0] for each in stages[3:-1]] == [
        f"{measured} minmax", f"{measured} percentile",
        f"{tried} minmax", f"{tried} percentile", f"{tried} {proof['method']}",
    ]  # fmt: skip
    assert stages[4].endswith(f" on {len(DATA)} tiles, 2 of 2")
    assert (tmp_path / "again.onnx").read_bytes() == path.read_bytes()
    verified = int8_job(settled, path, tiles, max_drop=0.02)
    assert verify(verified).parity == done.parity
    with pytest.raises(ParityError, match=r"weight models\.0\..* differs from the network's by"):
        verify(dataclasses.replace(verified, model=tampered(path, tmp_path / "bad.onnx", 1.01)))
    with pytest.raises(ParityError, match=r"was changed after its export: .* probability within"):
        verify(dataclasses.replace(verified, model=rescaled(path, tmp_path / "bad.onnx")))
    portable = tmp_path / "portable.onnx"
    export(Job((settled,), portable))
    assert path.stat().st_size < 0.6 * portable.stat().st_size


def rescaled(source: Path, target: Path) -> Path:
    """The file with the scale of one activation changed: nothing in the network is like it."""
    proto = changeable.load(source)
    node = next(each for each in proto.graph.node if each.op_type == "QuantizeLinear")
    scale = next(each for each in proto.graph.initializer if each.name == node.input[1])
    value = numpy_helper.to_array(scale) * np.float32(1.01)
    scale.CopyFrom(numpy_helper.from_array(value, scale.name))
    onnx.save(proto, target)
    return target


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_without_labels_the_float_masks_stand_in(
    settled: Path, tiles: Path, tmp_path: Path
) -> None:
    job = int8_job(
        settled, tmp_path / "trt.onnx", tiles, target="tensorrt", precision="int8",
        verify_images=None, labels=None, max_drop=0.16,
    )  # fmt: skip
    done = export(job)
    proof = done.contract.verification["int8"]
    assert proof["labelled"] is False
    assert proof["limit"] == pytest.approx(0.48)
    assert 0 <= proof["drop"]["mean"] <= 0.48
    assert done.contract.gated is False


def hurt(checkpoint: Path, out: Path, factor: float = 3e4) -> Path:
    """The same function in float: one channel of a block's inside is made huge, and small again by
    the convolution after it. In 8 bits a tensor nothing is left of its other channels.
    """
    old = checkpoints.load(checkpoint)
    weights = {name: value.clone() for name, value in old.weights.items()}
    # The channel that is least often zero behind the ReLU.
    loudest = int(weights[f"{BLOCK}.1.bias"].argmax())
    for part in ("weight", "bias"):
        weights[f"{BLOCK}.1.{part}"][loudest] *= factor
    weights[f"{BLOCK}.3.weight"][:, loudest] /= factor
    checkpoints.save(dataclasses.replace(old, weights=weights), out)
    return out


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_sensitive_layers_are_found_and_left_in_float(
    settled: Path, tiles: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    stages: list[str] = []
    job = int8_job(
        hurt(settled, tmp_path / "hurt.pth"), tmp_path / "x.onnx", tiles, max_drop=0.02,
        say=said.append, doing=stages.append,
    )  # fmt: skip
    proof = export(job).contract.verification["int8"]
    assert {f"models.0.{BLOCK}.0", f"models.0.{BLOCK}.3"} <= set(proof["in_float"][:3])
    assert proof["drop"]["mean"] <= 0.02
    lines = "\n".join(said)
    assert min(map(float, re.findall(r"^int8 by .* (\S+)% of the pixels", lines, re.M))) > 5
    assert re.search(
        r"^more than is allowed, -0\.0200 against labels, \d+% .* convolutions are tried",
        lines, re.M,
    )  # fmt: skip
    assert f"1 in float32, with {proof['in_float'][0]}: score" in lines
    assert f"trying 1 of {proof['layers']} convolutions in float32" in stages
    assert f"{len(proof['in_float'])} in float32, with {proof['in_float'][-1]}: score" in lines


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_what_cannot_be_held_is_not_published(
    settled: Path, tiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "MAX_FLOAT", 0.05)
    job = int8_job(hurt(settled, tmp_path / "hurt.pth"), tmp_path / "x.onnx", tiles, max_drop=0.9)
    with pytest.raises(ParityError, match=r"flips 1\d\.\d+% .*; nothing was written") as refused:
        export(job)
    assert "--max-drop" not in str(refused.value)  # the score may lose as much
    table = str(refused.value).splitlines()[2:]
    assert f"models.0.{BLOCK}." in table[0]
    assert len(table) == 38
    assert os.listdir(tmp_path) == ["hurt.pth"]


def test_of_two_calibrations_the_one_whose_masks_hold_is_taken() -> None:
    flips = Loss(Drop(-0.001, -0.002, 0.0), flipped=0.08, moved=0.001)
    moves = Loss(Drop(-0.001, -0.002, 0.0), flipped=0.0, moved=0.3)
    holds = Loss(Drop(0.001, 0.0, 0.002), flipped=0.01, moved=0.004)
    worse = Loss(Drop(0.002, 0.0, 0.003), flipped=0.01, moved=0.001)
    ranked = sorted([flips, moves, worse, holds], key=lambda loss: loss.rank(0.003))
    assert ranked == [holds, worse, moves, flips]
    last_bit = float(np.nextafter(holds.drop.mean, 0))
    tied = Loss(Drop(last_bit, 0.0, 0.002), flipped=0.012, moved=0.001)
    assert min([tied, holds], key=lambda loss: loss.rank(0.003)) == holds
    nearer = dataclasses.replace(holds, moved=0.003)
    assert min([holds, nearer], key=lambda loss: loss.rank(0.003)) == nearer
    gains = Loss(Drop(-0.02, -0.03, -0.01), flipped=0.03, moved=0.004)
    close = Loss(Drop(-0.001, -0.002, 0.0), flipped=0.006, moved=0.004)
    assert min([gains, close], key=lambda loss: loss.rank(0.003)) == close


@pytest.mark.parametrize("most", [*range(20), 64])
def test_the_least_count_that_holds_is_found_by_few_questions(most: int) -> None:
    for least in range(1, most + 2):
        asked: list[int] = []

        def holds(count: int, least: int = least, asked: list[int] = asked) -> bool:
            asked.append(count)
            return count >= least

        assert guard.fewest(holds, most) == (least if least <= most else 0)
        assert len(asked) <= 2 * most.bit_length()
        assert len({*asked}) == len(asked)
        assert all(1 <= count <= most for count in asked)


def test_a_method_that_finds_no_ranges_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def calibrate(
        prepared: object, tiles: object, method: str, folder: Path, seen: Path | None
    ) -> Path:
        assert seen == (None if method == "minmax" else tmp_path / "minmax")
        if method == "entropy":
            raise CalibrationError("ONNX Runtime finds no range")
        return folder / method

    monkeypatch.setattr(int8, "calibrate", calibrate)
    said: list[str] = []
    prepared = int8.Prepared(tmp_path, (), {}, ())
    blank = np.zeros((1, 101, 101), np.uint8)
    limits = Guard(blank, blank, None, Decision(0.5, 0.5), 0.0, said.append)
    found = dict(guard._ranges(prepared, blank, tmp_path, limits))
    assert found == {method: tmp_path / method for method in ("minmax", "percentile")}
    assert said == ["int8 by entropy: left out, ONNX Runtime finds no range"]


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_gate_that_lets_no_tile_pass_does_not_prove_a_file(
    settled: Path, tiles: Path, tmp_path: Path
) -> None:
    """No mask tells then of a file that computes something else: probabilities do."""
    checkpoint = checkpoints.load(settled)
    shut = tmp_path / "shut.pth"
    decision = dataclasses.replace(checkpoint.decision, gate=1.0)
    checkpoints.save(dataclasses.replace(checkpoint, decision=decision), shut)
    said: list[str] = []
    path = tmp_path / "cpu.onnx"
    job = int8_job(shut, path, tiles, say=said.append)
    done = export(job)
    assert done.parity.pixels_flipped == 0
    assert done.parity.probability_mean <= TOLERANCES["int8"].mean
    assert any(f"finds salt in 0 of {len(DATA)} tiles" in line for line in said)
    proto = onnx.load(path)
    weakened(proto)
    provenance = {**ModelSession(path).contract.provenance, "graph_sha256": graph.digest(proto)}
    broken = rewritten(path, tmp_path / "broken.onnx", proto, provenance=provenance)
    with pytest.raises(ParityError, match=r"on average\) .* 0 of \d+ pixels flipped; expected"):
        verify(dataclasses.replace(job, model=broken, target="portable", calibrate=None))


def weakened(proto: onnx.ModelProto) -> None:
    """The probabilities that it gives are a fifth of what they were."""
    for node in proto.graph.node:
        names = ["whole" if name == "probability" else name for name in node.output]
        node.output[:] = names
    value = numpy_helper.from_array(np.float32(0.2), "fifth")
    proto.graph.initializer.append(value)
    proto.graph.node.append(
        onnx.helper.make_node("Mul", ["whole", "fifth"], ["probability"], "weaker")
    )


@pytest.mark.slow
def test_a_network_that_overflows_float16_is_not_published(settled: Path, tmp_path: Path) -> None:
    """ONNX Runtime on a CPU would not notice: it computes a float16 file in float32."""
    loud = hurt(settled, tmp_path / "loud.pth", factor=1e7)
    with pytest.raises(ParityError, match=r"not finite: .* use --precision fp32"):
        export(Job((loud,), tmp_path / "x.onnx", precision="fp16"))
    assert os.listdir(tmp_path) == ["loud.pth"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"precision": "int8", "calibrate": None}, "int8 needs tiles .* give --calibrate"),
        ({"target": "cuda", "precision": "int8"}, "no int8 convolutions for CUDA"),
        ({"target": "cuda"}, "--calibrate is for int8, this file is fp16"),
        ({"precision": "fp32"}, "--calibrate is for int8, this file is fp32"),
    ],
)
def test_requests_that_make_no_sense(
    tiny_checkpoint: Path, tiles: Path, tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(ExportError, match=says):
        export(int8_job(tiny_checkpoint, tmp_path / "x.onnx", tiles, **changes))
    assert os.listdir(tmp_path) == []


def test_every_style_is_a_targets() -> None:
    assert set(int8.STYLES) == {"cpu", "tensorrt"}
