"""Opens a model file, checks it against its contract, runs one batch."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from salt_infer.contract import GATE, KEPT, METADATA_KEY, PROBABILITY, SALT, TILES, ModelContract
from salt_infer.errors import ContractError, ModelError
from salt_infer.rle import TILE_SHAPE

try:
    import onnxruntime
except ModuleNotFoundError as error:
    raise ModelError("ONNX Runtime is not installed; pip install 'salt-toolkit[cpu]'") from error


@dataclasses.dataclass(frozen=True)
class BatchResult:
    """What the model says of N tiles in V views.

    Attributes:
        probability: float32 [K, V, 101, 101] in 0..1, each view in its own orientation; one
            entry for each kept tile.
        salt: float32 [N], the judge's probability that a tile has salt, mean over its views.
        kept: int64 [K], ascending: the tiles that the gate lets pass.
    """

    probability: npt.NDArray[np.float32]
    salt: npt.NDArray[np.float32]
    kept: npt.NDArray[np.int64]


class Cancel:
    """Ends every batch that was or will be started with it, from any thread, for good."""

    def __init__(self) -> None:
        self.options = onnxruntime.RunOptions()

    def __call__(self) -> None:
        self.options.terminate = True


class ModelSession:
    """A model file loaded into ONNX Runtime; gated and dense files behave alike.

    Attributes:
        path: the model file.
        sha256: hex digest of it.
        contract: what it promises.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        """Load and check a model.

        Args:
            path: the ``.onnx`` file.
            threads: threads of the runtime; as many as this process may use if not given.

        Raises:
            ModelError: not there, not a model that ONNX Runtime loads.
            ContractError: no contract, or one that contradicts the graph.
        """
        self.path = path
        self.sha256 = _sha256(path)
        self._session = _load(path, threads or available_cpus())
        self.contract = _contract(self._session, path)
        _check_io(self._session, self.contract, path)
        self._outputs = [output.name for output in self._session.get_outputs()]

    @property
    def provider(self) -> str:
        """The execution provider in first place."""
        return str(self._session.get_providers()[0])

    @property
    def inputs(self) -> list[str]:
        """Name, element type and shape of each input."""
        return [_signature(node) for node in self._session.get_inputs()]

    @property
    def outputs(self) -> list[str]:
        """Name, element type and shape of each output."""
        return [_signature(node) for node in self._session.get_outputs()]

    def run(
        self, tiles: npt.NDArray[np.uint8], gate: float, cancel: Cancel | None = None
    ) -> BatchResult:
        """Run one batch.

        Args:
            tiles: uint8 [N, V, 101, 101].
            gate: 0..1; tiles whose ``salt`` is not above it are not kept.
            cancel: lets another thread end the batch early.

        Raises:
            ModelError: the runtime failed, or the batch was cancelled.
        """
        options = (cancel or Cancel()).options
        limit = np.float32(gate)
        feeds: dict[str, Any] = {TILES: tiles}
        if self.contract.gated:
            feeds[GATE] = np.asarray(limit)
        try:
            values = self._session.run(self._outputs, feeds, options)
        except Exception as error:  # the runtime's own exceptions share no narrower base
            raise ModelError(f"{self.path} failed on a batch of {tiles.shape}: {error}") from error
        named = dict(zip(self._outputs, values, strict=True))
        probability, salt = np.asarray(named[PROBABILITY]), np.asarray(named[SALT])
        if self.contract.gated:
            return BatchResult(probability, salt, np.asarray(named[KEPT]))
        kept = np.flatnonzero(salt > limit)
        return BatchResult(probability if len(kept) == len(salt) else probability[kept], salt, kept)


def default_model() -> Path:
    """The shipped file for CPUs: int8, gated. ``default.onnx`` beside it is the portable one."""
    return Path(str(resources.files("salt_infer") / "models" / "default-cpu.onnx"))


def available_cpus() -> int:
    """CPUs that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _sha256(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise ModelError(f"{path} does not exist; expected a file from salt-export") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror or error})") from error


def _load(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Idle threads that spin would take the cores from those that decode and encode.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors arrive as exceptions
    try:
        # Loaded by path, not from bytes: the runtime then refuses external data outside the
        # model's folder.
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own exceptions share no narrower base
        reason = " ".join(str(error).split())
        raise ModelError(f"{path} cannot be loaded by ONNX Runtime ({reason})") from error


def _contract(session: onnxruntime.InferenceSession, path: Path) -> ModelContract:
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ContractError(
            f"{path} has no {METADATA_KEY!r} in its metadata; expected a file that salt-export "
            "wrote: export the checkpoint again"
        )
    try:
        return ModelContract.from_json(text)
    except ContractError as error:
        raise ContractError(f"{path}: {error}") from error


def _check_io(session: onnxruntime.InferenceSession, contract: ModelContract, path: Path) -> None:
    """The graph must have the inputs and outputs that the contract stands for."""
    edge = contract.tile_px
    if (edge, edge) != TILE_SHAPE:
        raise ContractError(f"{path} takes {edge}x{edge} tiles, this program reads {TILE_SHAPE}")
    inputs = {TILES: ("tensor(uint8)", [None, None, edge, edge])}
    outputs = {
        PROBABILITY: ("tensor(float)", [None, None, edge, edge]),
        SALT: ("tensor(float)", [None]),
    }
    if contract.gated:
        inputs[GATE] = ("tensor(float)", [])
        outputs[KEPT] = ("tensor(int64)", [None])
    for kind, expected, nodes in (
        ("inputs", inputs, session.get_inputs()),
        ("outputs", outputs, session.get_outputs()),
    ):
        seen = {node.name: (node.type, [_fixed(size) for size in node.shape]) for node in nodes}
        if seen != expected:
            raise ContractError(f"{path} has {kind} {seen}, its contract promises {expected}")


def _signature(node: Any) -> str:
    kind = str(node.type).removeprefix("tensor(").removesuffix(")")
    return f"{node.name} {kind} [{', '.join(map(str, node.shape))}]"


def _fixed(size: int | str | None) -> int | None:
    return size if isinstance(size, int) else None
