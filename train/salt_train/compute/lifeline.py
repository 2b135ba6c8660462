"""One of several processes ends when it should, whatever it waits for.

A collective of torch waits inside a library, where Python handles no signal, for peers that may
never come. A thread of its own looks after that: it ends the process where SIGTERM or Ctrl-C were
not followed within a moment, where the process that started it is gone, and where a peer has shown
no sign of life for most of a minute.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Protocol

import click

LOOK_S = 2.0  # between two looks
GRACE_S = 3.0  # for Python to follow a signal by itself
SILENCE_S = 45.0  # without a sign of life after which a peer counts as gone
_LOST = 1  # exit code

End = Callable[[int, str], None]


class Board(Protocol):
    """Where processes leave signs of life: a store of torch's."""

    def add(self, key: str, amount: int) -> int:
        """Raise a number, and say what it is now; it begins with 0."""


class Peers:
    """Which of the others still give signs of life."""

    def __init__(self, board: Board, rank: int, size: int, silence_s: float = SILENCE_S) -> None:
        self._board, self._rank, self._silence_s = board, rank, silence_s
        now = time.monotonic()
        self._seen = {other: (-1, now) for other in range(size) if other != rank}

    def lost(self) -> str:
        """Give a sign, and look for theirs; says who is gone, nothing where all are there."""
        now = time.monotonic()
        with contextlib.suppress(RuntimeError):  # the board is gone: then nobody gives signs
            self._board.add(_key(self._rank), 1)
            for other, (before, _) in self._seen.items():
                if (sign := self._board.add(_key(other), 0)) != before:
                    self._seen[other] = sign, now
        silent = [str(each) for each, (_, at) in self._seen.items() if now - at > self._silence_s]
        said = f"no sign of life of process {', '.join(silent)} for {self._silence_s:g} s"
        return said if silent else ""


def _key(rank: int) -> str:
    return f"salt-train/alive/{rank}"


def end(code: int, why: str) -> None:
    """End the process at once, whatever it waits for."""
    with contextlib.suppress(OSError, ValueError):
        click.echo(f"salt-train: {why}", err=True)
    os._exit(code)


class Lifeline:
    """The thread that looks after this process.

    Attributes:
        peers: the others, once they are known.
    """

    def __init__(self, parent: int | None, end: End = end) -> None:
        """Begin to look; in the main thread, as all that has to do with signals.

        Args:
            parent: the process whose end is this one's, too; None where there is no such.
            end: ends the process with an exit code and a message.
        """
        self.peers: Peers | None = None
        self._parent, self._end, self._left = parent, end, threading.Event()
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._watch, name="lifeline", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no longer. An interpreter that ends while the thread is within torch's store aborts,
        so that it is waited for, as long as a store may take.
        """
        self._left.set()
        signal.set_wakeup_fd(self._before)
        self._writer.close()  # which wakes the thread
        self._thread.join(SILENCE_S)

    def _watch(self) -> None:
        with self._reader:
            while not self._left.is_set():
                if select.select([self._reader], [], [], LOOK_S)[0]:
                    if arrived := self._reader.recv(16):
                        self._follow(arrived[-1])
                elif why := self._alone():
                    self._end(_LOST, f"{why}; start all again, with --resume")
                    return

    def _follow(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT) and not self._left.wait(GRACE_S):
            self._end(128 + number, f"ended by {signal.Signals(number).name}")

    def _alone(self) -> str:
        if self._parent is not None and os.getppid() != self._parent:
            return "the process that started this one is gone"
        return self.peers.lost() if self.peers else ""
