"""From what was asked to a session that was seen to run there, or to a reason why not."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from salt_infer.backends import availability, nvidia
from salt_infer.backends.base import Session
from salt_infer.backends.device_session import DeviceSession
from salt_infer.backends.engine_cache import EngineCache, EngineKey
from salt_infer.backends.onnxruntime_session import ModelSession, peek
from salt_infer.backends.option_rules import NHWC, STREAMS, files_of_an_engine
from salt_infer.backends.part_sizes import part_of_openvino, parts_of_onnxruntime
from salt_infer.backends.providers import (
    GPUS,
    Provider,
    ProviderRequest,
    SessionPlan,
    batch_for,
    plan,
    with_second_passes,
    without_layout,
)
from salt_infer.batch.parts import Parts
from salt_infer.errors import ProviderError
from salt_infer.modelfile.contract import ModelContract
from salt_infer.modelfile.signature import sha256_of
from salt_infer.models import default_model
from salt_infer.system.callbacks import Tell
from salt_infer.system.cpu import threads_here

Expected = Callable[[ModelContract], "Batches"]


class Batches(NamedTuple):
    """The batches to come.

    Attributes:
        tiles: of each; as many as suit the provider if None.
        views: of each tile.
        second: there will be second passes (:mod:`salt_infer.batch.doubtful`).
    """

    tiles: int | None
    views: int
    second: bool = False


class Concurrency(NamedTuple):
    """The runtime's threads and the caller's.

    Attributes:
        threads: of the runtime; as many as suit the machine if None.
        lanes: batches that share them, where that is a CPU's.
        in_turn: the caller has threads for as many batches at once as suit a GPU.
    """

    threads: int | None = None
    lanes: int = 1
    in_turn: bool = False

    @property
    def computing(self) -> int:
        """Threads of the runtime."""
        return self.threads or threads_here()

    @property
    def parts(self) -> Parts:
        """How those of a lane share a batch with ONNX Runtime."""
        return parts_of_onnxruntime(max(1, self.computing // self.lanes))


ALONE = Concurrency()  # batch after batch

# Options that say where an engine lies, not what it is.
_NOT_OF_AN_ENGINE = {"device_id", "trt_engine_cache_path", "trt_timing_cache_path"}


@dataclasses.dataclass(frozen=True)
class ProviderChoice:
    """What runs a model and how that came about.

    Attributes:
        asked: the provider asked for.
        used: the one that runs it.
        passed_over: better ones and why each was not taken, in order.
        notes: of nodes that run elsewhere, where that was allowed.
        options: that it was given, those asked for and those chosen here.
    """

    asked: str
    used: Provider
    passed_over: tuple[tuple[Provider, str], ...] = ()
    notes: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()

    @property
    def fell_back(self) -> tuple[str, ...]:
        """How this differs from what was asked, a line each; empty where it does not."""
        if self.asked in ("auto", self.used):
            return self.notes
        why = "; ".join(reason for _, reason in self.passed_over)
        return (f"running on {self.used}, not on {self.asked}: {why}", *self.notes)

    def remark(self) -> str:
        """For a run's settings; empty where what was asked for was taken."""
        if self.asked != "auto":
            return f"not {self.asked}" if self.asked != self.used else ""
        names = [provider for provider, _ in self.passed_over]
        return f"auto: {' and '.join(names)} cannot run here" if names else "auto"


def open_session(
    path: Path | None,
    request: ProviderRequest,
    batches: Expected,
    concurrency: Concurrency = ALONE,
    tell: Tell = lambda line: None,
) -> tuple[Session, ProviderChoice]:
    """Load a model on the first candidate that really runs it.

    Args:
        path: of the file; the one that ships for the provider taken if None.
        request: what was asked for.
        batches: tells from a file's contract what is to come.
        concurrency: the threads for them.
        tell: is given a line of what a user should know at once: an engine being built, another
            provider than asked for.

    Raises:
        ProviderError: no candidate runs it; says what is missing and how to get it.
        ModelError: the file cannot be used.
    """
    if found := availability.blocked(request.candidates):
        raise ProviderError(f"{found.seen}; mend it: {found.remedy}")
    availability.require_runtime(request.candidates)
    passed: list[tuple[Provider, str]] = []
    for provider in request.candidates:
        try:
            session = _open(provider, path, request, batches, concurrency, tell)
        except ProviderError as error:
            passed.append((provider, str(error)))
            continue
        options = _given(session, provider, request)
        choice = ProviderChoice(request.provider, provider, tuple(passed), session.notes, options)
        for line in (*choice.fell_back, *_without_effect(request, provider)):
            tell(line)
        return session, choice
    raise ProviderError(_failure(request, [why for _, why in passed]))


def _without_effect(request: ProviderRequest, provider: Provider) -> list[str]:
    if not request.device_id or provider in GPUS:
        return []
    return [
        f"--device-id {request.device_id} has no effect: no usable GPU, running on {provider}; "
        "salt-doctor tells why"
    ]


def _failure(request: ProviderRequest, reasons: list[str]) -> str:
    advice = "another --provider, or --allow-fallback, may do meanwhile; salt-doctor tells which"
    tail = [advice] if len(request.candidates) == 1 and request.provider != "cpu" else []
    return "; ".join(reasons + tail)


def default_for(request: ProviderRequest) -> Path:
    """The model that ships for the first candidate that seems usable."""
    for provider in request.candidates:
        if not any(availability.problems(provider, request.device_id)):
            return default_model(provider)
    return default_model(request.candidates[0])


def _given(
    session: Session, provider: Provider, request: ProviderRequest
) -> tuple[tuple[str, str], ...]:
    """What the answers may depend on."""
    options = request.options_of(provider)
    options.pop(STREAMS, None)
    if provider in GPUS and isinstance(session, ModelSession):
        known = session.plan.options
        options |= {key: value for key, value in known.items() if key not in _NOT_OF_AN_ENGINE}
        if session.plan.deterministic:
            options["deterministic"] = "1"
    return tuple(options.items())


def _open(
    provider: Provider, path: Path | None, request: ProviderRequest, batches: Expected,
    concurrency: Concurrency, tell: Tell,
) -> Session:  # fmt: skip
    # What was not asked for by name is passed over at its first lack: no driver is woken for it.
    availability.require(provider, request.device_id, 1 if request.provider == "auto" else None)
    path = path or default_model(provider)
    if provider == "openvino":
        from salt_infer.backends.openvino_session import OpenVinoSession

        return OpenVinoSession(
            path, concurrency.threads, request.options_of(provider), concurrency.lanes,
            lambda contract: _part(contract, batches(contract), concurrency),
        )  # fmt: skip
    if provider not in GPUS:
        return ModelSession(
            path, concurrency.threads, lanes=concurrency.lanes, parts=concurrency.parts
        )
    contract = peek(path)
    coming = batches(contract)
    load = functools.partial(_on_device, path, concurrency, contract.gated)
    if provider == "cuda":
        planned = _planned(provider, request, coming, contract)
        return _on_cuda(load, planned, request, lambda line: tell(f"{path.name}: {line}"))
    with _engine(path, request, coming, contract, tell) as planned:
        return load(planned)


def _part(contract: ModelContract, coming: Batches, concurrency: Concurrency) -> tuple[int, int]:
    return part_of_openvino(coming.views, concurrency.computing, contract.gated)


def _planned(
    provider: Provider, request: ProviderRequest, coming: Batches, contract: ModelContract,
    cache: Path = Path(),
) -> SessionPlan:  # fmt: skip
    shape = (batch_for(provider, coming.tiles), coming.views)
    planned = plan(provider, request, shape, contract.precision, cache)
    return with_second_passes(planned) if coming.second and not contract.gated else planned


def _on_cuda(
    load: Callable[[SessionPlan], ModelSession],
    planned: SessionPlan,
    request: ProviderRequest,
    tell: Tell,
) -> ModelSession:
    """With channels last where that was chosen here, or without if it cannot be."""
    try:
        return load(planned)
    except ProviderError as error:
        plain, why = without_layout(planned, request), str(error)
        if plain is None:
            raise
    # Not within the handler: its traceback holds the session that failed, and that memory.
    session = load(plain)
    tell(f"cuda runs it with channels first ({NHWC}=0), not last: {why}")
    return session


def _on_device(
    path: Path, concurrency: Concurrency, gated: bool, planned: SessionPlan
) -> ModelSession:
    # How many tiles a gated file decodes is only known when it runs, and a user's own profiles
    # stand for any number: their answers come to the host as they are.
    if planned.shape is None or gated:
        return ModelSession(path, concurrency.threads, planned)
    streams = planned.streams if concurrency.in_turn else 1
    return DeviceSession(path, concurrency.threads, dataclasses.replace(planned, streams=streams))


@contextlib.contextmanager
def _engine(
    path: Path, request: ProviderRequest, coming: Batches, contract: ModelContract, tell: Tell
) -> Iterator[SessionPlan]:
    """The plan that loads a file's engine, or builds it."""
    draft = _planned("tensorrt", request, coming, contract)
    key = engine_key(sha256_of(path), draft, _versions(), _gpu_of(request.device_id))
    cache = EngineCache(request.engine_cache)
    tiles = batch_for("tensorrt", coming.tiles)
    batch = f"{path.name}, batches of {tiles} in {coming.views} views"
    with cache.building(key, batch, tell) as folder:
        yield _planned("tensorrt", request, coming, contract, folder)


def engine_key(
    model: str, planned: SessionPlan, versions: tuple[str, str], gpu: nvidia.Gpu
) -> EngineKey:
    """What an engine depends on.

    Args:
        model: sha256 of the file.
        planned: how it is loaded.
        versions: of ONNX Runtime and TensorRT.
        gpu: the device.
    """
    options = planned.options
    kept = [(name, value) for name, value in options.items() if name not in _NOT_OF_AN_ENGINE]
    files = (path for path in files_of_an_engine(options) if path.is_file())
    kept += [(f"sha256 of {path}", sha256_of(path)) for path in files]
    return EngineKey(model, *versions, gpu.name, gpu.capability, planned.shape, tuple(sorted(kept)))


def _versions() -> tuple[str, str]:
    return str(availability.onnxruntime().__version__), nvidia.tensorrt_version()


def _gpu_of(device_id: int) -> nvidia.Gpu:
    return nvidia.driver().gpus[device_id]
