"""From what was asked to a session that was seen to run there, or to a reason why not."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

from salt_infer import nvidia, usable
from salt_infer.contract import ModelContract
from salt_infer.engines import EngineCache, EngineKey
from salt_infer.errors import ProviderError
from salt_infer.modelfile import default_model, sha256_of
from salt_infer.providers import GPUS, Plan, Provider, ProviderRequest, files_of_an_engine, plan
from salt_infer.session import ModelSession, Session, peek

Tell = Callable[[str], None]
Shape = Callable[[ModelContract], tuple[int, int]]

# Options that say where an engine lies, not what it is.
_NOT_OF_AN_ENGINE = {"device_id", "trt_engine_cache_path", "trt_timing_cache_path"}


@dataclasses.dataclass(frozen=True)
class Choice:
    """What runs a model and how that came about.

    Attributes:
        asked: the provider asked for.
        used: the one that runs it.
        passed_over: better ones and why each was not taken, in order.
        notes: of nodes that run elsewhere, where that was allowed.
        options: of those asked for, the ones that it was given.
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
    shape: Shape,
    threads: int | None = None,
    tell: Tell = lambda line: None,
    lanes: int = 1,
) -> tuple[Session, Choice]:
    """Load a model on the first candidate that really runs it.

    Args:
        path: of the file; the one that ships for the provider taken if None.
        request: what was asked for.
        shape: tiles and views of the batches to come.
        threads: of the runtime; as many as suit the machine if None.
        lanes: batches that share them, where that is a CPU's.
        tell: is given a line of what a user should know at once: an engine being built, another
            provider than asked for.

    Raises:
        ProviderError: no candidate runs it; says what is missing and how to get it.
        ModelError: the file cannot be used.
    """
    if found := usable.blocked(request.candidates):
        raise ProviderError(f"{found.seen}; mend it: {found.remedy}")
    passed: list[tuple[Provider, str]] = []
    for provider in request.candidates:
        try:
            session = _open(provider, path, request, shape, (threads, lanes), tell)
        except ProviderError as error:
            passed.append((provider, str(error)))
            continue
        options = tuple(request.options_of(provider).items())
        choice = Choice(request.provider, provider, tuple(passed), session.notes, options)
        for line in (*choice.fell_back, *_of_no_use(request, provider)):
            tell(line)
        return session, choice
    raise ProviderError(_failure(request, [why for _, why in passed]))


def _of_no_use(request: ProviderRequest, provider: Provider) -> list[str]:
    if not request.device_id or provider in GPUS:
        return []
    return [
        f"--device-id {request.device_id} is of no use: no GPU is usable, running on {provider}; "
        "salt-doctor tells why"
    ]


def _failure(request: ProviderRequest, reasons: list[str]) -> str:
    advice = "another --provider, or --allow-fallback, may do meanwhile; salt-doctor tells which"
    tail = [advice] if len(request.candidates) == 1 and request.provider != "cpu" else []
    return "; ".join(reasons + tail)


def default_for(request: ProviderRequest) -> Path:
    """The model that ships for the first candidate that seems usable."""
    for provider in request.candidates:
        if not any(usable.problems(provider, request.device_id)):
            return default_model(provider)
    return default_model(request.candidates[0])


def _open(
    provider: Provider, path: Path | None, request: ProviderRequest, shape: Shape,
    work: tuple[int | None, int], tell: Tell,
) -> Session:  # fmt: skip
    threads, lanes = work
    # What was not asked for by name is passed over at its first lack: no driver is woken for it.
    usable.demand(provider, request.device_id, 1 if request.provider == "auto" else None)
    path = path or default_model(provider)
    if provider == "openvino":
        from salt_infer.openvino_session import OpenVinoSession

        return OpenVinoSession(path, threads, request.options_of(provider), lanes)
    if provider not in GPUS:
        return ModelSession(path, threads, lanes=lanes)
    contract = peek(path)
    if provider == "cuda":
        planned = plan(provider, request, shape(contract), contract.precision)
        return ModelSession(path, threads, planned)
    with _engine(path, request, shape(contract), contract.precision, tell) as planned:
        return ModelSession(path, threads, planned)


@contextlib.contextmanager
def _engine(
    path: Path, request: ProviderRequest, shape: tuple[int, int], precision: str, tell: Tell
) -> Iterator[Plan]:
    """The plan that loads a file's engine, or builds it."""
    draft = plan("tensorrt", request, shape, precision)
    key = engine_key(sha256_of(path), draft, _versions(), _gpu(request.device_id))
    cache = EngineCache(request.engine_cache)
    batch = f"{path.name}, batches of {shape[0]} in {shape[1]} views"
    with cache.building(key, batch, tell) as folder:
        yield plan("tensorrt", request, shape, precision, folder)


def engine_key(model: str, planned: Plan, versions: tuple[str, str], gpu: nvidia.Gpu) -> EngineKey:
    """What an engine depends on.

    Args:
        model: sha256 of the file.
        planned: how it is loaded.
        versions: of ONNX Runtime and TensorRT.
        gpu: the device.
    """
    _, options = planned.providers[0]
    kept = [(name, value) for name, value in options.items() if name not in _NOT_OF_AN_ENGINE]
    files = (path for path in files_of_an_engine(options) if path.is_file())
    kept += [(f"sha256 of {path}", sha256_of(path)) for path in files]
    return EngineKey(model, *versions, gpu.name, gpu.capability, planned.shape, tuple(sorted(kept)))


def _versions() -> tuple[str, str]:
    return str(usable.onnxruntime().__version__), nvidia.tensorrt_version()


def _gpu(device_id: int) -> nvidia.Gpu:
    return nvidia.driver().gpus[device_id]
