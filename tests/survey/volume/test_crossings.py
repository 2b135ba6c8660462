from __future__ import annotations

import numpy as np
import pytest

from salt_survey.volume.crossings import crossings, goes_on

TIMES = np.array([100.0, 104.0, 108.0, 112.0, 116.0])


def test_top_and_base_are_between_samples() -> None:
    salt = np.array([[0.0, 0.4, 0.6, 0.9, 0.1]], np.float32)
    top, base = crossings(salt, TIMES, 0.5)
    assert top == pytest.approx([106.0])
    assert base == pytest.approx([114.0])


def test_salt_at_the_ends_begins_and_ends_there() -> None:
    top, base = crossings(np.ones((1, 5), np.float32), TIMES, 0.5)
    assert (top.tolist(), base.tolist()) == ([100.0], [116.0])


def test_traces_without_salt_have_none() -> None:
    salt = np.array([[0, 0.5, 0, 0, 0], [0, 0.75, 0, 0.75, 0]], np.float32)
    top, base = crossings(salt, TIMES, 0.5)
    assert np.isnan([top[0], base[0]]).all()
    assert top[1] == pytest.approx(100 + 4 * 2 / 3)
    assert base[1] == pytest.approx(116 - 4 * 2 / 3)


def test_salt_goes_on_where_nothing_is_recorded_before_it() -> None:
    salt = np.array([[0, 0, 1, 0], [0, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]], np.float32)
    recorded = np.ones(salt.shape, bool)
    recorded[1, 1] = False
    assert goes_on(salt, recorded, 0.5).tolist() == [False, True, True, False]
