"""Threads for work that may hang, which nobody has to wait for.

Python waits for the threads of ``concurrent.futures`` before it exits, however it was asked to. One
that waits for a server which never answers would keep the program for as long as the library's
time limit, which is minutes.
"""

from __future__ import annotations

import concurrent.futures as futures
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

WAKE_S = 0.1  # seconds until one who waits sees that it was given up
PATIENCE_S = 0.5  # seconds that closing waits for work under way

_Value = TypeVar("_Value")


class GivenUpError(OSError):
    """The work was given up before it was done."""


class Daemons:
    """A pool of daemon threads; safe to use from several threads."""

    def __init__(self, threads: int, name: str) -> None:
        """At most so many threads, started as they are needed."""
        self._limit, self._name = threads, name
        self._threads: list[threading.Thread] = []
        self._work: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._work = queue.SimpleQueue()
        self._lock, self._given_up = threading.Lock(), threading.Event()

    def submit(self, work: Callable[[], _Value]) -> Future[_Value]:
        """Have something done; ask :meth:`result` for what comes of it."""
        future: Future[_Value] = Future()
        self._work.put((future, work))
        with self._lock:
            if len(self._threads) < self._limit:
                thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                self._threads.append(thread)
                thread.start()
        return future

    def result(self, future: Future[_Value]) -> _Value:
        """What came of the work, or its exception; raises GivenUpError if nothing will."""
        while not future.done() and not self._given_up.is_set():
            futures.wait([future], timeout=WAKE_S)
        if not future.done():
            raise GivenUpError("the run was given up")
        return future.result()

    def give_up(self) -> None:
        """Begin nothing more, and let nobody wait for what is under way. From any thread."""
        self._given_up.set()

    def close(self) -> None:
        """Give up, and let the threads end; one that hangs ends with the program."""
        self.give_up()
        until = time.monotonic() + PATIENCE_S
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _serve(self) -> None:
        while self._serve_one():
            pass

    def _serve_one(self) -> bool:
        """By itself, so that who waits for more keeps nothing alive of what was done."""
        item = self._work.get()
        if item and not self._given_up.is_set():
            future, work = item
            try:
                value = work()
            except BaseException as error:  # it is raised where the result is asked for
                future.set_exception(error)
            else:
                future.set_result(value)
        return item is not None
