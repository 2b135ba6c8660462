from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from salt_export import graph
from salt_export.job import export
from salt_export.request import OPSET, Job
from salt_export.tolerances import FP32
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.modelfile import checksum
from salt_infer.modelfile.contract import METADATA_KEY, ModelContract
from salt_infer.modelfile.learnt import METADATA_KEY as LEARNT_KEY
from salt_train.checkpoints import checkpoint as checkpoints
from tests import drawing

TILES = drawing.draw(8, seed=0).tiles


@pytest.mark.parametrize("gated", [False, True], ids=["dense", "gated"])
def test_the_file_is_sound_and_tells_what_it_is(
    request: pytest.FixtureRequest, tiny_checkpoint: Path, gated: bool
) -> None:
    path = request.getfixturevalue("gated_model" if gated else "dense_model")
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    keys = [entry.key for entry in model.metadata_props]
    assert keys == [METADATA_KEY, LEARNT_KEY, checksum.METADATA_KEY]
    checksum.check(path)
    contract = ModelContract.from_json(model.metadata_props[0].value)
    assert contract.gated == gated
    assert contract.checkpoints == (hashlib.sha256(tiny_checkpoint.read_bytes()).hexdigest(),)
    assert contract.validation["score"] == checkpoints.load(tiny_checkpoint).scores["score"]
    assert contract.opset == OPSET == model.opset_import[0].version
    assert 0 < contract.verification["probability_max"] <= FP32.probability
    shapes = {(n, v) for n, v, _ in contract.verification["shapes"]}
    assert shapes == {(n, v) for n in (1, 2, 7, 64) for v in (1, 2)}
    kept = {(n, k) for n, _, k in contract.verification["shapes"]}
    assert all((n, n) in kept and ((n, 0) in kept) == gated for n in (1, 2, 7, 64))
    assert contract.provenance["parameters"] > 0
    assert set(contract.versions) > {"torch", "onnx", "onnxruntime"}
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


@pytest.mark.slow
def test_two_exports_have_the_same_bytes(
    tiny_checkpoint: Path, dense_model: Path, tmp_path: Path
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(3 - min(threads, 2))  # another number than before
    try:
        export(Job((tiny_checkpoint,), tmp_path / "again.onnx"))
    finally:
        torch.set_num_threads(threads)
    assert (tmp_path / "again.onnx").read_bytes() == dense_model.read_bytes()


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
@pytest.mark.parametrize("gated", [False, True], ids=["dense", "gated"])
def test_an_ensemble_is_the_mean_of_its_members(
    two_checkpoints: tuple[Path, Path], tmp_path: Path, gated: bool
) -> None:
    path = tmp_path / "both.onnx"
    export(Job(two_checkpoints, path, gated=gated))
    models = [checkpoints.build_model(checkpoints.load(each)) for each in two_checkpoints]
    batch = torch.from_numpy(TILES[:, None])
    with torch.inference_mode():
        apart = [[part.numpy() for part in graph.DenseGraph([model])(batch)] for model in models]
    probability, salt = (np.stack(part).mean(0) for part in zip(*apart, strict=True))
    session = ModelSession(path)
    seen = session.run(batch.numpy(), gate=-1.0)
    np.testing.assert_allclose(seen.probability, probability, atol=1e-5)
    np.testing.assert_allclose(seen.salt, salt, atol=1e-5)
    assert np.abs(apart[0][0] - apart[1][0]).max() > 1e-3  # the members are not the same
    assert session.contract.checkpoints == tuple(
        hashlib.sha256(each.read_bytes()).hexdigest() for each in two_checkpoints
    )
    members = session.contract.validation["members"]
    assert [member["fold"] for member in members] == [0, 1]


@pytest.mark.slow
@pytest.mark.usefixtures("traced")
def test_half_precision_computes_in_halves_and_speaks_in_floats(
    tiny_checkpoint: Path, dense_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "half.onnx"
    export(Job((tiny_checkpoint,), path, precision="fp16"))
    model = onnx.load(path)
    kinds = {tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) == 4}
    assert kinds == {onnx.TensorProto.FLOAT16}
    assert path.stat().st_size < 0.6 * dense_model.stat().st_size
    session = ModelSession(path)  # which checks the types of inputs and outputs
    assert session.contract.precision == "fp16"
    half = session.contract.verification["half"]
    assert (half["tiles"], half["pixels"]) == (32, 32 * 101 * 101)
    assert 1e-6 < half["probability_max"] < 0.05  # it really rounds
    whole = ModelSession(dense_model).run(TILES[:, None], 0.0)
    assert 0 < np.abs(session.run(TILES[:, None], 0.0).probability - whole.probability).max() < 0.05
