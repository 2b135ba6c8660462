from __future__ import annotations

import math
import types

import pytest

from salt_infer.execution import stage_clock
from salt_infer.execution.stage_clock import STAGES, StageClock, shares, verdict

ONE = dict.fromkeys(STAGES, 1)


def busy(**seconds: float) -> dict[str, float]:
    return dict.fromkeys(STAGES, 0.0) | seconds


@pytest.mark.parametrize(
    ("seconds", "threads", "says"),
    [
        (busy(decode=1.0, run=9.4, encode=0.2), ONE, "bound by the model (94 %)"),
        (busy(decode=15.0, run=7.0), ONE | {"decode": 2}, "bound by no stage (reading and decod"),
        (busy(decode=15.0, run=7.6), ONE | {"decode": 2}, "bound by no stage (the model, the bus"),
        (busy(decode=16.0, run=7.9), ONE | {"decode": 2}, "bound by reading and decoding (80 %)"),
        (busy(encode=9.9, run=9.8), ONE, "bound by encoding (99 %)"),
        (busy(journal=10.1), ONE, "bound by the journal (100 %)"),
        (busy(run=0.04), ONE, "bound by no stage (the model, the busiest: 0 %)"),
        (busy(), ONE, "nothing was run"),
    ],
)
def test_the_verdict_names_the_stage_that_was_always_busy(
    seconds: dict[str, float], threads: dict[str, int], says: str
) -> None:
    assert verdict(10.0, seconds, threads).startswith(says)


def test_a_run_without_time_has_no_verdict() -> None:
    assert verdict(0.0, busy(), ONE) == "nothing was run"
    assert set(shares(0.0, busy(run=1.0), ONE).values()) == {0.0}


def test_shares_are_of_all_threads_of_a_stage() -> None:
    share = shares(4.0, busy(decode=6.0, run=3.0), ONE | {"decode": 2})
    assert share["decode"] == share["run"] == 0.75


class Time:
    """A clock that only goes when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        own = types.SimpleNamespace(perf_counter=lambda: self.now)
        monkeypatch.setattr(stage_clock, "time", own)


def test_the_first_batch_is_cold_and_the_rest_is_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    time, told = Time(monkeypatch), StageClock()
    with told.running():
        for seconds, tiles in ((4.0, 8), (1.0, 10), (1.0, 10)):
            time.now += seconds
            told.ran(seconds)
            told.finished(tiles)
    timing = told.timing(startup_s=0.5, publish_s=0.25)
    assert (timing.startup_s, timing.wall_s, timing.publish_s) == (0.5, 6.0, 0.25)
    assert timing.cold_tiles_per_s == 2.0
    assert timing.warm_tiles_per_s == 10.0
    assert timing.batch_s == {"p50": 1.0, "p95": 1.0, "p99": 1.0}


def test_each_lane_has_a_cold_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two batches end every second, the first two after four."""
    time, told = Time(monkeypatch), StageClock()
    told.threads["run"] = 2
    with told.running():
        for number in range(8):
            time.now += (4.0 if not number else 1.0) if number % 2 == 0 else 0.0
            told.ran(4.0 if number < 2 else 1.0)
            told.finished(48)
    timing = told.timing(0)
    assert timing.cold_tiles_per_s == 96 / 4
    assert timing.warm_tiles_per_s == 96
    assert timing.batch_s == {"p50": 1.0, "p95": 1.0, "p99": 1.0}


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_fewer_batches_than_run_at_once_give_no_warm_rate(
    monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    time, told = Time(monkeypatch), StageClock()
    told.threads["run"] = 2
    with told.running():
        for number in range(batches):
            time.now += 0.001 if number == 1 else 1.0
            told.ran(1.0)
            told.finished(48)
        time.now += 0.001  # the rest of the run
    timing = told.timing(0)
    assert timing.warm_tiles_per_s is None
    assert timing.cold_tiles_per_s == pytest.approx(48 if batches == 1 else 96, rel=0.01)
    assert timing.batch_s["p50"] == 1.0


def test_percentiles_are_of_the_warm_batches() -> None:
    told = StageClock()
    for seconds in [50.0, *range(101)]:
        told.ran(float(seconds))
    assert told.timing(0).batch_s == {"p50": 50.0, "p95": 95.0, "p99": 99.0}


def test_one_batch_is_all_there_is() -> None:
    told = StageClock()
    assert told.timing(0).batch_s == {}
    assert told.timing(0).cold_tiles_per_s is None
    told.ran(2.0)
    with told.running():
        told.finished(3)
    timing = told.timing(0)
    assert timing.batch_s == {"p50": 2.0, "p95": 2.0, "p99": 2.0}
    assert timing.warm_tiles_per_s is None
    assert timing.cold_tiles_per_s is not None
    assert math.isfinite(timing.cold_tiles_per_s)


def test_a_batch_of_bad_tiles_is_not_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    time, told = Time(monkeypatch), StageClock()
    with told.running():
        told.finished(0)
        time.now += 2.0
        told.finished(4)
    assert told.timing(0).cold_tiles_per_s == 2.0


def test_work_and_waiting_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    time, told = Time(monkeypatch), StageClock()
    told.worked("run", waited_s=0.5, busy_s=2.0)
    told.worked("run", waited_s=0.25, busy_s=1.0)
    with told("journal"):
        time.now += 3.0
    timing = told.timing(0)
    assert timing.busy_s == busy(run=3.0, journal=3.0)
    assert timing.waited_s == busy(run=0.75)
