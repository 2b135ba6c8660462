"""Does TensorRT take a file? Its sibling for RTX cards says so without a GPU.

TensorRT for RTX (packages ``tensorrt-rtx-cu13-libs`` and ``-bindings``) parses ONNX and builds an
engine for a given GPU generation on any machine. A file that it takes has operators, types and
shapes that a parser of this family understands. How fast the engine is, how much memory it takes,
what it computes on a device and whether other releases of TensorRT agree is not shown by that.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from pathlib import Path
from typing import Any

from salt_export.errors import ExportError
from salt_export.request import Job
from salt_infer.modelfile.contract import TILES

# What salt-infer feeds: its batches, with or without the flip.
SHAPES = tuple((tiles, views, 101, 101) for tiles, views in ((1, 1), (32, 2), (64, 2)))


@dataclasses.dataclass(frozen=True)
class Built:
    """An engine that could be built, and is thrown away.

    Attributes:
        version: of TensorRT for RTX.
        gpu: generation that it was built for; no such card was there.
        layers: of the parsed network.
        engine_bytes: size of the engine.
        seconds: that building took.
        shapes: smallest, usual and largest input of the engine.
    """

    version: str
    gpu: str
    layers: int
    engine_bytes: int
    seconds: float
    shapes: tuple[tuple[int, int, int, int], ...] = SHAPES

    def to_json(self) -> dict[str, Any]:
        """What is the same each time, for the contract."""
        value = dataclasses.asdict(self) | {"shapes": [list(shape) for shape in self.shapes]}
        del value["seconds"]
        return value

    def line(self) -> str:
        """The same for people."""
        return (
            f"TensorRT for RTX {self.version} takes it: {self.layers} layers, an engine of "
            f"{self.engine_bytes / 1e6:.1f} MB for {self.gpu} in {self.seconds:.1f} s (not run)"
        )


def check(data: bytes, gpu: str = "SM89") -> Built:
    """Parse a file and build an engine for it.

    Args:
        data: bytes of an ONNX file.
        gpu: generation to build for, such as ``SM89`` (Ada).

    Raises:
        ExportError: TensorRT for RTX is not installed, or refuses the file; says why.
    """
    rtx = library()
    logger = _logger(rtx)
    logger.errors.clear()
    builder = rtx.Builder(logger)
    network = builder.create_network(1 << int(rtx.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = rtx.OnnxParser(network, logger)
    if not parser.parse(data):
        reasons = [parser.get_error(index).desc() for index in range(parser.num_errors)]
        raise ExportError(_refusal(reasons))
    started = time.perf_counter()
    engine = builder.build_serialized_network(network, _config(rtx, builder, gpu))
    if engine is None:
        raise ExportError(_refusal(logger.errors))
    seconds = time.perf_counter() - started
    return Built(rtx.__version__, gpu, network.num_layers, int(engine.nbytes), seconds)


def library() -> Any:
    """TensorRT for RTX; raises ExportError where it is not installed."""
    try:
        import tensorrt_rtx_bindings
    except ImportError as error:  # not there, or without the libraries beside it
        raise ExportError(
            f"TensorRT for RTX cannot be loaded ({error}); "
            "pip install 'salt-toolkit[tensorrt-check]'"
        ) from error
    return tensorrt_rtx_bindings


def _config(rtx: Any, builder: Any, gpu: str) -> Any:
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    profile.set_shape(TILES, *SHAPES)
    config.add_optimization_profile(profile)
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(rtx.ComputeCapability, gpu), 0)
    return config


@functools.cache
def _logger(rtx: Any) -> Any:
    """Collects errors in ``errors``. The library keeps the first logger it is given for good."""

    class Logger(rtx.ILogger):  # type: ignore[misc]  # a class of the library that is there
        def __init__(self) -> None:
            rtx.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity <= rtx.ILogger.Severity.ERROR:
                self.errors.append(message)

    return Logger()


def _refusal(reasons: list[str]) -> str:
    first = reasons[0].strip() if reasons else "it gives no reason"
    if "NonZero" in first:
        return (
            "TensorRT takes no gated file: how many tiles pass the gate is only known when the "
            f"graph runs ({first}); export with --dense"
        )
    return f"TensorRT for RTX refuses the file: {first}"


def built(job: Job, path: Path) -> dict[str, Any]:
    """What TensorRT for RTX says of a file, where it was asked."""
    if not job.check_tensorrt:
        return {}
    job.doing("building an engine")
    found = check(path.read_bytes())
    job.say(found.line())
    return {"tensorrt_rtx": found.to_json()}
