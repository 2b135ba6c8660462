"""Whether an array lies as its SEG-Y does."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from salt_survey.reading.survey import Survey
from salt_survey.scan.overrides import Overrides
from salt_survey.volume.array_headers import _is_known_again, _Way
from salt_survey.volume.finished import AMPLITUDES
from salt_survey.volume.store import Store

MS = Overrides(interval_ms=4)
WAYS = [_Way(*way) for way in itertools.product((False, True), repeat=3)]


def saved(path: Path, amplitudes: np.ndarray) -> Path:
    np.save(path, amplitudes)
    return path


def lying(amplitudes: np.ndarray, way: _Way) -> np.ndarray:
    """An array of the same traces."""
    rows, columns = (slice(None, None, -1 if falls else 1) for falls in way[:2])
    turned = amplitudes[rows, columns]
    return turned.transpose(1, 0, 2) if way.turned else turned


@pytest.mark.parametrize("shape", [(7, 7, 5), (1, 9, 5), (6, 11, 5)])
def test_each_way_to_lie_is_told_from_all_others(tmp_path: Path, shape: tuple[int, ...]) -> None:
    amplitudes = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    ways = [way for way in WAYS if not way.turned or shape[0] == shape[1]]
    with Survey.open(saved(tmp_path / "a.npy", amplitudes), overrides=MS) as survey:
        for number, way in enumerate(ways):
            path = saved(tmp_path / f"{number}.npy", lying(amplitudes, way))
            with Survey.open(path, overrides=MS) as array:
                kept = array.amplitudes()
            alike = [each for each in ways if each.amplitudes(survey) == kept]
            # Of a line, one inline may go either way.
            assert alike == [each for each in ways if each[shape[0] == 1 :] == way[shape[0] == 1 :]]


@pytest.mark.parametrize("falls", [False, True])
def test_where_the_traces_that_are_looked_at_are_dead_nothing_is_known(
    tmp_path: Path, falls: bool
) -> None:
    """Of 30 inlines nearly all of them lie in the last crossline."""
    amplitudes = np.random.default_rng(0).normal(size=(30, 20, 5)).astype(np.float32)
    amplitudes[0, 0] = amplitudes[-1, 0] = amplitudes[:, -1] = 0
    path = saved(tmp_path / "b.npy", lying(amplitudes, _Way(falls)))
    with Survey.open(path, overrides=MS) as array:
        said = array.amplitudes()
    with Survey.open(saved(tmp_path / "a.npy", amplitudes), overrides=MS) as survey:
        assert said == survey.amplitudes() == _Way(True).amplitudes(survey)
        store = Store.create(tmp_path / "v.zarr", survey, {"probability": (30, 20)})
        store.describe({AMPLITUDES: said})
        assert not _is_known_again(store, survey)
        store.describe({})
        assert not _is_known_again(store, survey)


@pytest.mark.parametrize(
    ("way", "said"),
    [
        (_Way(), ""),
        (_Way(True), "its inlines go from the last to the first"),
        (_Way(True, True), "its inlines and crosslines go from the last to the first"),
        (_Way(turned=True), "its first axis is of crosslines"),
        (
            _Way(crosslines_fall=True, turned=True),
            "its crosslines go from the last to the first and its first axis is of crosslines",
        ),
    ],
)
def test_a_way_is_told(way: _Way, said: str) -> None:
    assert way.words() == said
