"""Opens a model file with OpenVINO: the same files, contract and answers as with ONNX Runtime.

How near the answers are: float files within 1e-3 in every probability (fp32 within 1e-4, the bound
that the file's own verification has); int8 files, whose layers each runtime rounds in its own way,
and fp16 files where they are computed in bfloat16, in the masks of all but 1 % of pixels. Answers
do not depend on the size of a batch.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from salt_infer.backends import availability
from salt_infer.backends.forked import Loader
from salt_infer.backends.node_placement import Placement
from salt_infer.backends.openvino_requests import Requests, RequestsByShape, Shape
from salt_infer.batch.parts import filled_up, in_parts, tiles_of
from salt_infer.batch.result import BatchResult, Cancel, from_outputs
from salt_infer.errors import ModelError, ProviderError
from salt_infer.masks.rle import TILE_SHAPE
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
from salt_infer.modelfile.signature import Edge, sha256_of
from salt_infer.system import file_kind, privacy, resource_limits
from salt_infer.system.cpu import Machine, this_machine, threads_here

if TYPE_CHECKING:
    import openvino

DEVICE = "CPU"
PRECISION = "INFERENCE_PRECISION_HINT"
_CORE_LOCK = threading.Lock()  # functools.cache lets two threads make one each
_KINDS = {"u8": "uint8", "f32": "float", "i64": "int64"}
_WHERE = ["framework", METADATA_KEY]  # metadata of an ONNX file, in OpenVINO's tree


def arithmetic(precision: str, machine: Machine) -> str:
    """What float layers are computed in, by OpenVINO's name.

    Left to itself it takes bfloat16 on every processor that knows it, whatever the file is. Here
    that is for files in half precision, on processors that gain by it.

    Args:
        precision: of the file, see :class:`salt_infer.modelfile.contract.ModelContract`.
        machine: the processor.
    """
    return "bf16" if precision == "fp16" and machine.multiplies_bf16 else "f32"


def settings(
    threads: int, options: Mapping[str, str], lanes: int = 1, arithmetic: str = "f32"
) -> dict[str, str]:
    """OpenVINO's configuration, nothing of it left to its own choice.

    Args:
        threads: that compute.
        options: the user's, which win.
        lanes: batches that share the threads.
        arithmetic: of float layers.
    """
    return {
        PRECISION: arithmetic,
        "INFERENCE_NUM_THREADS": str(threads),
        "NUM_STREAMS": str(lanes),
        "PERFORMANCE_HINT": "LATENCY" if lanes == 1 else "THROUGHPUT",
        # The threads that decode share the cores.
        "ENABLE_CPU_PINNING": "NO",
        **options,
    }


class OpenVinoSession:
    """A model file compiled for the CPU by OpenVINO; see
    :class:`salt_infer.backends.base.Session`.
    """

    def __init__(
        self,
        path: Path,
        threads: int | None = None,
        options: Mapping[str, str] | None = None,
        lanes: int = 1,
        parts: Callable[[ModelContract], Shape] | None = None,
    ) -> None:
        """Load and check a model.

        Args:
            path: the ``.onnx`` file.
            threads: that compute; as many as suit the machine if not given.
            options: of OpenVINO, by its own names.
            lanes: batches that share the threads.
            parts: tells from a file's contract how many tiles, in how many views, are run together
                (:mod:`salt_infer.batch.parts`); a dense file is compiled for as many. Whole
                batches, of any size, if not given.

        Raises:
            ModelError: not there, or not a model that OpenVINO reads.
            ContractError: no contract, or one that contradicts the graph.
            ProviderError: OpenVINO is not installed, refuses an option, or computes in another
                precision than asked.
        """
        self.path, self.sha256, self._loader = path, sha256_of(path), Loader(path)
        self.notes: tuple[str, ...] = ()
        model = _read(path)
        inputs, outputs = _edges(model.inputs), _edges(model.outputs)
        self.contract = kept_contract(_metadata(model), inputs, outputs, path)
        self.inputs, self.outputs = list(map(str, inputs)), list(map(str, outputs))
        whole = parts(self.contract) if parts else None
        self._images = whole[0] * whole[1] if whole else None
        fitting = arithmetic(self.contract.precision, this_machine())
        asked = settings(threads or threads_here(), options or {}, lanes, fitting)
        # One more than there are lanes: its answers are read while the others compute.
        self.at_once = lanes if lanes == 1 else lanes + 1
        with _refusals(path, options or {}):
            fixed = None if self.contract.gated else whole
            self._requests = _compiled(model, asked, fixed)
        self.precision = _precision(self._requests.compiled, asked[PRECISION])
        self.placement = _placed(self._requests.compiled)

    @property
    def provider(self) -> str:
        """OpenVINO and the precision that it computes float layers in."""
        return f"OpenVINO {self.precision}"

    @property
    def runtime(self) -> str:
        """OpenVINO and its version."""
        import openvino

        return f"openvino {openvino.__version__}"

    @property
    def device(self) -> str:
        """The processor."""
        return this_machine().processor

    def run(
        self, tiles: npt.NDArray[np.uint8], gate: float, cancel: Cancel | None = None
    ) -> BatchResult:
        """Run one batch, see :meth:`salt_infer.backends.base.Session.run`."""
        self._loader.check()
        limit, ended = np.float32(gate), cancel or Cancel()
        count, views = tiles.shape[:2]
        size = max(1, count) if self._images is None else tiles_of(self._images, views)
        return in_parts(lambda part: self._run_part(part, limit, ended), tiles, size)

    def _run_part(
        self, tiles: npt.NDArray[np.uint8], gate: np.float32, cancel: Cancel
    ) -> BatchResult:
        try:
            requests = self._requests.of(tiles)
            size = requests.size or len(tiles)
            return filled_up(
                lambda whole: self._answers(requests, whole, gate, cancel), tiles, size
            )
        except ModelError:
            raise
        except Exception as error:  # OpenVINO's own exceptions share no narrower base
            raise ModelError(
                f"{self.path} failed on a batch of {tiles.shape}: {_squeezed(error)}"
            ) from error

    def _answers(
        self, requests: Requests, tiles: npt.NDArray[np.uint8], gate: np.float32, cancel: Cancel
    ) -> BatchResult:
        feeds: dict[str, npt.NDArray[Any]] = {TILES: np.ascontiguousarray(tiles)}
        if self.contract.gated:
            feeds[GATE] = np.asarray(gate)
        with requests.one() as request:
            request.start_async(feeds)
            # Only now: a request that has not started would not notice.
            with cancel.ends(request.cancel):
                request.wait()
            names = (PROBABILITY, SALT, KEPT) if self.contract.gated else (PROBABILITY, SALT)
            # Copied, as the request's memory is the next batch's.
            values = {name: request.get_tensor(name).data.copy() for name in names}
        return from_outputs(tiles, values[PROBABILITY], values[SALT], values.get(KEPT), gate)


def _read(path: Path) -> openvino.Model:
    """Read a file as ONNX and nothing else: OpenVINO would try all formats that it knows. By its
    path, so that external data outside the model's folder is refused.
    """
    availability.require("openvino")
    from openvino.frontend import FrontEndManager

    reader = FrontEndManager().load_by_framework("onnx")
    try:
        return reader.convert(reader.load(str(path)))
    except Exception as error:  # OpenVINO's own exceptions share no narrower base
        reason = file_kind.no_model(path, _squeezed(error))
        raise ModelError(f"{path} cannot be loaded by OpenVINO ({reason})") from error


def _metadata(model: openvino.Model) -> str | None:
    if not model.has_rt_info(_WHERE):
        return None
    return str(model.get_rt_info(_WHERE).astype(str))


def core() -> openvino.Core:
    """OpenVINO's core, one for the life of the process, whichever threads ask for it.

    Each takes over the stack of the main thread's signal handlers and gives it back when it goes.
    After two that do not go in the opposite order of their coming, the next signal is a
    segmentation fault (seen with OpenVINO 2026.4).

    Its arrays are used once here: two threads that are the first to do so, at the same moment, wait
    for each other without end, one with Python's lock and one with the library's (2026.4, too).
    """
    with _CORE_LOCK:
        return _new_core()


@functools.cache
def _new_core() -> openvino.Core:
    openvino = privacy.imported("openvino")
    _ = openvino.Tensor(np.zeros(1, np.float32)).data  # no assert: python -O leaves those out
    return openvino.Core()


def _compiled(
    model: openvino.Model, asked: dict[str, str], whole: Shape | None
) -> Requests | RequestsByShape:
    """A network for batches of any size, or for parts of a shape."""
    if whole is None:
        return Requests(core().compile_model(model, DEVICE, asked))

    def compiled_for(shape: Shape) -> openvino.CompiledModel:
        fixed = model.clone()
        fixed.reshape({TILES: [*shape, *TILE_SHAPE]})
        return core().compile_model(fixed, DEVICE, asked)

    return RequestsByShape(whole, compiled_for)


@contextlib.contextmanager
def _refusals(path: Path, given: Mapping[str, str]) -> Iterator[None]:
    """Why a file cannot be compiled, or which of the user's options is to blame."""
    try:
        yield
    except Exception as error:  # OpenVINO's own exceptions share no narrower base
        if why := resource_limits.limit(error):
            raise ModelError(why) from error
        if blamed := [f"{key}={value}" for key, value in given.items() if key in str(error)]:
            raise ProviderError(
                f"openvino takes no --provider-option {blamed[0]} ({_squeezed(error)})"
            ) from error
        raise ProviderError(f"openvino cannot compile {path} ({_squeezed(error)})") from error


def _precision(compiled: openvino.CompiledModel, asked: str) -> str:
    seen = str(compiled.get_property(PRECISION).get_type_name())
    if seen != asked:
        raise ProviderError(f"OpenVINO computes in {seen}, {PRECISION} asked for {asked}")
    return seen


def _placed(compiled: openvino.CompiledModel) -> Placement:
    """All nodes run on the one device that it was compiled for."""
    device = ", ".join(compiled.get_property("EXECUTION_DEVICES"))
    nodes = compiled.get_runtime_model().get_ops()
    return Placement.of(
        (f"OpenVINO {device}", str(node.get_rt_info()["layerType"].value)) for node in nodes
    )


def _edges(ports: Any) -> list[Edge]:
    return [
        Edge(
            port.get_any_name(),
            _KINDS.get(port.get_element_type().get_type_name(), str(port.get_element_type())),
            tuple(size.get_length() if size.is_static else "?" for size in port.partial_shape),
        )
        for port in ports
    ]


def _squeezed(error: Exception) -> str:
    """The last line says what is wrong, those before it where in OpenVINO's source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else repr(error)
