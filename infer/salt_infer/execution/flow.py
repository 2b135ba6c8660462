"""Items through stages that work at the same time, in order, with a fixed number in flight.

Results come out in the order the items went in, each as soon as it is there. The calling thread
only waits, and looks every WAKE_S whether a signal has come.
"""

from __future__ import annotations

import collections
import concurrent.futures as futures
import contextlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, NamedTuple, TypeVar

from salt_infer.batch.result import Cancel
from salt_infer.execution.stage_clock import StageClock
from salt_infer.system.signals import Check

WAKE_S = 0.1  # seconds that a signal may go unseen

_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Timed(NamedTuple, Generic[_In]):
    """What goes from stage to stage, and since when it lies ready."""

    value: _In
    ready: float


_Queue = collections.deque["Future[Any]"]


class Stage(NamedTuple):
    """A pool, what it does with an item, and how many items may be in this and later stages."""

    pool: ThreadPoolExecutor
    work: Callable[[Any], Any]  # takes what the stage before it gives
    room: int


def timed_work(
    clock: StageClock, stage: str, work: Callable[[_In], _Out]
) -> Callable[[Timed[_In]], Timed[_Out]]:
    """Work that tells a clock how long it took, and how long its item lay ready before."""

    def timed(item: Timed[_In]) -> Timed[_Out]:
        started = time.perf_counter()
        value = work(item.value)
        ended = time.perf_counter()
        clock.worked(stage, started - item.ready, ended - started)
        return Timed(value, ended)

    return timed


def flow(items: Iterable[object], stages: Sequence[Stage], check: Check) -> Iterator[Any]:
    """Take items through stages. Results come in order, each as soon as it is there: what is done
    does not wait for what comes after it to be read.
    """
    coming, waiting = iter(items), [collections.deque[Future[Any]]() for _ in stages]
    while True:
        yield from _done(waiting[-1])
        for place in reversed(range(len(stages))):  # what leaves a stage makes room in it
            stage, before = stages[place], _done(waiting[place - 1]) if place else coming
            for value in itertools.islice(before, _room(place, stages, waiting)):
                waiting[place].append(stage.pool.submit(stage.work, value))
        if not any(waiting):
            return
        _wait(stages, waiting, check)


def _room(place: int, stages: Sequence[Stage], waiting: Sequence[_Queue]) -> int:
    """How many items a stage can take."""
    return stages[place].room - sum(map(len, waiting[place:]))


def _done(queue: _Queue) -> Iterator[Any]:
    """Take what is there from its head."""
    while queue and queue[0].done():
        yield queue.popleft().result()


def _wait(stages: Sequence[Stage], waiting: Sequence[_Queue], check: Check) -> None:
    """Wait until an item can go on, in short steps: Python sees a signal that arrives just before
    an endless wait only when the wait is over, which here may be a batch later.
    """
    while True:
        check()
        # Before the look at what can go on: what is done between the two ends the wait at once.
        under_way = [queue[0] for queue in waiting if queue and not queue[0].done()]
        if _can_go_on(stages, waiting):
            return
        futures.wait(under_way, WAKE_S, futures.FIRST_COMPLETED)


def _can_go_on(stages: Sequence[Stage], waiting: Sequence[_Queue]) -> bool:
    """Whether the head of a queue is done and there is room for it; the caller takes any number."""
    rooms = [_room(place, stages, waiting) for place in range(1, len(stages))] + [1]
    heads = [bool(queue) and queue[0].done() for queue in waiting]
    return any(done and room > 0 for done, room in zip(heads, rooms, strict=True))


@contextlib.contextmanager
def pools(workers: Sequence[int], cancel: Cancel) -> Iterator[list[ThreadPoolExecutor]]:
    """Pools of so many threads; given up early, they drop what waits and cancel what runs."""
    pools = [ThreadPoolExecutor(count, "salt-infer") for count in workers]
    try:
        yield pools
    except BaseException:
        # Queues first: a thread that is free must not start on what is still waiting.
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)
        cancel()
        raise
    finally:
        for pool in pools:
            pool.shutdown(wait=True)
