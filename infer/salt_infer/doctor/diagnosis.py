"""What works here, and what the rest lacks: facts of the machine, a self-test a provider, and the
packages of the other commands.
"""

from __future__ import annotations

import dataclasses
import json
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, cast

from salt_infer.backends import availability
from salt_infer.backends.engine_cache import EngineCache
from salt_infer.backends.providers import AUTO, GPUS, Provider
from salt_infer.doctor import child, packages
from salt_infer.doctor.packages import Need
from salt_infer.doctor.selftest import Outcome
from salt_infer.doctor.trials import Trial
from salt_infer.system.cpu import Machine, this_machine

PACKAGES = (
    "salt-toolkit", "numpy", "pillow", "onnxruntime", "onnxruntime-gpu", "openvino",
    "tensorrt-cu13-libs", "nvidia-cudnn-cu13", "nvidia-cublas", "nvidia-cuda-runtime",
)  # fmt: skip
TIMEOUT_S = 1800  # TensorRT may build an engine
_GPU_TIMEOUT_S = 120


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """All that was found.

    Attributes:
        python: version and executable.
        packages: version by name; None where it is not installed.
        machine: the processor.
        gpu: driver, devices and libraries, see :func:`salt_infer.backends.nvidia.main`.
        outcomes: of each provider, best first.
        cache: folder of the engine cache.
        engines: what is in it, a line each.
        blocked: what ends a run without options, whatever is usable; None where nothing does.
        needs: of the other commands, and what they lack.
        trials: of every way that works, on tiles of one's own, where that was asked for.
    """

    python: str
    packages: Mapping[str, str | None]
    machine: Machine
    gpu: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]
    cache: Path
    engines: tuple[str, ...]
    blocked: str | None = None
    needs: tuple[Need, ...] = ()
    trials: tuple[Trial, ...] = ()

    @property
    def providers(self) -> list[Provider]:
        """Those that work, the default first."""
        works = [each.provider for each in self.outcomes if each.works]
        works.sort(key=lambda name: self.default is None or name != self.default.provider)
        return cast(list[Provider], works)

    @property
    def default(self) -> Outcome | None:
        """What ``--provider auto`` takes; None where nothing can run."""
        if self.blocked:
            return None
        taken = (each for each in self.outcomes if each.usable and not each.refused)
        return next(taken, None)

    @property
    def works(self) -> bool:
        """Whether a run without options would."""
        return self.default is not None and self.default.works

    def to_json(self) -> str:
        """All of it, indented, with a line end."""
        value = dataclasses.asdict(self) | {
            "cache": str(self.cache),
            "threads": {"model": self.machine.threads, "decode": self.machine.decoders},
            "default": self.default.provider if self.default else None,
            "works": self.works,
        }
        return json.dumps(value, indent=2) + "\n"

    def lines(self) -> Iterator[str]:
        """The same for people."""
        machine = self.machine
        quota = "no quota" if machine.quota is None else f"a quota of {machine.quota:g} CPUs"
        has = {name: version for name, version in self.packages.items() if version}
        yield f"python      {self.python}"
        yield f"packages    {', '.join(f'{name} {version}' for name, version in has.items())}"
        yield (
            f"processor   {machine.model}: {machine.logical} CPUs on {machine.physical} cores, "
            f"{quota}; {' '.join(machine.features) or 'no vector features known'}"
        )
        yield f"threads     {machine.threads} for the model, {machine.decoders} to decode"
        yield from self._gpu_lines()
        for outcome in self.outcomes:
            yield from _outcome_lines(outcome, outcome is self.default)
        yield from (need.line(self.works) for need in self.needs)
        if any(need.lacks for need in self.needs):
            yield "            in a clone of the sources: pip install -c constraints.txt '.[EXTRA]'"
        yield f"engines     {len(self.engines)} in {self.cache}"
        yield from (f"            {line}" for line in self.engines)
        if not self.works:
            yield "salt-infer would not work here without options; the reasons are above"

    def _gpu_lines(self) -> Iterator[str]:
        if problem := self.gpu.get("problem"):
            yield f"GPU         {problem}"
        for number, each in enumerate(self.gpu.get("gpus", ())):
            yield f"GPU {number}       {each['name']}, compute capability {each['capability']}"
        if cuda := self.gpu.get("driver"):
            yield f"driver      up to CUDA {cuda[0]}.{cuda[1]}"
        yield f"libraries   {self._libraries()}"

    def _libraries(self) -> str:
        """Packages made for machines with a GPU bring some of them to any machine."""
        all_of = self.gpu.get("libraries", {})
        found = [name for name, there in all_of.items() if there]
        if not found:
            return "none of CUDA, cuDNN and TensorRT"
        idle = "; of no use without a driver" if self.gpu.get("problem") else ""
        share = f"{len(found)} of {len(all_of)} of CUDA, cuDNN and TensorRT"
        return f"{share}: {', '.join(found)}{idle}"


def diagnose(cache: EngineCache, device_id: int = 0) -> Diagnosis:
    """Look at everything. Providers and GPU libraries are tried in processes of their own: what
    crashes there is a line of the result.
    """
    outcomes = tuple(_outcome(provider, cache, device_id) for provider in AUTO)
    blocked = availability.blocked(AUTO)
    return Diagnosis(
        f"{platform.python_version()} ({sys.executable})",
        {name: _version(name) for name in PACKAGES},
        this_machine(),
        _driver(),
        outcomes,
        cache.root,
        tuple(entry.line() for entry in cache.entries()),
        str(blocked) if blocked else None,
        packages.needs(),
    )


def _outcome(provider: str, cache: EngineCache, device_id: int) -> Outcome:
    arguments = [provider]
    if provider in GPUS:
        arguments += ["--device-id", str(device_id), "--engine-cache", str(cache.root)]
    ended = child.run("salt_infer.cli.selftest", *arguments, timeout_s=TIMEOUT_S)
    value = ended.answer()
    return outcome_of(value) if value is not None else Outcome(provider, failure=ended.death)


def outcome_of(value: Mapping[str, Any]) -> Outcome:
    """What the self-test printed."""
    tuples = {name: tuple(value[name]) for name in ("problems", "pixels")}
    return Outcome(**{**value, **tuples})


def _driver() -> Mapping[str, Any]:
    ended = child.run("salt_infer.backends.nvidia", timeout_s=_GPU_TIMEOUT_S)
    value = ended.answer()
    return value if value is not None else {"problem": ended.death, "gpus": [], "libraries": {}}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _outcome_lines(outcome: Outcome, default: bool) -> Iterator[str]:
    name = f"{outcome.provider:<11}"
    if not outcome.usable:
        yield f"{name} not usable"
        yield from (f"            {problem}" for problem in outcome.problems)
        return
    taken = "; the default" if default else ""
    if outcome.failure:
        yield f"{name} FAILS: {outcome.failure}{taken}"
        return
    wrong, all_of = outcome.pixels
    where = ", ".join(f"{count} nodes on {name}" for name, count in outcome.nodes.items())
    by = f" by {outcome.runs_on}" if outcome.provider == "openvino" else ""  # tells the arithmetic
    yield (
        f"{name} works: {outcome.model}{by}, {wrong} of {all_of} pixels differ from the golden "
        f"masks; {where}{taken}"
    )
