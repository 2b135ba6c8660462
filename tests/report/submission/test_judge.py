from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_report.submission import judge

JUDGED = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=40)


def arrays(judged: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities in twentieths, so that some are the same, and whether there is salt."""
    said, truth = zip(*judged, strict=True)
    return np.array(said) / 20, np.array(truth)


@given(JUDGED)
def test_the_area_is_the_share_of_pairs_in_order(judged: list[tuple[int, bool]]) -> None:
    salt, truth = arrays(judged)
    curve = judge.roc(salt, truth)
    if truth.all() or not truth.any():
        assert curve is None
        return
    pairs = list(itertools.product(salt[truth], salt[~truth]))
    expected = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs)
    assert curve is not None
    assert curve.area == pytest.approx(expected)
    # What was left out of the curve is on it.
    assert np.trapezoid(curve.true_rate, curve.false_rate) == pytest.approx(expected)


@given(JUDGED)
def test_the_curve_has_each_threshold(judged: list[tuple[int, bool]]) -> None:
    salt, truth = arrays(judged)
    curve = judge.roc(salt, truth)
    if curve is None:
        return
    for threshold in set(salt):
        called = salt >= threshold
        false, true = (called & ~truth).sum() / (~truth).sum(), (called & truth).sum() / truth.sum()
        # On the curve: between the neighbouring corners' rates at that false rate.
        at = curve.true_rate[np.isclose(curve.false_rate, false)]
        on = np.interp(false, curve.false_rate, curve.true_rate)
        assert min([*at, on]) - 1e-9 <= true <= max([*at, on]) + 1e-9
    assert (curve.false_rate[0], curve.true_rate[0]) == (0, 0)
    assert (curve.false_rate[-1], curve.true_rate[-1]) == (1, 1)


@given(JUDGED)
@pytest.mark.slow
def test_bins_are_those_of_a_slow_count(judged: list[tuple[int, bool]]) -> None:
    salt, truth = arrays(judged)
    bins = judge.reliability(salt, truth)
    gaps = 0.0
    for row in bins.itertuples():
        last = row.high == 1
        mine = [
            (said, found)
            for said, found in zip(salt, truth, strict=True)
            if row.low <= said < row.high or (last and said == 1)
        ]
        assert row.tiles == len(mine) > 0
        assert row.said == pytest.approx(sum(said for said, _ in mine) / len(mine))
        assert row.found == pytest.approx(sum(found for _, found in mine) / len(mine))
        assert row.found_low <= row.found <= row.found_high
        gaps += abs(row.said - row.found) * len(mine)
    assert bins.tiles.sum() == len(judged)
    found = judge.examine(salt, truth)
    assert found is not None
    assert found.calibration_error == pytest.approx(gaps / len(judged))


def test_what_is_told_of_a_judge() -> None:
    salt = np.array([0.9, 0.6, math.nan, 0.2, 0.0])
    found = judge.examine(salt, np.array([True, False, True, False, False]))
    assert found is not None
    assert (found.tiles, found.unseen) == (4, 1)
    assert found.accuracy == 0.75
    assert found.brier == pytest.approx((0.01 + 0.36 + 0.04) / 4)
    assert found.roc is not None
    assert found.roc.area == 1


def test_nothing_judged() -> None:
    assert judge.examine(np.array([math.nan]), np.array([True])) is None
