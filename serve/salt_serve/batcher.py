"""Runs together what arrives together."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from salt_infer.errors import InputError
from salt_serve.errors import BusyError

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class BatchOptions:
    """How items are gathered.

    Attributes:
        size: items in a batch at most.
        wait_s: seconds that an item waits for others at most, if the model is idle.
        queue: items that may wait at once.
    """

    size: int = 32
    wait_s: float = 0.002
    queue: int = 512

    def __post_init__(self) -> None:
        if self.size < 1 or self.queue < 1 or not 0 <= self.wait_s <= 60:
            raise InputError(
                f"batches of {self.size}, a queue of {self.queue}, a wait of {self.wait_s} s; "
                "expected at least 1, at least 1, and 0 to 60 s"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class _Job(Generic[Item, Result]):
    item: Item
    future: asyncio.Future[Result]
    arrived: float


class Batcher(Generic[Item, Result]):
    """A bounded queue before a function of many items, which runs in a thread of its own.

    Items are run in the order in which they were submitted, and each is answered, by its result or
    by an error. Where a batch fails, its items are run one by one: what is wrong with one does not
    touch the others. Use it as a context, within one event loop.
    """

    def __init__(
        self, run: Callable[[list[Item]], Sequence[Result]], options: BatchOptions
    ) -> None:
        """Take items for ``run``, which returns as many results in the same order."""
        self._call, self._options = run, options
        self._waiting: collections.deque[_Job[Item, Result]] = collections.deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self._worker: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch")

    async def __aenter__(self) -> Batcher[Item, Result]:
        self._worker = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Take nothing more, finish what waits."""
        self._closing = True
        self._arrived.set()
        try:
            if self._worker:
                await self._worker
        finally:
            self._thread.shutdown()

    @property
    def waiting(self) -> int:
        """Items in the queue that somebody waits for; not those that are being run."""
        return sum(not job.future.done() for job in self._waiting)

    @property
    def alive(self) -> bool:
        """Whether items that are submitted will be run."""
        return self._worker is not None and not self._worker.done() and not self._closing

    @property
    def full(self) -> bool:
        """Whether there is no room for another item."""
        return self.waiting >= self._options.queue

    def submit(self, items: Sequence[Item]) -> list[asyncio.Future[Result]]:
        """Put items into the queue, all or none; cancel a future and its item is not run
        unless it is already, and takes no room.

        Raises:
            BusyError: there is no room for all of them, or the batcher is not running.
        """
        if not self.alive:
            raise BusyError("the server is stopping")
        self._waiting = collections.deque(job for job in self._waiting if not job.future.done())
        if len(self._waiting) + len(items) > self._options.queue:
            raise BusyError(
                f"{len(self._waiting)} tiles are waiting and {len(items)} more do not fit into a "
                f"queue of {self._options.queue}; try again"
            )
        loop = asyncio.get_running_loop()
        jobs = [_Job(item, loop.create_future(), loop.time()) for item in items]
        self._waiting.extend(jobs)
        self._arrived.set()
        return [job.future for job in jobs]

    async def _work(self) -> None:
        while await self._gather():
            count = min(self._options.size, len(self._waiting))
            jobs = [self._waiting.popleft() for _ in range(count)]
            await self._run([job for job in jobs if not job.future.done()])

    async def _gather(self) -> bool:
        """Wait for an item, then a while for more; False when there will be none."""
        while not self._waiting:
            if self._closing:
                return False
            await self._news()
        # Counted from its arrival: what came while a batch was running has waited already.
        deadline = self._waiting[0].arrived + self._options.wait_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while len(self._waiting) < self._options.size and not self._closing:
                    await self._news()
        return True

    async def _news(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()

    async def _run(self, jobs: list[_Job[Item, Result]]) -> None:
        if not jobs:
            return
        items = [job.item for job in jobs]
        try:
            results = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._answers, items
            )
        except Exception as error:  # whatever it is, those who wait are told
            if len(jobs) == 1:
                _settle(jobs[0].future, error)
                return
            for job in jobs:
                await self._run([job])
            return
        for job, result in zip(jobs, results, strict=True):
            _settle(job.future, result)

    def _answers(self, items: list[Item]) -> Sequence[Result]:
        results = self._call(items)
        if len(results) != len(items):
            raise RuntimeError(f"a batch of {len(items)} has {len(results)} results")
        return results


def _settle(future: asyncio.Future[Result], outcome: Result | Exception) -> None:
    if future.done():  # nobody waits any more
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
