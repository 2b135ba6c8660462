from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salt_infer.errors import InputError
from salt_serve.batcher import Batcher, BatchOptions
from salt_serve.errors import BusyError


class Doubler:
    """Doubles numbers, remembers batches, and can be held or fail."""

    def __init__(self, fails: Callable[[int], bool] = lambda item: False) -> None:
        self.batches: list[list[int]] = []
        self.fails = fails
        self.begun, self.go = threading.Event(), threading.Event()
        self.go.set()

    def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        self.begun.set()
        assert self.go.wait(600)
        if any(map(self.fails, items)):
            raise ValueError(f"no {[item for item in items if self.fails(item)]}")
        return [2 * item for item in items]

    async def running(self) -> None:
        """Wait until it has begun with a batch."""
        assert await asyncio.to_thread(self.begun.wait, 600)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 600))


def test_what_arrives_together_is_run_together_in_order() -> None:
    async def work() -> None:
        double = Doubler()
        async with Batcher(double, BatchOptions(size=4, wait_s=0.01)) as batcher:
            first = batcher.submit([1, 2, 3])
            second = batcher.submit([4, 5, 6])
            assert batcher.waiting == 6
            assert await asyncio.gather(*first, *second) == [2, 4, 6, 8, 10, 12]
        assert double.batches == [[1, 2, 3, 4], [5, 6]]

    run(work())


def test_nobody_waits_for_a_batch_that_is_full() -> None:
    async def work() -> None:
        async with Batcher(Doubler(), BatchOptions(size=3, wait_s=60)) as batcher:
            assert await asyncio.gather(*batcher.submit([1, 2, 3])) == [2, 4, 6]

    run(work())


def test_an_item_waits_for_others_but_not_for_ever() -> None:
    async def work() -> None:
        double = Doubler()
        async with Batcher(double, BatchOptions(size=100, wait_s=1)) as batcher:
            started = time.monotonic()
            early = batcher.submit([1])
            await asyncio.sleep(0)
            late = batcher.submit([2])
            assert await asyncio.gather(*early, *late) == [2, 4]
            assert time.monotonic() - started >= 1
        assert double.batches == [[1, 2]]

    run(work())


def test_what_came_during_a_batch_has_waited_enough() -> None:
    async def work() -> None:
        double = Doubler()
        double.go.clear()
        async with Batcher(double, BatchOptions(size=2, wait_s=0.02)) as batcher:
            batcher.submit([1, 2])
            await double.running()
            later = batcher.submit([3])
            await asyncio.sleep(0.05)
            double.go.set()
            await asyncio.gather(*later)
        assert double.batches == [[1, 2], [3]]

    run(work())


def test_a_full_queue_takes_all_or_none() -> None:
    async def work() -> None:
        double = Doubler()
        double.go.clear()
        async with Batcher(double, BatchOptions(size=1, wait_s=0, queue=3)) as batcher:
            running = batcher.submit([1])
            await double.running()
            waiting = batcher.submit([2, 3])
            with pytest.raises(BusyError, match="2 tiles are waiting and 2 more do not fit"):
                batcher.submit([4, 5])
            assert not batcher.full
            waiting += batcher.submit([6])
            assert batcher.full
            double.go.set()
            assert await asyncio.gather(*running, *waiting) == [2, 4, 6, 12]
            assert await batcher.submit([7])[0] == 14  # and there is room again
        assert [4] not in double.batches

    run(work())


def test_one_bad_item_does_not_touch_the_others() -> None:
    async def work() -> None:
        double = Doubler(fails=lambda item: item % 3 == 0)
        async with Batcher(double, BatchOptions(size=8, wait_s=0.01)) as batcher:
            futures = batcher.submit(list(range(1, 8)))
            results = await asyncio.gather(*futures, return_exceptions=True)
            assert [str(each) for each in results] == [
                "2",
                "4",
                "no [3]",
                "8",
                "10",
                "no [6]",
                "14",
            ]
            assert await batcher.submit([8])[0] == 16
        assert len(double.batches) == 1 + 7 + 1

    run(work())


def test_a_function_that_loses_a_result_is_an_error_of_each() -> None:
    async def work() -> None:
        async with Batcher(lambda items: [], BatchOptions()) as batcher:
            (result,) = await asyncio.gather(*batcher.submit([1]), return_exceptions=True)
            assert "a batch of 1 has 0 results" in str(result)
            assert batcher.alive

    run(work())


def test_items_that_nobody_waits_for_are_not_run() -> None:
    async def work() -> None:
        double = Doubler()
        double.go.clear()
        async with Batcher(double, BatchOptions(size=2, wait_s=0)) as batcher:
            running = batcher.submit([1])
            await double.running()
            gone = batcher.submit([2, 3])
            kept = batcher.submit([4])
            for future in [*running, *gone]:
                future.cancel()
            double.go.set()
            assert await kept[0] == 8
        assert double.batches == [[1], [4]]

    run(work())


def test_they_take_no_room_either() -> None:
    async def work() -> None:
        double = Doubler()
        double.go.clear()
        async with Batcher(double, BatchOptions(size=1, wait_s=0, queue=2)) as batcher:
            (running,) = batcher.submit([1])
            await double.running()
            first, second = batcher.submit([2, 3])
            assert batcher.full
            with pytest.raises(BusyError):
                batcher.submit([4])
            first.cancel()
            second.cancel()
            assert (batcher.waiting, batcher.full) == (0, False)
            kept = batcher.submit([4, 5])
            double.go.set()
            assert await asyncio.gather(running, *kept) == [2, 8, 10]
        assert double.batches == [[1], [4], [5]]

    run(work())


def test_stopping_finishes_what_waits_and_takes_nothing_more() -> None:
    async def work() -> None:
        double = Doubler()
        batcher = Batcher(double, BatchOptions(size=2, wait_s=60, queue=100))
        with pytest.raises(BusyError, match="stopping"):
            batcher.submit([0])
        async with batcher:
            assert batcher.alive
            futures = batcher.submit([1, 2, 3, 4, 5])
        assert [future.result() for future in futures] == [2, 4, 6, 8, 10]
        assert not batcher.alive
        with pytest.raises(BusyError, match="stopping"):
            batcher.submit([6])

    run(work())


@settings(max_examples=30)
@given(
    groups=st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=9), max_size=12),
    size=st.integers(1, 7),
    wait_s=st.sampled_from([0.0, 0.001]),
    bad=st.sets(st.integers(0, 99), max_size=5),
)
def test_every_item_gets_its_own_answer(
    groups: list[list[int]], size: int, wait_s: float, bad: set[int]
) -> None:
    async def work() -> None:
        double = Doubler(fails=bad.__contains__)
        async with Batcher(double, BatchOptions(size, wait_s, queue=1000)) as batcher:

            async def ask(group: list[int]) -> None:
                answers = await asyncio.gather(*batcher.submit(group), return_exceptions=True)
                for item, result in zip(group, answers, strict=True):
                    assert isinstance(result, ValueError) if item in bad else result == 2 * item

            await asyncio.gather(*map(ask, groups))
        assert all(1 <= len(batch) <= size for batch in double.batches)

    run(work())


@pytest.mark.parametrize("options", [{"size": 0}, {"queue": 0}, {"wait_s": -1}, {"wait_s": 61}])
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected at least 1, at least 1, and 0 to 60 s"):
        BatchOptions(**options)
