from __future__ import annotations

import os
from pathlib import Path

import pytest
import record
from common import rounds
from common.rounds import Samples
from PIL import Image


def test_ways_take_turns_after_a_round_that_is_not_counted() -> None:
    calls: list[str] = []
    ways = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    samples = rounds.interleaved(ways, 2)
    assert calls == ["a", "b"] * 3
    assert {name: len(each.wall_s) for name, each in samples.items()} == {"a": 2, "b": 2}
    assert all(second >= 0 for second in samples["a"].wall_s + samples["b"].cpu_s)


def test_a_ratio_is_that_of_the_rounds() -> None:
    slow, fast = Samples([2.0, 40.0, 6.0], [1.0] * 3), Samples([1.0, 10.0, 2.0], [0.5] * 3)
    assert fast.over(slow) == 3.0
    assert (slow.seconds, slow.cpu_seconds) == (6.0, 1.0)


def test_samples_come_back_from_json() -> None:
    samples = {"a": Samples([1.0], [2.0])}
    assert rounds.from_json(rounds.to_json(samples)) == samples


def test_a_table_is_markdown() -> None:
    assert rounds.markdown(["a", "b"], [["1", "2"]]) == ["| a | b |", "|---|---|", "| 1 | 2 |"]


def test_a_process_gets_as_many_cpus_as_it_is_given() -> None:
    assert rounds.on_cpus(1, os.sched_getaffinity, 0) == {min(os.sched_getaffinity(0))}


def test_numbers_of_cpus_double_up_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    assert rounds.cpu_counts() == [1, 2, 4, 6]


def test_a_plot_is_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    curve = {"a": ([1.0, 8.0, 64.0], [1.0, 2.0, 3.0])}
    with Image.open(rounds.plot("a", "tiles", "s", curve, logarithmic=True)) as image:
        assert image.size == (768, 480)
