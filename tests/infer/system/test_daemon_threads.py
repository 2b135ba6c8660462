from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from salt_infer.system.daemon_threads import Daemons, GivenUpError


def test_work_is_done_by_as_many_threads_as_allowed() -> None:
    pool, barrier = Daemons(3, "three"), threading.Barrier(3, timeout=600)
    futures = [pool.submit(barrier.wait) for _ in range(6)]
    assert sorted(pool.result(future) for future in futures) == [0, 0, 1, 1, 2, 2]
    assert sum(thread.name == "three" for thread in threading.enumerate()) == 3
    pool.close()
    assert not any(thread.name == "three" for thread in threading.enumerate())


def test_an_exception_is_raised_where_the_result_is_asked_for() -> None:
    pool = Daemons(1, "one")
    failed, fine = pool.submit(lambda: 1 // 0), pool.submit(lambda: 7)
    with pytest.raises(ZeroDivisionError):
        pool.result(failed)
    assert pool.result(fine) == 7
    pool.close()


def test_given_up_nobody_waits_and_nothing_more_is_begun() -> None:
    pool, begun, released, late = Daemons(1, "one"), *(threading.Event() for _ in range(3))

    def hang() -> None:
        begun.set()
        released.wait(600)

    hanging, waiting = pool.submit(hang), pool.submit(late.set)
    assert begun.wait(600)
    threading.Timer(0.1, pool.give_up).start()
    for future in (hanging, waiting):
        with pytest.raises(GivenUpError, match="the run was given up"):
            pool.result(future)
    pool.close()
    released.set()
    while any(thread.name == "one" for thread in threading.enumerate()):
        time.sleep(0.01)
    assert not late.is_set()


def test_a_program_ends_with_work_that_hangs() -> None:
    code = (
        "import time; from salt_infer.system.daemon_threads import Daemons\n"
        "pool = Daemons(2, 'x')\n"
        "pool.submit(lambda: time.sleep(600)); pool.close()"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=600, check=False).returncode == 0
