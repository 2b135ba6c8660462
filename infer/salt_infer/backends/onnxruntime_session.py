"""Opens a model file with ONNX Runtime, checks it against its contract, runs one batch."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from salt_infer.backends import availability, node_placement, nvidia
from salt_infer.backends.forked import Loader
from salt_infer.backends.node_placement import Placement
from salt_infer.backends.providers import CPU, GPUS, SessionPlan
from salt_infer.batch.parts import Mapped, Parts, Run, in_filled_parts, in_parts, tiles_of
from salt_infer.batch.result import BatchResult, Cancel, from_outputs
from salt_infer.errors import ContractError, ModelError, ProviderError, one_line
from salt_infer.modelfile.contract import (
    GATE,
    KEPT,
    METADATA_KEY,
    PROBABILITY,
    SALT,
    TILES,
    ModelContract,
)
from salt_infer.modelfile.onnx_reader import kept_contract
from salt_infer.modelfile.signature import Edge, read_contract, sha256_of
from salt_infer.system import file_kind, resource_limits
from salt_infer.system.cpu import this_machine, threads_here

if TYPE_CHECKING:
    import onnxruntime


class ModelSession:
    """A model file loaded into ONNX Runtime; gated and dense files behave alike. See
    :class:`salt_infer.backends.base.Session` for its attributes.
    """

    def __init__(
        self,
        path: Path,
        threads: int | None = None,
        plan: SessionPlan | None = None,
        lanes: int = 1,
        parts: Parts | None = None,
    ) -> None:
        """Load and check a model.

        Args:
            path: the ``.onnx`` file.
            threads: threads of the runtime; as many as suit the machine if not given.
            plan: what is to run it; the CPU provider if not given.
            lanes: batches that share the threads on the CPU.
            parts: of a batch on the CPU, and how threads share them; as a whole if not given.

        Raises:
            ModelError: not there, not a model that ONNX Runtime loads, or not all of one.
            ContractError: no contract, or one that contradicts the graph.
            ProviderError: it runs elsewhere than planned.
        """
        self.path, self.plan, self._parts = path, plan or SessionPlan(), parts
        self.sha256, self._loader = sha256_of(path), Loader(path)
        self.at_once = lanes if self.plan.provider == "cpu" else 1
        # With one thread a batch is computed by the thread that asks, so several may ask at once.
        threads = max(1, (threads or threads_here()) // self.at_once)
        # A file is judged as it is, before a fixed batch or a device changes how it looks.
        plain = self.plan.provider == "cpu" and self.plan.shape is None
        self._session = _load(path, threads, self.plan if plain else None)
        inputs, outputs = _edges(self._session.get_inputs()), _edges(self._session.get_outputs())
        self.contract = kept_contract(_metadata(self._session, path), inputs, outputs, path)
        self.inputs, self.outputs = list(map(str, inputs)), list(map(str, outputs))
        if not plain:
            self._session = load_planned(path, threads, self.plan)
        self.placement, self.notes = placed(self._session, self.plan)
        self._names = [output.name for output in self._session.get_outputs()]

    @property
    def provider(self) -> str:
        """The execution provider in first place."""
        return str(self._session.get_providers()[0])

    @property
    def runtime(self) -> str:
        """ONNX Runtime and its version."""
        return f"onnxruntime {availability.onnxruntime().__version__}"

    @property
    def device(self) -> str:
        """The processor, or the GPU of the plan."""
        if self.plan.provider not in GPUS:
            return this_machine().processor
        gpu = nvidia.driver().gpus[int(self.plan.options["device_id"])]
        return f"{gpu.name}, compute capability {gpu.capability}"

    def run(
        self, tiles: npt.NDArray[np.uint8], gate: float, cancel: Cancel | None = None
    ) -> BatchResult:
        """Run one batch, see :meth:`salt_infer.backends.base.Session.run`. With a fixed batch the
        tiles are run in parts of its size, the last one padded.
        """
        self._loader.check()
        cancel = cancel or Cancel()
        limit = np.float32(gate)
        if self.plan.shape is None:
            return self._run_parts(tiles, limit, cancel)
        count, views = self.plan.shape
        if tiles.shape[1] != views:
            raise ModelError(f"{self.path} is loaded for {views} views, got {tiles.shape[1]}")
        return in_filled_parts(
            lambda part: self._run(self._session, part, limit, cancel), tiles, count
        )

    def _run_parts(
        self, tiles: npt.NDArray[np.uint8], gate: np.float32, cancel: Cancel
    ) -> BatchResult:
        """All threads on each part, or where there are tiles for all of them a thread on each."""
        count, views = tiles.shape[:2]
        parts = self._parts or Parts(max(1, count * views))
        mapped: Mapped
        if 1 < parts.abreast <= count and (alone := self._of_one_thread):
            size, session, mapped = parts.size(count, views), alone, self._abreast
        else:
            size, session, mapped = tiles_of(parts.images, views), self._session, map
        return in_parts(lambda part: self._run(session, part, gate, cancel), tiles, size, mapped)

    @functools.cached_property
    def _of_one_thread(self) -> onnxruntime.InferenceSession | None:
        """The same network for threads that run a part each; None where the file is gone, or
        another by now, or there is no memory for it: all can be done without.
        """
        try:
            content = self.path.read_bytes()
            if hashlib.sha256(content).hexdigest() != self.sha256:
                return None
            return _session(content, _options(1, self.plan), [(CPU, {})])
        except Exception:  # the runtime's own exceptions share no narrower base
            return None

    def _abreast(self, run: Run, parts: Iterable[npt.NDArray[np.uint8]]) -> Iterable[BatchResult]:
        """In threads that are gone afterwards; starting them takes a hundredth of a batch."""
        assert self._parts is not None
        with ThreadPoolExecutor(self._parts.abreast) as threads:
            try:
                return list(threads.map(run, parts))
            except RuntimeError:  # no thread can be started
                return map(run, parts)

    def _run(
        self, session: onnxruntime.InferenceSession, tiles: npt.NDArray[np.uint8],
        gate: np.float32, cancel: Cancel,
    ) -> BatchResult:  # fmt: skip
        options = availability.onnxruntime().RunOptions()

        def stop() -> None:
            options.terminate = True

        feeds: dict[str, Any] = {TILES: tiles}
        if self.contract.gated:
            feeds[GATE] = np.asarray(gate)
        try:
            with cancel.ends(stop):
                values = session.run(self._names, feeds, options)
        except Exception as error:  # the runtime's own exceptions share no narrower base
            raise ModelError(f"{self.path} failed on a batch of {tiles.shape}: {error}") from error
        named = dict(zip(self._names, map(np.asarray, values), strict=True))
        return from_outputs(tiles, named[PROBABILITY], named[SALT], named.get(KEPT), gate)


def peek(path: Path) -> ModelContract:
    """The contract of a file, for what has to be known before it is loaded for good.

    Raises:
        ModelError: not there, not a model, or no contract.
    """
    sha256_of(path)  # tells what is wrong with a file that cannot be read
    return read_contract(_metadata(_load(path, 1, None), path), path)


def _metadata(session: onnxruntime.InferenceSession, path: Path) -> str | None:
    try:
        text: str | None = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    except UnicodeDecodeError as error:
        raise ContractError(f"{path} has metadata that is no text ({error})") from error
    return text


def _load(path: Path, threads: int, plan: SessionPlan | None) -> onnxruntime.InferenceSession:
    """Load a file on the CPU: to run it, or without a plan only to look at it."""
    options = _options(threads, plan or SessionPlan())
    if plan is None:
        level = availability.onnxruntime().GraphOptimizationLevel
        options.graph_optimization_level = level.ORT_DISABLE_ALL
    try:
        return _session(path, options, [(CPU, {})])
    except Exception as error:  # the runtime's own exceptions share no narrower base
        if why := resource_limits.limit(error):
            raise ModelError(why) from error
        reason = file_kind.no_model(path, one_line(error))
        raise ModelError(f"{path} cannot be loaded by ONNX Runtime ({reason})") from error


def load_planned(path: Path, threads: int, plan: SessionPlan) -> onnxruntime.InferenceSession:
    """Load a file, known to be sound, as planned.

    Raises:
        ProviderError: the provider cannot.
        ModelError: its batch cannot be fixed.
    """
    try:
        session = _session(path, _options(threads, plan), list(plan.providers))
    except Exception as error:  # the runtime's own exceptions share no narrower base
        raise ProviderError(f"{plan.provider} cannot load {path} ({one_line(error)})") from error
    seen = tuple(session.get_inputs()[0].shape[:2])
    if plan.shape is not None and seen != plan.shape:
        raise ModelError(f"{path} has batch axes {seen}, expected N and V; export it again")
    return session


def _options(threads: int, plan: SessionPlan) -> onnxruntime.SessionOptions:
    options = availability.onnxruntime().SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors arrive as exceptions
    options.use_deterministic_compute = plan.deterministic
    for name, value in plan.entries.items():
        options.add_session_config_entry(name, value)
    if plan.shape is not None:
        for name, size in zip("NV", plan.shape, strict=True):
            options.add_free_dimension_override_by_name(name, size)
    return options


def _session(
    model: Path | bytes,
    options: onnxruntime.SessionOptions,
    providers: list[tuple[str, dict[str, str]]],
) -> onnxruntime.InferenceSession:
    # A file is loaded by path first, not from bytes: the runtime then refuses external data outside
    # the model's folder at once, and what lies within is refused after. Its own fallback would
    # change the provider in the middle of a run.
    return availability.onnxruntime().InferenceSession(model, options, providers, enable_fallback=0)


def placed(
    session: onnxruntime.InferenceSession, plan: SessionPlan
) -> tuple[Placement, tuple[str, ...]]:
    """Where a session's nodes are, and what is to be told of that.

    Raises:
        ProviderError: they are not where they were planned to be.
    """
    found = Placement.of(
        (part.ep_name, node.op_type)
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    )
    first = session.get_providers()[0]
    return found, node_placement.check(found, first, plan.provider, plan.elsewhere)


def _edges(nodes: Any) -> list[Edge]:
    return [
        Edge(node.name, node.type.removeprefix("tensor(").removesuffix(")"), tuple(node.shape))
        for node in nodes
    ]
