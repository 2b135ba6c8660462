"""The processor as this process may use it: cores, quota, instructions."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Set
from pathlib import Path

ROOT = Path("/")
MOST_LANES = 4  # batches at once; more were never measured
MOST_DECODERS = 4  # threads or processes; of 4 and 16, which are all that was tried

# What makes 8-bit and half-precision networks fast, by the flags of /proc/cpuinfo.
_FEATURES = {
    "AVX2": {"avx2"}, "AVX512": {"avx512f"}, "VNNI": {"avx512_vnni", "avx_vnni", "asimddp"},
    "BF16": {"avx512_bf16", "amx_bf16", "bf16"}, "AMX": {"amx_tile"},
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Machine:
    """What there is to compute with.

    Attributes:
        model: name of the processor.
        logical: CPUs that this process may run on.
        physical: cores that those belong to.
        quota: CPUs' worth of time that its control group allows; None where there is no limit.
        features: those of AVX2, AVX512, VNNI, BF16, AMX that it has.
    """

    model: str
    logical: int
    physical: int
    quota: float | None
    features: tuple[str, ...]

    @property
    def processor(self) -> str:
        """What arithmetic may depend on: 8-bit sums saturate without VNNI, kernels add in the order
        that their vectors suggest, and a virtual machine may hide features.
        """
        return " ".join([self.model, *self.features])

    @property
    def threads(self) -> int:
        """Threads that compute: one a core, since two on one core share its multipliers, and no
        more than the quota pays for, since the rest would be halted in the middle of a batch.
        """
        return self._allowed(self.physical)

    @property
    def lanes(self) -> int:
        """Batches to run at once, a thread each: they need not wait for each other after every
        layer, which costs a seventh where threads that decode share the cores. Each needs memory of
        its own, so that machines of many cores run one batch on all of them, as runtimes do.
        """
        return self.threads if self.threads <= MOST_LANES else 1

    @property
    def multiplies_bf16(self) -> bool:
        """Whether it has units that multiply matrices in bfloat16 (Intel's AMX). Vectors can do so
        too, but are slower at it than in 8 bits (Zen 4).
        """
        return {"AMX", "BF16"} <= set(self.features)

    @property
    def workers(self) -> int:
        """Threads that do anything else: one a CPU, within the quota."""
        return self._allowed(self.logical)

    @property
    def decoders(self) -> int:
        """Threads, or processes, that read and decode. Beside an H200 with 16 CPUs a run took half
        as long with four of them as with sixteen, which keep each other waiting for Python's lock
        and take as many processes to start.
        """
        return min(self.workers, MOST_DECODERS)

    def _allowed(self, count: int) -> int:
        return max(1, count if self.quota is None else min(count, int(self.quota)))


def available_cpus() -> int:
    """Threads for work other than the model's."""
    return this_machine().workers


def decoders_here() -> int:
    """Threads that read and decode tiles."""
    return this_machine().decoders


def threads_here() -> int:
    """Threads for a model."""
    return this_machine().threads


def lanes_here() -> int:
    """Batches to run at once where there are many."""
    return this_machine().lanes


def this_machine() -> Machine:
    """What this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return read(os.sched_getaffinity(0))
    return read(range(os.cpu_count() or 1))


def read(allowed: Iterable[int], root: Path = ROOT) -> Machine:
    """Read /proc and /sys.

    Args:
        allowed: numbers of the CPUs that may be used.
        root: where those folders are.
    """
    cpus = set(allowed)
    siblings = {
        cpu: _text(root / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        for cpu in cpus
    }
    facts = cpu_facts(_text(root / "proc/cpuinfo"))
    return Machine(
        facts.get("model name", "unknown"),
        len(cpus),
        physical_cores(siblings),
        _quota(root),
        features(facts.get("flags", facts.get("Features", ""))),
    )


def physical_cores(siblings: Mapping[int, str]) -> int:
    """Cores that CPUs belong to.

    Args:
        siblings: by CPU, the text of its ``thread_siblings_list``; empty where the kernel does not
            say, and then the CPU counts as a core.
    """
    return len({text.strip() or str(cpu) for cpu, text in siblings.items()})


def quota_v2(text: str) -> float | None:
    """``cpu.max`` of a control group -> CPUs, None for no limit."""
    share, _, period = text.strip().partition(" ")
    return quota_v1(share, period or "100000") if share != "max" else None


def quota_v1(quota: str, period: str) -> float | None:
    """``cpu.cfs_quota_us`` and ``cpu.cfs_period_us`` -> CPUs, None for no limit."""
    try:
        share, length = int(quota), int(period)
    except ValueError:
        return None
    return share / length if share > 0 and length > 0 else None


def groups(text: str) -> dict[str, str]:
    """``/proc/self/cgroup`` -> path by controller; the unified hierarchy has the name ``""``."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        found |= dict.fromkeys(names.split(","), path.strip("/"))
    return found


def cpu_facts(text: str) -> dict[str, str]:
    """The first processor of ``/proc/cpuinfo``."""
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def features(flags: str) -> tuple[str, ...]:
    """Flags -> those of the features that matter here."""
    has: Set[str] = set(flags.split())
    return tuple(name for name, any_of in _FEATURES.items() if any_of & has)


def _quota(root: Path) -> float | None:
    """The tightest limit on the way up from this process's control group."""
    where, base = groups(_text(root / "proc/self/cgroup")), root / "sys/fs/cgroup"
    limits = [
        quota_v2(_text(folder / "cpu.max") or "max") for folder in _upwards(base, where.get("", ""))
    ] + [
        quota_v1(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))
        for folder in _upwards(base / "cpu", where.get("cpu", ""))
    ]
    return min((limit for limit in limits if limit is not None), default=None)


def _upwards(base: Path, path: str) -> list[Path]:
    """A group's folder and all above it. In a container the group's path is the host's and is not
    there, but the topmost folder is the container's own.
    """
    parts = Path(path).parts
    return [base.joinpath(*parts[:count]) for count in range(len(parts) + 1)]


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
