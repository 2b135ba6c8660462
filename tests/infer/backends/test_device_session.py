"""Sessions as a GPU has them, on the CPU provider: fixed batches, two streams, masks as bits."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salt_infer import SaltModel
from salt_infer.backends import availability, selection
from salt_infer.backends.device_lanes import Bound
from salt_infer.backends.device_session import DeviceSession
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.backends.providers import Asked, ProviderRequest, SessionPlan, plan
from salt_infer.backends.selection import Batches, open_session
from salt_infer.batch.result import BatchResult, Cancel, Drawn
from salt_infer.errors import ModelError, ProviderError
from salt_infer.job.job import Job, run
from salt_infer.job.watcher import Watcher
from salt_infer.modelfile.contract import TTA_NAMES, Tta
from salt_infer.predictor.settings import Settings
from salt_infer.system.cpu import lanes_here
from tests import drawing

TILES = drawing.draw(9, seed=5).tiles
COUNT, SECOND = 4, 2


def opened(path: Path, tta: str, streams: int = 1) -> DeviceSession:
    shape = (COUNT, 2 if tta == "hflip" else 1)
    second = SECOND if tta == "doubtful" else 0
    return DeviceSession(path, 1, SessionPlan(shape=shape, second=second, streams=streams))


def middle(session: ModelSession, tiles: np.ndarray) -> float:
    """A gate that stops about half of them."""
    return float(np.median(session.run(tiles[:, None], 0.0).salt))


@pytest.mark.parametrize("tta", TTA_NAMES)
@pytest.mark.parametrize(("count", "min_area"), [(1, 0), (4, 0), (9, 2000)])
def test_masks_are_those_of_the_host_in_every_mode(
    dense_model: Path, tta: Tta, count: int, min_area: int
) -> None:
    tiles, session = TILES[:count], opened(dense_model, tta)
    plain = ModelSession(dense_model, 1)
    for gate in (0.0, middle(plain, tiles), 1.0):
        settings = Settings(0.5, gate, tta, min_area)
        host = SaltModel(plain, settings)
        device = SaltModel(session, settings)
        for keep_all in (False, True):
            expected = host.decide(host.run(tiles, keep_all=keep_all))
            for probabilities, kind in ((False, Drawn), (True, BatchResult)):
                result = device.run(tiles, keep_all=keep_all, probabilities=probabilities)
                assert isinstance(result, kind)
                seen = device.decide(result)
                for name in ("kept", "salt", "masks"):
                    np.testing.assert_array_equal(getattr(seen, name), getattr(expected, name))
                if probabilities:
                    np.testing.assert_array_equal(seen.probability, expected.probability)
                else:
                    assert seen.probability is None


def test_a_tile_comes_back_as_bits(dense_model: Path) -> None:
    drawn = SaltModel(opened(dense_model, "hflip"), Settings(0.5, 0.0, "hflip")).run(
        TILES, probabilities=False
    )
    assert isinstance(drawn, Drawn)
    assert (drawn.bits.dtype, drawn.bits.shape) == (np.uint8, (len(drawn.kept), 1276))


def test_second_passes_are_run_in_batches_of_their_own(
    dense_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, sizes = opened(dense_model, "doubtful"), []
    run = Bound.__call__

    def counted(self: Bound, tiles: np.ndarray, options: Any) -> dict[str, Any]:
        sizes.append(len(tiles))
        return run(self, tiles, options)

    monkeypatch.setattr(Bound, "__call__", counted)
    model = SaltModel(session, Settings(0.5, 0.0, "doubtful"))
    for probabilities in (False, True):
        sizes.clear()
        model.run(TILES[:4], probabilities=probabilities)
        assert sizes[0] == COUNT
        assert set(sizes[1:]) == {SECOND}


def test_threads_take_turns_and_get_their_own_answers(dense_model: Path) -> None:
    session = opened(dense_model, "hflip", streams=2)
    assert session.at_once == 2
    model = SaltModel(session, Settings(0.5, 0.0, "hflip"))
    parts = [TILES[start : start + 3] for start in range(0, 9, 3)] * 6
    expected = [model.run(part, probabilities=False) for part in parts[:3]] * 6
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda part: model.run(part, probabilities=False), parts))
    for one, other in zip(seen, expected, strict=True):
        assert isinstance(one, Drawn) and isinstance(other, Drawn)
        np.testing.assert_array_equal(one.bits, other.bits)
        np.testing.assert_array_equal(one.salt, other.salt)


def test_other_views_than_it_was_loaded_for_are_refused(dense_model: Path) -> None:
    session = opened(dense_model, "hflip")
    with pytest.raises(ModelError, match="is loaded for 2 views, got 1"):
        session.run(TILES[:, None], 0.0)
    with pytest.raises(ModelError, match="is loaded for 2 views, got 1"):
        session.draw(TILES[:, None], 0.5, 0.0)
    assert len(session.run(np.repeat(TILES[:2, None], 2, axis=1), 0.0).salt) == 2


def test_cancel_ends_the_batch_and_leaves_the_session_usable(dense_model: Path) -> None:
    model = SaltModel(opened(dense_model, "hflip"), Settings(0.5, 0.0, "hflip"))
    cancel, many = Cancel(), np.repeat(TILES, 200, axis=0)
    timer = threading.Timer(0.1, cancel)
    timer.start()
    with pytest.raises(ModelError, match="failed on a batch"):
        for _ in range(1000):
            model.run(many, cancel, probabilities=False)
    timer.join()
    with pytest.raises(ModelError):
        model.run(TILES, cancel)
    assert model.run(TILES).salt.shape == (9,)


def test_what_cannot_run_is_known_at_once(
    dense_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("BFCArena: Failed to allocate memory for requested buffer of size 9")

    monkeypatch.setattr(Bound, "fetch", fail)
    with pytest.raises(ProviderError, match=r"batches of 4 tiles in 2 .*; give a smaller --batch"):
        opened(dense_model, "hflip")


def test_a_graph_that_repeats_itself_is_refused(
    dense_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a captured graph does that does not read the memory its input is written to."""
    planned = SessionPlan(providers=(("CPUExecutionProvider", {}),), shape=(COUNT, 1))
    graphs = dataclasses.replace(
        planned, providers=(("CPUExecutionProvider", {"enable_cuda_graph": "1"}),)
    )
    monkeypatch.setattr("salt_infer.backends.onnxruntime_session._session", without_options)
    DeviceSession(dense_model, 1, graphs)
    call, first = Bound.__call__, []

    def stuck(self: Bound, tiles: np.ndarray, options: Any) -> dict[str, Any]:
        first.append(tiles)
        return call(self, first[0], options)

    monkeypatch.setattr(Bound, "__call__", stuck)
    with pytest.raises(ProviderError, match="a CUDA graph gives wrong answers; leave enable_cuda"):
        DeviceSession(dense_model, 1, graphs)


def test_a_graph_is_run_by_the_thread_alone_that_proved_it(
    dense_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime captures one for each thread that runs a session."""
    option = (("CPUExecutionProvider", {"enable_cuda_graph": "1"}),)
    graphs = SessionPlan(providers=option, shape=(COUNT, 1), streams=2)
    monkeypatch.setattr("salt_infer.backends.onnxruntime_session._session", without_options)
    ran: dict[int, set[int]] = {}
    original = Bound.__call__

    def noted(self: Bound, tiles: np.ndarray, options: Any) -> dict[str, Any]:
        ran.setdefault(id(self), set()).add(threading.get_ident())
        return original(self, tiles, options)

    monkeypatch.setattr(Bound, "__call__", noted)
    session = DeviceSession(dense_model, 1, graphs)
    host = ModelSession(dense_model, 1)
    expected = host.run(TILES[:, None], 0.0)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for drawn in pool.map(session.draw, [TILES[:, None]] * 8, [0.5] * 8, [0.0] * 8):
            np.testing.assert_array_equal(drawn.salt, expected.salt)
    assert all(len(threads) == 1 for threads in ran.values())
    assert threading.get_ident() not in set.union(*ran.values())
    before = threading.active_count()
    del session
    gc.collect()
    assert threading.active_count() == before - 2


def without_options(path: Path, options: Any, providers: list[tuple[str, dict[str, str]]]) -> Any:
    """A session on the CPU provider, which knows none of them."""
    names = [name for name, _ in providers]
    return availability.onnxruntime().InferenceSession(path, options, names, enable_fallback=0)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[SessionPlan]:
    """CUDA is usable, and what is planned for it runs on the CPU; gives the plans."""
    seen: list[SessionPlan] = []
    failed: list[weakref.ref[DeviceSession]] = []
    monkeypatch.setattr(availability, "require", lambda *_: None)

    class Session(DeviceSession):
        def __init__(self, path: Path, threads: int | None, planned: SessionPlan) -> None:
            seen.append(planned)
            # A device has no room for two.
            assert not [each for each in failed if each() is not None]
            if planned.options.get("prefer_nhwc") == "1":
                failed.append(weakref.ref(self))
                raise ProviderError("it cannot")
            cpu = ("CPUExecutionProvider", {})
            super().__init__(
                path, threads, dataclasses.replace(planned, provider="cpu", providers=(cpu,))
            )

    monkeypatch.setattr(selection, "DeviceSession", Session)
    return seen


@pytest.mark.parametrize(("tta", "second"), [("none", 0), ("doubtful", 2)])
@pytest.mark.parametrize("in_turn", [False, True])
def test_a_dense_file_gets_as_many_streams_as_its_caller_has_threads_for(
    dense_model: Path, stand_in: list[SessionPlan], tta: Tta, second: int, in_turn: bool
) -> None:
    model = SaltModel.load(dense_model, provider="cuda", tta=tta, batch_size=8, in_turn=in_turn)
    (planned,) = stand_in
    assert (planned.shape, planned.second) == ((8, 1), second)
    assert model.session.at_once == planned.streams == (2 if in_turn else 1)
    assert model.batch_size == 8
    assert isinstance(model.run(TILES, probabilities=False), Drawn)


def test_a_layout_that_cannot_be_is_left_out_and_told(
    dense_model: Path, stand_in: list[SessionPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = plan
    monkeypatch.setattr(
        selection, "plan", lambda name, request, shape, _, cache: real(name, request, shape, "fp16")
    )
    told: list[str] = []
    session, choice = open_session(
        dense_model, ProviderRequest("cuda"), lambda _: Batches(4, 1), tell=told.append
    )
    assert [each.options["prefer_nhwc"] for each in stand_in] == ["1", "0"]
    assert told == [
        "dense.onnx: cuda runs it with channels first (prefer_nhwc=0), not last: it cannot"
    ]
    named = ProviderRequest("cuda", options=(("prefer_nhwc", "1"),))
    with pytest.raises(ProviderError, match="it cannot"):
        open_session(dense_model, named, lambda _: Batches(4, 1))
    assert (session.notes, choice.notes) == ((), ())


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("tta", TTA_NAMES)
@pytest.mark.slow
def test_a_run_writes_the_bytes_of_a_run_on_the_cpu(
    dense_model: Path, tile_folder: Path, tmp_path: Path, tta: Tta
) -> None:
    """Masks alone, and with what needs probabilities."""

    def outputs(name: str, provider: Asked, more: bool) -> dict[str, bytes]:
        folder = tmp_path / name
        folder.mkdir()
        extra: dict[str, Any] = {"details": True, "probabilities": folder / "p.npz"} if more else {}
        report = run(
            Job(
                tile_folder / "tiles", folder / "x.csv", dense_model, batch_size=8, tta=tta,
                gate=0.3, provider=ProviderRequest(provider), **extra,
            ),
            Watcher(),
        )  # fmt: skip
        assert report.timing.threads["run"] == (2 if provider == "cuda" else lanes_here())
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    for more in (False, True):
        device, host = (outputs(f"{name}-{more}", name, more) for name in ("cuda", "cpu"))
        assert device == host
        assert len(device) == (2 if more else 1)


@pytest.mark.usefixtures("stand_in")
def test_gated_files_answer_with_probabilities(
    gated_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many tiles they decode is known only when they run."""
    kinds: list[type] = []

    def loaded(path: Path, threads: int | None, planned: SessionPlan) -> ModelSession:
        kinds.append(ModelSession)
        return ModelSession(path, threads, SessionPlan(shape=planned.shape))

    monkeypatch.setattr("salt_infer.backends.selection.ModelSession", loaded)
    monkeypatch.setattr(selection, "_given", lambda *_: ())
    session, _ = open_session(gated_model, ProviderRequest("cuda"), lambda _: Batches(4, 1, True))
    assert kinds == [ModelSession]
    model = SaltModel(session, Settings(0.5, 0.3, "doubtful"))
    assert isinstance(model.run(TILES, probabilities=False), BatchResult)
