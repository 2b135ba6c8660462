from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from salt_infer.backends import onnxruntime_session
from salt_infer.backends.onnxruntime_session import ModelSession, peek
from salt_infer.backends.providers import SessionPlan
from salt_infer.batch.parts import Parts
from salt_infer.batch.result import Cancel
from salt_infer.batch.views import make
from salt_infer.errors import ContractError, ModelError
from salt_infer.models import default_model
from tests import changeable, drawing

TILES = drawing.draw(9, seed=5).tiles


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("count", [1, 2, 9])
def test_gated_and_dense_give_the_same_bits(
    dense_model: Path, gated_model: Path, count: int, views: int
) -> None:
    dense, gated = ModelSession(dense_model), ModelSession(gated_model)
    batch = np.repeat(TILES[:count, None], views, axis=1)
    salt = dense.run(batch, 0.0).salt
    for gate in (0.0, float(np.median(salt)), 1.0):
        a, b = dense.run(batch, gate), gated.run(batch, gate)
        np.testing.assert_array_equal(a.kept, np.flatnonzero(salt > np.float32(gate)))
        np.testing.assert_array_equal(a.kept, b.kept)
        np.testing.assert_array_equal(a.salt, b.salt)
        np.testing.assert_array_equal(a.probability, b.probability)
        assert b.probability.shape == (len(b.kept), views, 101, 101)


def test_ranges(dense_model: Path) -> None:
    result = ModelSession(dense_model).run(TILES[:, None], 0.0)
    assert result.probability.dtype == result.salt.dtype == np.float32
    for values in (result.probability, result.salt):
        assert values.min() >= 0
        assert values.max() <= 1


def test_results_do_not_depend_on_the_batch(dense_model: Path) -> None:
    session = ModelSession(dense_model)
    whole = session.run(TILES[:, None], 0.0)
    alone = [session.run(TILES[i : i + 1, None], 0.0) for i in range(len(TILES))]
    np.testing.assert_array_equal(whole.salt, np.concatenate([one.salt for one in alone]))
    np.testing.assert_array_equal(
        whole.probability, np.concatenate([one.probability for one in alone])
    )


@pytest.mark.parametrize("kind", ["gated_model", "dense_model", "default", "default-cpu"])
@pytest.mark.slow
def test_nor_on_the_parts_that_it_is_run_in(request: pytest.FixtureRequest, kind: str) -> None:
    file = default_model().with_name(f"{kind}.onnx")
    path = file if kind.startswith("default") else request.getfixturevalue(kind)
    batch = make(TILES, "hflip")
    whole = ModelSession(path, 1).run(batch, 0.3)
    for parts, threads in ((Parts(1), 1), (Parts(8), 1), (Parts(8, 2), 2), (Parts(4, 4), 4)):
        session = ModelSession(path, threads, parts=parts)
        for count in (len(TILES), 1):
            seen = session.run(batch[:count], 0.3)
            kept = whole.kept[whole.kept < count]
            np.testing.assert_array_equal(seen.kept, kept)
            np.testing.assert_array_equal(seen.salt, whole.salt[:count])
            np.testing.assert_array_equal(seen.probability, whole.probability[: len(kept)])


def ran(session: ModelSession, monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, int]]:
    """To become, of each part that is run: whether by one thread of several, and its tiles."""
    run, seen = session._run, list[tuple[bool, int]]()

    def noted(inner: Any, tiles: np.ndarray, *rest: Any) -> Any:
        seen.append((inner is not session._session, len(tiles)))
        return run(inner, tiles, *rest)

    monkeypatch.setattr(session, "_run", noted)
    return seen


def test_threads_share_a_tile_and_take_a_part_each_of_more(
    dense_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = ModelSession(dense_model, 2, parts=Parts(4, 2))
    seen = ran(session, monkeypatch)
    batch = make(TILES, "hflip")
    for count, expected in (
        (1, [(False, 1)]), (2, [(True, 1)] * 2), (3, [(True, 1), (True, 2)]),
        (9, [(True, 1), *[(True, 2)] * 4]),
    ):  # fmt: skip
        seen.clear()
        session.run(batch[:count], 0.3)
        assert sorted(seen) == expected


@pytest.mark.parametrize("now", ["gone", "another"])
def test_a_file_that_changed_after_it_was_loaded_is_not_loaded_again(
    dense_model: Path, gated_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: str
) -> None:
    path = tmp_path / "x.onnx"
    shutil.copy(dense_model, path)
    session = ModelSession(path, 2, parts=Parts(4, 2))
    path.unlink()
    if now == "another":
        shutil.copy(gated_model, path)
    seen = ran(session, monkeypatch)
    batch = make(TILES, "hflip")
    found, expected = session.run(batch, 0.3), ModelSession(dense_model, 1).run(batch, 0.3)
    np.testing.assert_array_equal(found.probability, expected.probability)
    assert {apart for apart, _ in seen} == {False}


@pytest.mark.parametrize("lacking", ["memory", "threads"])
def test_without_room_for_parts_abreast_they_are_run_one_by_one(
    dense_model: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    session = ModelSession(dense_model, 2, parts=Parts(4, 2))
    batch = make(TILES, "hflip")
    expected = ModelSession(dense_model, 1).run(batch, 0.3)

    def refuse(*_: Any) -> Any:
        raise MemoryError if lacking == "memory" else RuntimeError("can't start new thread")

    if lacking == "memory":
        monkeypatch.setattr(onnxruntime_session, "_session", refuse)
    else:
        monkeypatch.setattr(threading.Thread, "start", refuse)
    found = session.run(batch, 0.3)
    np.testing.assert_array_equal(found.probability, expected.probability)
    np.testing.assert_array_equal(found.salt, expected.salt)


def test_the_default_model_keeps_its_contract() -> None:
    session = ModelSession(default_model())
    assert session.contract.tta == "hflip"
    assert session.contract.validation["score"] > 0.8
    assert (session.contract.precision, session.contract.gated) == ("int8", True)
    assert session.provider == "CPUExecutionProvider"


def test_both_shipped_files_are_one_network_and_small() -> None:
    paths = sorted(default_model().parent.glob("*.onnx"))
    assert [path.name for path in paths] == ["default-cpu.onnx", "default.onnx"]
    cpu, portable = (ModelSession(path).contract for path in paths)
    assert (portable.precision, portable.gated) == ("fp16", False)
    for name in ("checkpoints", "validation", "threshold", "gate", "tta"):
        assert getattr(cpu, name) == getattr(portable, name)
    assert sum(path.stat().st_size for path in paths) < 20e6


@pytest.mark.parametrize("kind", ["gated_model", "dense_model"])
@pytest.mark.parametrize("count", [1, 4, 9])
def test_a_fixed_batch_gives_the_same_bits(
    request: pytest.FixtureRequest, kind: str, count: int
) -> None:
    """The CPU provider with the batch that a GPU would have: the last one is padded."""
    path = request.getfixturevalue(kind)
    free, fixed = ModelSession(path), ModelSession(path, plan=SessionPlan(shape=(4, 2)))
    batch = np.repeat(TILES[:count, None], 2, axis=1)
    salt = free.run(batch, 0.0).salt
    for gate in (0.0, float(np.median(salt)), 1.0):
        a, b = free.run(batch, gate), fixed.run(batch, gate)
        np.testing.assert_array_equal(a.kept, b.kept)
        np.testing.assert_array_equal(a.salt, b.salt)
        np.testing.assert_array_equal(a.probability, b.probability)


def test_a_fixed_batch_leaves_no_arithmetic_on_shapes(dense_model: Path) -> None:
    free, fixed = (
        ModelSession(dense_model),
        ModelSession(dense_model, plan=SessionPlan(shape=(4, 2))),
    )
    counts = [each.placement.ops["CPUExecutionProvider"].get("Shape", 0) for each in (free, fixed)]
    assert counts[0] > 0 == counts[1]
    assert fixed.inputs == free.inputs == ["tiles uint8 [N, V, 101, 101]"]
    with pytest.raises(ModelError, match="is loaded for 2 views, got 1"):
        fixed.run(TILES[:, None], 0.0)


def test_axes_of_other_names_are_told(dense_model: Path, tmp_path: Path) -> None:
    """A fixed batch would silently stay dynamic."""
    model = changeable.load(dense_model)
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param == "N":
                size.dim_param = "batch"
    onnx.save(model, tmp_path / "x.onnx")
    with pytest.raises(ModelError, match=r"has batch axes .*, expected N and V; export it again"):
        ModelSession(tmp_path / "x.onnx", plan=SessionPlan(shape=(4, 2)))


def test_peeking_gives_the_contract(gated_model: Path, tmp_path: Path) -> None:
    assert peek(gated_model) == ModelSession(gated_model).contract
    with pytest.raises(ModelError, match="does not exist"):
        peek(tmp_path / "missing.onnx")


def test_the_digest_is_of_the_file(dense_model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    shutil.copy(dense_model, copy)
    assert ModelSession(copy).sha256 == ModelSession(dense_model).sha256


def test_cancel_ends_the_batch_under_way_and_every_later_one(dense_model: Path) -> None:
    session, cancel = ModelSession(dense_model, threads=1), Cancel()
    batch = np.repeat(TILES[:, None], 400, axis=0)
    timer = threading.Timer(0.2, cancel)
    timer.start()
    with pytest.raises(ModelError, match="failed on a batch"):
        for _ in range(1000):
            session.run(batch, 0.0, cancel)
    timer.join()
    with pytest.raises(ModelError):
        session.run(TILES[:1, None], 0.0, cancel)
    assert len(session.run(TILES[:1, None], 0.0).salt) == 1


def test_metadata_that_is_no_text_is_told(dense_model: Path, tmp_path: Path) -> None:
    data = changeable.load(dense_model).SerializeToString()
    (tmp_path / "x.onnx").write_bytes(data.replace(b"U-Net", b"U\xff\xfeet"))
    with pytest.raises(ContractError, match=r"x\.onnx has metadata that is no text"):
        ModelSession(tmp_path / "x.onnx")
