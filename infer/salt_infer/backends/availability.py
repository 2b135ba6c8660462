"""Which providers can run here, and what the others lack."""

from __future__ import annotations

import importlib.util
import itertools
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from salt_infer.backends import nvidia
from salt_infer.backends.nvidia import DriverError
from salt_infer.backends.providers import GPUS, NAMES, Provider
from salt_infer.errors import ModelError, ProviderError, one_line
from salt_infer.system import privacy, resource_limits, signals

_RUNTIME = "onnxruntime"
_OPENVINO = "openvino"
# By module: what people call it, the packages that it may come from, and what it cannot be without.
_RUNTIMES = {
    _RUNTIME: ("ONNX Runtime", "onnxruntime onnxruntime-gpu", "InferenceSession"),
    _OPENVINO: ("OpenVINO", "openvino", "Core"),
}
_EXTRAS = {"cpu": "cpu", "cuda": "gpu", "tensorrt": "tensorrt", "openvino": "openvino"}


class Problem(NamedTuple):
    """Why a provider cannot run.

    Attributes:
        seen: what is wrong.
        remedy: what mends it, a command where there is one.
    """

    seen: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.seen} ({self.remedy})"


def install(provider: str) -> str:
    """The command that installs what a provider needs."""
    return f"pip install 'salt-toolkit[{_EXTRAS[provider]}]'"


def onnxruntime() -> ModuleType:
    """The installed ONNX Runtime, imported when it is first needed.

    Raises:
        ModelError: there is none, or it is broken.
    """
    found = _imported(_RUNTIME, "cpu")
    if isinstance(found, Problem):
        raise ModelError(str(found))
    return found


def _imported(runtime: str, provider: Provider) -> ModuleType | Problem:
    """A runtime, or why it cannot be imported. A signal waits until it is: raised inside an
    extension module, it would come out as another error.
    """
    name, packages, needed = _RUNTIMES[runtime]
    if importlib.util.find_spec(runtime) is None:
        return Problem(f"{name} is not installed", install(provider))
    again = f"pip uninstall -y {packages} && {install(provider)}"
    with signals.deferred_signals():
        try:
            module = privacy.imported(runtime)
        except Exception as error:  # a broken package raises what it likes
            remedy = resource_limits.unloaded(error) or again
            return Problem(f"{name} cannot be imported ({one_line(error)})", remedy)
    if getattr(module, "__file__", None) is None:  # Python takes any folder for a package
        left = ", ".join(module.__path__)
        return Problem(f"{name} is not installed but for what is left in {left}", again)
    if not hasattr(module, needed):
        return Problem(f"{name} has no {needed} in {module.__file__}, which is not it", again)
    return module


def owners(folder: Path) -> list[str]:
    """Distributions in ``folder`` that own ``onnxruntime/__init__.py``; more than one have
    overwritten each other's files.
    """
    records = [*folder.glob("onnxruntime*.dist-info/RECORD"), *folder.glob("ort*.dist-info/RECORD")]
    return sorted(
        re.sub(r"[-_.]+", "-", record.parent.name.partition("-")[0])
        for record in records
        if f"{_RUNTIME}/__init__.py," in record.read_text(errors="replace")
    )


def clash(folder: Path | None = None) -> Problem | None:
    """Two packages of ONNX Runtime in one place, where CUDA disappears without a word.

    Args:
        folder: to look into; where onnxruntime would be imported from if None.
    """
    if folder is None:
        spec = importlib.util.find_spec(_RUNTIME)
        if spec is None or spec.origin is None:
            return None
        folder = Path(spec.origin).parents[1]
    names = owners(folder)
    if len(names) < 2:
        return None
    wanted = "cuda" if any("gpu" in name for name in names) else "cpu"
    return Problem(
        f"{' and '.join(names)} are both installed and overwrite each other's files",
        f"pip uninstall -y {' '.join(names)} && {install(wanted)}",
    )


def blocked(candidates: Collection[Provider]) -> Problem | None:
    """What ends a run whatever it might fall back to: two packages in one place are mended, and
    not worked around.
    """
    return clash() if set(candidates) & NAMES.keys() else None


def require_runtime(candidates: Collection[Provider]) -> None:
    """Have one of the runtimes where either would do: with none, what each provider lacks says less
    than that.

    Raises:
        ProviderError: none is installed.
    """
    runtimes = {_OPENVINO if each == "openvino" else _RUNTIME for each in candidates}
    if len(runtimes) > 1 and not any(map(importlib.util.find_spec, runtimes)):
        raise ProviderError(
            f"no runtime is installed; {install('cpu')} (a GPU: [gpu]; OpenVINO: [openvino])"
        )


def problems(provider: Provider, device_id: int = 0) -> Iterator[Problem]:
    """What a provider lacks, the first at hand first; nothing if it can be used. GPU libraries are
    not touched where the installed runtime could not use them.
    """
    if provider == "openvino":
        found = _imported(_OPENVINO, provider)
    else:
        found = clash() or _imported(_RUNTIME, provider)
    if isinstance(found, Problem):
        yield found
    elif provider in GPUS:
        yield from _gpu_problems(found, provider, device_id)


def require(provider: Provider, device_id: int = 0, at_most: int | None = None) -> None:
    """Have all that a provider needs.

    Args:
        provider: to be used.
        device_id: number of the GPU.
        at_most: problems to look for; all if None.

    Raises:
        ProviderError: something is missing; names it, and what mends it.
    """
    found = list(itertools.islice(problems(provider, device_id), at_most))
    if found:
        raise ProviderError(f"{provider} cannot run here: {'; '.join(map(str, found))}")


def _gpu_problems(runtime: ModuleType, provider: Provider, device_id: int) -> Iterator[Problem]:
    built_for = str(getattr(runtime, "cuda_version", ""))
    has = NAMES[provider] in runtime.get_available_providers()
    if not has:
        yield Problem(
            f"the installed ONNX Runtime {runtime.__version__} has no {NAMES[provider]}",
            f"pip uninstall -y {_RUNTIME} && {install(provider)}",
        )
    yield from _driver(built_for, device_id)
    if has:
        yield from _libraries(runtime, provider, built_for.partition(".")[0])


def _driver(built_for: str, device_id: int) -> Iterator[Problem]:
    try:
        driver = nvidia.driver()
    except DriverError as error:
        yield Problem(str(error), "install NVIDIA's driver; in a container, pass the GPU in")
        return
    major = built_for.partition(".")[0]
    if major.isdigit() and driver.cuda[0] < int(major):
        yield Problem(
            f"the NVIDIA driver runs CUDA {driver.cuda[0]}.{driver.cuda[1]}, ONNX Runtime needs "
            f"{built_for}",
            "install a newer driver",
        )
    if device_id >= len(driver.gpus):
        yield Problem(
            f"there are {len(driver.gpus)} GPUs, --device-id {device_id} is none of them",
            "count from 0",
        )


def _libraries(runtime: ModuleType, provider: Provider, cuda_major: str) -> Iterator[Problem]:
    nvidia.preload(runtime)
    absent = nvidia.missing(nvidia.cuda_libraries(cuda_major))
    if provider == "tensorrt":
        nvidia.preload_tensorrt()  # after CUDA's, which it needs
        absent += nvidia.missing(nvidia.TENSORRT)
    if absent:
        yield Problem(f"{', '.join(absent)} cannot be loaded", install(provider))
