"""Ways of doing the same thing, measured in turn: samples, tables and curves."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import record

from common import ratios

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class Samples:
    """Seconds of one way, a number a round.

    Attributes:
        wall_s: that passed.
        cpu_s: of processors, summed over the process's threads: other programs on the machine
            change them little.
    """

    wall_s: list[float]
    cpu_s: list[float]

    @property
    def seconds(self) -> float:
        """Median of ``wall_s``."""
        return statistics.median(self.wall_s)

    @property
    def cpu_seconds(self) -> float:
        """Median of ``cpu_s``."""
        return statistics.median(self.cpu_s)

    def over(self, other: Samples) -> float:
        """How many times faster than another way: the median of the rounds' ratios."""
        return ratios.paired(other.wall_s, self.wall_s).median


def interleaved(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Samples]:
    """Each way once to warm up, then ``rounds`` times A B C A B C: what else the machine does
    meanwhile falls on all of them alike.
    """
    for work in ways.values():
        work()
    samples = {name: Samples([], []) for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            samples[name].cpu_s.append(time.process_time() - cpu)
            samples[name].wall_s.append(time.perf_counter() - wall)
    return samples


def to_json(samples: Mapping[str, Samples]) -> dict[str, Any]:
    return {name: dataclasses.asdict(each) for name, each in samples.items()}


def from_json(value: Mapping[str, Any]) -> dict[str, Samples]:
    """What :func:`to_json` gave."""
    return {name: Samples(**each) for name, each in value.items()}


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table, a line each."""
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return [lines[0], f"|{'---|' * len(head)}", *lines[1:]]


def plural(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def on_cpus(cpus: int, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call a function in a new process that may use only so many of this one's CPUs."""
    allowed = sorted(os.sched_getaffinity(0))[:cpus]
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, fresh, os.sched_setaffinity, (0, allowed)) as pool:
        return pool.submit(work, *args, **kwargs).result()


def cpu_counts() -> list[int]:
    """1, 2, 4 and so on, up to all that this process may use."""
    most = len(os.sched_getaffinity(0))
    return sorted({min(1 << power, most) for power in range(most.bit_length() + 1)})


def plot(
    name: str, x: str, y: str, curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    logarithmic: bool = False,
) -> Path:  # fmt: skip
    """Draw curves into ``results/NAME.png``.

    Args:
        name: of the file.
        x: what the axis across shows, with its unit.
        y: likewise upwards.
        curves: the values of both by name.
        logarithmic: across.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained", dpi=120)
    axes = figure.add_subplot()
    for label, (across, up) in curves.items():
        axes.plot(across, up, marker="o", label=label)
    if logarithmic:
        axes.set_xscale("log", base=2)
        across = sorted({value for values, _ in curves.values() for value in values})
        axes.set_xticks(across, [f"{value:g}" for value in across])
    axes.margins(y=0.1)
    axes.set(xlabel=x, ylabel=y, ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    path = record.RESULTS / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path)
    return path
