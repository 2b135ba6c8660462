"""How many actors a cluster has room for, and what each of them and each decoding task is given.

An actor is a process that holds the model. Where a GPU runs it, each has one to itself; elsewhere
the smallest node has one, and larger ones as many of that size as fit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from salt_infer.errors import ExecutorError

Resources = Mapping[str, float]  # of a node, by Ray's names

_DECODING = 4  # one CPU of so many reads and decodes
_LONE = 0.5  # of a single CPU, for the model
_DECODER = 0.5  # of a CPU, for a task that decodes: it waits for disks too


@dataclasses.dataclass(frozen=True)
class ActorSlots:
    """Places for actors.

    Attributes:
        count: actors.
        unit: CPUs of a node that belong to an actor and its decoders; 0 where it has a GPU.
        gpu: each actor has a GPU.
    """

    count: int
    unit: int
    gpu: bool

    @property
    def threads(self) -> int:
        """Of the runtime: all CPUs of the unit, as a local run takes them all too. Beside a GPU
        there is nothing to compute.
        """
        return max(1, self.unit)

    @property
    def actor(self) -> dict[str, float]:
        """What Ray is to set aside for an actor."""
        if self.gpu:
            return {"num_gpus": 1}
        return {"num_cpus": self.unit - max(1, self.unit // _DECODING) if self.unit > 1 else _LONE}

    @property
    def decoder(self) -> dict[str, float]:
        """What Ray is to set aside for a task that decodes."""
        return {"num_cpus": _DECODER / 2 if self.unit == 1 else _DECODER}

    def decoders(self, nodes: Iterable[Resources]) -> int:
        """How many tasks can decode at a time on nodes that have these actors."""
        cpus = sum(size.get("CPU", 0) for size in nodes)
        left = cpus - self.count * self.actor.get("num_cpus", 0)
        return max(1, int(left / self.decoder["num_cpus"]))

    def room(self, nodes: Iterable[Resources]) -> int:
        """How many of these actors fit onto nodes."""
        return _room(nodes, self.unit, self.gpu)


def slots(nodes: Iterable[Resources], wanted: int | None, gpu: bool) -> ActorSlots:
    """Divide a cluster.

    Args:
        nodes: those that are alive.
        wanted: actors; as many as there are GPUs, or nodes' worth of CPUs, if None.
        gpu: a GPU runs the model.

    Raises:
        ExecutorError: there is no room for so many.
    """
    sizes = [size for size in nodes if size.get("CPU", 0) >= 1]
    most = int(sum(size.get("GPU", 0) if gpu else size["CPU"] for size in sizes))
    if (wanted or 1) > most:
        raise ExecutorError(
            f"{wanted or 1} actor(s) need as many {'GPUs' if gpu else 'CPUs'}, and Ray has {most} "
            f"on {len(sizes)} node(s); add nodes, or give fewer --actors"
        )
    if gpu:
        return ActorSlots(wanted or most, 0, gpu)
    unit = min(int(size["CPU"]) for size in sizes)
    if wanted is not None:  # the largest that fits so many times
        largest = max(int(size["CPU"]) for size in sizes)
        unit = next(each for each in range(largest, 0, -1) if _room(sizes, each, gpu) >= wanted)
    return ActorSlots(wanted or _room(sizes, unit, gpu), unit, gpu)


def _room(nodes: Iterable[Resources], unit: int, gpu: bool) -> int:
    if gpu:
        return sum(int(size.get("GPU", 0)) for size in nodes)
    return sum(int(size.get("CPU", 0)) // unit for size in nodes)
