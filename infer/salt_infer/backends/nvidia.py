"""NVIDIA's driver and libraries, asked without any package of theirs.

Written from the driver API's documentation and tested against stand-ins; it found an H200, its
driver and its libraries.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import importlib
import importlib.util
import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from salt_infer.system import privacy

DRIVER = "libcuda.so.1"
TENSORRT = ("libnvinfer.so.10", "libnvonnxparser.so.10")  # what ONNX Runtime 1.31 was built against
CUDA_MAJOR = "13"  # of the registry's onnxruntime-gpu, where none is installed to ask

_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
_NAME_BYTES = 256
_ERROR, _FATAL = 3, 4  # of ONNX Runtime's severities


@dataclasses.dataclass(frozen=True)
class Gpu:
    """A device.

    Attributes:
        name: as its maker calls it.
        capability: compute capability, such as ``8.9``.
    """

    name: str
    capability: str


@dataclasses.dataclass(frozen=True)
class Driver:
    """The installed driver.

    Attributes:
        cuda: newest CUDA that it runs, (major, minor).
        gpus: devices in the order of their numbers.
    """

    cuda: tuple[int, int]
    gpus: tuple[Gpu, ...]


class DriverError(OSError):
    """The driver is missing or refuses; one line."""


def driver(library: Any = None) -> Driver:
    """Ask the driver what there is.

    Args:
        library: its loaded library; found on the machine if None.

    Raises:
        DriverError: there is no driver, or it found no device.
    """
    try:
        cuda = library or ctypes.CDLL(DRIVER)
    except OSError as error:
        raise DriverError(f"no NVIDIA driver: {DRIVER} cannot be loaded") from error
    _call(cuda.cuInit, 0)
    version = _number(cuda.cuDriverGetVersion)
    count = _number(cuda.cuDeviceGetCount)
    gpus = tuple(_gpu_at(cuda, index) for index in range(count))
    return Driver((version // 1000, version % 1000 // 10), gpus)


def _gpu_at(cuda: Any, index: int) -> Gpu:
    device = _number(cuda.cuDeviceGet, index)
    name = ctypes.create_string_buffer(_NAME_BYTES)
    _call(cuda.cuDeviceGetName, name, _NAME_BYTES, device)
    major, minor = (_number(cuda.cuDeviceGetAttribute, each, device) for each in (_MAJOR, _MINOR))
    return Gpu(name.value.decode(errors="replace"), f"{major}.{minor}")


def _number(function: Callable[..., int], *arguments: int) -> int:
    """Call a function that gives a number through its first argument."""
    value = ctypes.c_int()
    _call(function, ctypes.byref(value), *arguments)
    return value.value


def _call(function: Callable[..., int], *arguments: Any) -> None:
    code = function(*arguments)
    if code:
        name = getattr(function, "__name__", "the driver")
        raise DriverError(f"the NVIDIA driver refuses: {name} gave error {code}")


def cuda_libraries(cuda_major: str) -> tuple[str, ...]:
    """What ONNX Runtime's CUDA provider is linked against."""
    versioned = (f"lib{name}.so.{cuda_major}" for name in ("cudart", "cublasLt", "cublas"))
    return (*versioned, "libcurand.so.10", "libcudnn.so.9")


def preload(onnxruntime: Any) -> None:
    """Load CUDA and cuDNN from the installed packages, before any session needs them. ONNX Runtime
    itself looks beside its own package alone, and prints what it does not find, which is for
    :func:`missing` to say.

    Warnings are left out of its log from here on: each session on CUDA would have one of a plug-in
    that nobody asked for (seen on an H200). Errors stay, as they say why a library does not load.
    """
    onnxruntime.set_default_logger_severity(_ERROR)
    with contextlib.redirect_stdout(io.StringIO()):
        onnxruntime.preload_dlls(directory="")
    major = str(getattr(onnxruntime, "cuda_version", "")).partition(".")[0] or CUDA_MAJOR
    # The last one is not linked: cuDNN compiles with it.
    load_from(packages(), missing((*cuda_libraries(major), f"libnvrtc.so.{major}")))


@contextlib.contextmanager
def alarms_left_out(onnxruntime: Any) -> Iterator[None]:
    """For a session's first run on CUDA, after :func:`preload`: its log would say in red, some 50
    times, that cuDNN has no plan for a convolution, which is then computed in another way (seen on
    an H200). What fails is an exception.
    """
    onnxruntime.set_default_logger_severity(_FATAL)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(_ERROR)


def packages() -> list[Path]:
    """Every ``nvidia/`` that this interpreter would import from, in the order of its path."""
    spec = importlib.util.find_spec("nvidia")
    return [Path(each) for each in spec.submodule_search_locations or ()] if spec else []


def load_from(folders: Iterable[Path], names: Iterable[str]) -> list[str]:
    """Load libraries from the packages of NVIDIA's in some folders, each from the first that has
    one which loads; returns their paths.
    """
    places = list(folders)
    loaded: list[str] = []
    for name in names:
        found = (path for folder in places for path in sorted(folder.glob(f"*/lib/{name}")))
        loaded += itertools.islice(filter(_loads, map(str, found)), 1)
    return loaded


def preload_tensorrt() -> None:
    """Load TensorRT from its package, which loads its libraries on import; without the package
    the system's may do.
    """
    with contextlib.suppress(ImportError, OSError):
        importlib.import_module("tensorrt_libs")


def missing(names: Iterable[str]) -> list[str]:
    """Libraries that cannot be loaded."""
    return [name for name in names if not _loads(name)]


def tensorrt_version() -> str:
    """Of the library that is loaded, such as ``10.14.1``.

    Raises:
        OSError: it cannot be loaded.
    """
    number = int(ctypes.CDLL(TENSORRT[0]).getInferLibVersion())
    return f"{number // 10000}.{number % 10000 // 100}.{number % 100}"


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def main() -> None:
    """Print as JSON what is found; a process of its own, as loading libraries may end it."""
    found: dict[str, Any] = {"driver": None, "gpus": [], "problem": None}
    try:
        seen = driver()
        found |= {"driver": seen.cuda, "gpus": [dataclasses.asdict(gpu) for gpu in seen.gpus]}
    except DriverError as error:
        found["problem"] = str(error)
    major = CUDA_MAJOR
    # None, or what is left of one, or a broken one.
    with contextlib.suppress(ImportError, AttributeError, OSError, RuntimeError):
        runtime = privacy.imported("onnxruntime")
        major = str(getattr(runtime, "cuda_version", "")).partition(".")[0] or CUDA_MAJOR
        preload(runtime)
    preload_tensorrt()
    names = (*cuda_libraries(major), *TENSORRT)
    absent = missing(names)
    print(json.dumps(found | {"libraries": {name: name not in absent for name in names}}))


if __name__ == "__main__":
    main()
