from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from salt_infer.system.signals import deferred_signals


class Terminated(Exception):
    pass


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


@pytest.fixture(autouse=True)
def handled() -> Iterator[None]:
    """SIGTERM raises, as in the command."""
    before = signal.signal(signal.SIGTERM, _terminate)
    yield
    assert signal.getsignal(signal.SIGTERM) is _terminate
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
def test_a_signal_is_raised_where_it_is_looked_for(number: int, error: type[BaseException]) -> None:
    reached = False
    with pytest.raises(error), deferred_signals() as check:
        check()
        os.kill(os.getpid(), number)
        reached = True
        check()
        raise AssertionError("check did not raise")
    assert reached


def test_a_signal_that_nobody_looked_for_is_raised_at_the_end() -> None:
    reached = False
    with pytest.raises(Terminated), deferred_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        reached = True
    assert reached


def test_another_error_goes_before_a_signal() -> None:
    with pytest.raises(ZeroDivisionError), deferred_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        raise ZeroDivisionError


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with deferred_signals() as check:
            os.kill(os.getpid(), signal.SIGINT)
            check()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_handlers_alone() -> None:
    seen: list[object] = []

    def within() -> None:
        with deferred_signals() as check:
            seen.append(signal.getsignal(signal.SIGTERM))
            check()

    thread = threading.Thread(target=within)
    thread.start()
    thread.join()
    assert seen == [_terminate]
