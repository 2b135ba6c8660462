"""Ctrl-C and SIGTERM at places that can bear it.

Python runs a signal's handler between any two steps of the main thread. An exception that a handler
raises inside ``concurrent.futures`` can leave a lock taken for good, and the program then waits for
its own threads without end.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

Check = Callable[[], None]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def never() -> None:
    """A check where nothing is put off."""


@contextlib.contextmanager
def deferred_signals() -> Iterator[Check]:
    """Put SIGINT and SIGTERM off: within the block they are only noted. The check that is yielded
    hands one that was noted to its handler, which raises; so does the end of the block.

    Handlers are only changed where Python code handles a signal, and only in the main thread.
    """
    noted: list[tuple[int, FrameType | None]] = []
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    handlers = {number: handler for number, handler in before.items() if callable(handler)}
    if threading.current_thread() is not threading.main_thread():
        handlers = {}

    def check() -> None:
        if noted:
            number, frame = noted.pop()
            handlers[signal.Signals(number)](number, frame)

    for number in handlers:
        signal.signal(number, lambda *arrived: noted.append(arrived))
    try:
        yield check
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    check()  # one that came after the last look
