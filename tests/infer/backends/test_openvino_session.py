from __future__ import annotations

import dataclasses
import functools
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from salt_infer.backends.base import Session
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.backends.providers import ProviderRequest
from salt_infer.batch.result import Cancel
from salt_infer.batch.views import make
from salt_infer.errors import ModelError, ProviderError
from salt_infer.models import default_model
from salt_infer.system.cpu import Machine, this_machine

pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install '.[openvino]'")

from salt_infer.backends import openvino_session
from salt_infer.backends.openvino_session import (
    PRECISION,
    OpenVinoSession,
    arithmetic,
    settings,
)
from tests import drawing

TILES = drawing.draw(12, seed=5).tiles
# What the module promises, by the precision of the file.
PROBABILITY = {"fp32": 1e-4, "fp16": 1e-3}
PIXELS = {"fp32": 1e-4, "fp16": 1e-3, "int8": 0.01, "bf16": 0.01}
AMX = Machine("Xeon", 2, 2, None, ("AVX2", "AVX512", "VNNI", "BF16", "AMX"))
ZEN_4 = Machine("EPYC", 2, 2, None, ("AVX2", "AVX512", "VNNI", "BF16"))


def kinds(request: pytest.FixtureRequest) -> Path:
    path = request.getfixturevalue(request.param)
    assert isinstance(path, Path)
    return path


@pytest.fixture(params=["gated_model", "dense_model"])
def path(request: pytest.FixtureRequest) -> Path:
    return kinds(request)


def close(ours: Session, theirs: Session, batch: np.ndarray, gate: float) -> None:
    a, b = ours.run(batch, gate), theirs.run(batch, gate)
    np.testing.assert_array_equal(a.kept, b.kept)
    for name in ("probability", "salt"):
        one, other = getattr(a, name), getattr(b, name)
        assert one.dtype == other.dtype == np.float32
        np.testing.assert_allclose(one, other, atol=PROBABILITY["fp32"], rtol=0)


@pytest.mark.parametrize("count", [1, 2, 9])
@pytest.mark.parametrize("tta", ["none", "hflip"])
def test_answers_are_those_of_onnx_runtime(path: Path, count: int, tta: str) -> None:
    ours, theirs = OpenVinoSession(path, 1), ModelSession(path, 1)
    batch = make(TILES[:count], tta)  # type: ignore[arg-type]
    salt = np.sort(theirs.run(batch, 0.0).salt)
    between = float(salt[len(salt) // 2 - 1 : len(salt) // 2 + 1].mean())
    for gate in (0.0, between if count > 1 else 0.5, 1.0):  # K = N, some, none
        close(ours, theirs, batch, gate)


def test_answers_do_not_depend_on_the_batch(path: Path) -> None:
    same_in_any_batch(OpenVinoSession(path, 1))


def test_nor_do_those_of_what_ships() -> None:
    same_in_any_batch(OpenVinoSession(default_model("openvino"), 1))


def same_in_any_batch(session: OpenVinoSession) -> None:
    whole = session.run(make(TILES, "hflip"), 0.0)
    for size in (1, 5, 11):
        parts = [
            session.run(make(TILES[start : start + size], "hflip"), 0.0)
            for start in range(0, len(TILES), size)
        ]
        for name in ("probability", "salt"):
            together = np.concatenate([getattr(part, name) for part in parts])
            np.testing.assert_array_equal(together, getattr(whole, name))


@pytest.mark.parametrize(("provider", "hint"), [("cpu", "f32"), ("cuda", "f32"), ("cuda", "bf16")])
@pytest.mark.slow
def test_the_shipped_files_within_the_stated_tolerance(provider: str, hint: str) -> None:
    file = default_model(provider)
    if not file.exists():
        pytest.skip(f"{file.name} is not in this tree")
    if hint == "bf16" and "BF16" not in this_machine().features:
        pytest.skip("this processor does not know bfloat16")
    ours, theirs = OpenVinoSession(file, 1, {PRECISION: hint}), ModelSession(file, 1)
    precision = "bf16" if hint == "bf16" else ours.contract.precision
    batch = make(TILES, "hflip")
    a, b = ours.run(batch, 0.0), theirs.run(batch, 0.0)
    flipped = (a.probability.mean(axis=1) > 0.5) != (b.probability.mean(axis=1) > 0.5)
    assert flipped.mean() <= PIXELS[precision]
    if precision in PROBABILITY:
        assert abs(a.probability - b.probability).max() <= PROBABILITY[precision]


@pytest.mark.parametrize(
    ("precision", "machine", "expected"),
    [
        ("fp16", AMX, "bf16"), ("fp32", AMX, "f32"), ("int8", AMX, "f32"), ("fp16", ZEN_4, "f32"),
    ],
)  # fmt: skip
def test_half_precision_is_computed_in_it_where_that_pays(
    precision: str, machine: Machine, expected: str
) -> None:
    assert arithmetic(precision, machine) == expected


def test_what_ships_for_openvino_is_computed_so_here() -> None:
    session = OpenVinoSession(default_model("openvino"), 1)
    expected = arithmetic(session.contract.precision, this_machine())
    assert session.provider == f"OpenVINO {expected}"
    assert ("bf16" in computed_in(session)) == (expected == "bf16")


def computed_in(session: OpenVinoSession) -> set[str]:
    nodes = session._requests.compiled.get_runtime_model().get_ops()
    return {str(node.get_rt_info()["runtimePrecision"].value) for node in nodes}


def test_bf16_only_where_it_is_asked_for(dense_model: Path) -> None:
    exact = OpenVinoSession(dense_model)
    assert exact.provider == "OpenVINO f32"
    assert "bf16" not in computed_in(exact)
    rounded = OpenVinoSession(dense_model, options={"INFERENCE_PRECISION_HINT": "bf16"})
    assert rounded.provider == "OpenVINO bf16"
    if "BF16" in this_machine().features:
        assert "bf16" in computed_in(rounded)


def test_threads_and_hints_are_explicit(dense_model: Path) -> None:
    compiled = OpenVinoSession(dense_model, threads=1)._requests.compiled
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1
    assert compiled.get_property("NUM_STREAMS") == 1
    assert compiled.get_property("ENABLE_CPU_PINNING") is False
    assert settings(3, {"NUM_STREAMS": "2"})["NUM_STREAMS"] == "2"


def test_nodes_are_counted(gated_model: Path) -> None:
    placement = OpenVinoSession(gated_model).placement
    assert list(placement.nodes) == ["OpenVINO CPU"]
    assert placement.ops["OpenVINO CPU"]["Convolution"] > 10


def test_inputs_and_outputs(gated_model: Path) -> None:
    session = OpenVinoSession(gated_model)
    assert session.inputs == ["tiles uint8 [?, ?, 101, 101]", "gate float []"]
    assert {line.partition(" ")[0] for line in session.outputs} == {"probability", "salt", "kept"}


def test_several_threads_at_once_get_their_own_answers(gated_model: Path) -> None:
    session = OpenVinoSession(gated_model, 1)
    expected = session.run(TILES[:, None], 0.0)

    def one(index: int) -> np.ndarray:
        return session.run(TILES[index : index + 1, None], 0.0).probability

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(one, list(range(len(TILES))) * 3))
    np.testing.assert_array_equal(np.concatenate(seen), np.tile(expected.probability, (3, 1, 1, 1)))


def test_cancel_ends_the_batch_under_way_and_every_later_one(dense_model: Path) -> None:
    session, cancel = OpenVinoSession(dense_model, threads=1), Cancel()
    batch = np.repeat(TILES[:, None], 100, axis=0)
    timer = threading.Timer(0.2, cancel)
    timer.start()
    with pytest.raises(ModelError, match=r"failed on a batch of .* canceled"):
        for _ in range(1000):
            session.run(batch, 0.0, cancel)
    timer.join()
    with pytest.raises(ModelError, match="canceled"):
        session.run(batch, 0.0, cancel)
    assert len(session.run(TILES[:1, None], 0.0).salt) == 1


SIGNALLED = """
import os, signal, sys
from pathlib import Path
from salt_infer.backends.openvino_session import OpenVinoSession
signal.signal(signal.SIGTERM, lambda *_: print("handled", flush=True))
sessions = [OpenVinoSession(Path(sys.argv[1]), 1) for _ in range(2)]
while sessions:
    sessions.pop(0)
    os.kill(os.getpid(), signal.SIGTERM)
"""


def test_signals_are_handled_after_sessions_that_went(dense_model: Path) -> None:
    """In a process of its own: what is tested for is a segmentation fault."""
    ended = subprocess.run(
        [sys.executable, "-c", SIGNALLED, dense_model], capture_output=True, text=True, timeout=120
    )
    assert (ended.stdout, ended.returncode) == ("handled\n" * 2, 0), ended


AT_ONCE = """
import sys, threading, time
import numpy as np
from pathlib import Path
from salt_infer.backends.openvino_session import OpenVinoSession
session = OpenVinoSession(Path(sys.argv[1]), 1, lanes=2)
sys.setswitchinterval(1e-6)
start = threading.Barrier(6)
def run():
    start.wait()
    session.run(np.zeros((1, 1, 101, 101), np.uint8), 0.5)
def compete():
    start.wait()
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        pass
for work in (run, run, compete, compete, compete, compete):
    threading.Thread(target=work).start()
"""


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(4))
def test_two_threads_may_be_the_first(dense_model: Path, attempt: int) -> None:
    """One to three of these four did not end while no array of OpenVINO's was used before."""
    subprocess.run([sys.executable, "-c", AT_ONCE, dense_model], check=True, timeout=600)


def test_an_unknown_option_or_value_is_refused(dense_model: Path) -> None:
    with pytest.raises(
        ProviderError, match=r"takes no --provider-option NONSENSE=1 .*Unsupported prop"
    ):
        OpenVinoSession(dense_model, options={"NONSENSE": "1"})
    with pytest.raises(
        ProviderError, match=r"takes no --provider-option INFERENCE_PRECISION_HINT=f99 .*Wrong"
    ):
        OpenVinoSession(dense_model, options={"INFERENCE_PRECISION_HINT": "f99"})


def test_a_whole_run(gated_model: Path) -> None:
    from salt_infer import SaltModel

    ours = SaltModel.load(gated_model, gate=0.0, provider=ProviderRequest("openvino"))
    theirs = SaltModel.load(gated_model, gate=0.0, provider=ProviderRequest("cpu"))
    a, b = ours.predict(TILES), theirs.predict(TILES)
    assert (a.masks != b.masks).mean() < PIXELS["fp32"]
    assert ours.choice is not None
    assert dataclasses.asdict(ours.choice)["used"] == "openvino"


def test_threads_that_ask_at_once_get_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores that do not go in the opposite order of their coming crash the next signal."""
    import openvino

    made: list[object] = []

    def slow() -> object:
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    monkeypatch.setattr(openvino, "Core", slow)
    again = functools.cache(openvino_session._new_core.__wrapped__)  # the real one stays
    monkeypatch.setattr(openvino_session, "_new_core", again)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: openvino_session.core(), range(4)))
    assert found == made * 4
