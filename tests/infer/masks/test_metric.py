from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.errors import LabelError
from salt_infer.masks import metric


def rows_of(pixels: list[int], size: int = 400) -> np.ndarray:
    """Masks of one row each with that many salt pixels from the left."""
    masks = np.zeros((len(pixels), 1, size), np.uint8)
    for mask, count in zip(masks, pixels, strict=True):
        mask[0, :count] = 1
    return masks


@given(st.integers(0, 400), st.integers(0, 400))
def test_precision_is_the_share_of_thresholds_below_the_exact_iou(a: int, b: int) -> None:
    result = metric.score(rows_of([a]), rows_of([b])).per_tile[0]
    if a == b == 0:
        assert result == 1.0
    else:
        iou = Fraction(min(a, b), max(a, b))
        hits = sum(iou > Fraction(k, 20) for k in range(10, 20))
        assert result == pytest.approx(hits / 10)


@pytest.mark.parametrize("k", range(10, 20))
def test_an_exact_tie_is_no_hit(k: int) -> None:
    tie = metric.score(rows_of([20]), rows_of([k])).per_tile[0]
    assert tie == pytest.approx((k - 10) / 10)


def test_empty_masks() -> None:
    score = metric.score(rows_of([0, 0, 5]), rows_of([0, 5, 0]))
    assert score.per_tile.tolist() == [1.0, 0.0, 0.0]
    assert score.mean == pytest.approx(1 / 3)


def test_hits_are_by_threshold() -> None:
    overlap = metric.overlap(rows_of([10, 0, 0, 8]), rows_of([10, 0, 5, 10]))
    assert [counts.tolist() for counts in overlap] == [[10, 0, 0, 8], [10, 0, 5, 10]]
    hits = metric.hits(*overlap)
    assert hits.sum(axis=1).tolist() == [10, 10, 0, 6]  # 0.8 is above 0.50 .. 0.75
    assert hits[3].tolist() == [True] * 6 + [False] * 4


def test_any_non_zero_value_counts() -> None:
    truth = rows_of([10]).astype(np.uint16) * 65535
    assert metric.score(truth, rows_of([10]).astype(bool)).mean == 1.0


@pytest.mark.parametrize("shape", [(1, 101, 101), (2, 128, 128), (2, 10201)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(LabelError, match="expected the same"):
        metric.score(np.zeros((2, 101, 101)), np.zeros(shape))


def test_no_tiles_is_refused() -> None:
    with pytest.raises(LabelError, match="N >= 1"):
        metric.score(np.zeros((0, 5, 5)), np.zeros((0, 5, 5)))


def scores(count: int, seed: int = 0) -> np.ndarray:
    """Scores as tiles have them: tenths, mostly 0 or 1."""
    random = np.random.default_rng(seed)
    return random.choice(np.arange(11) / 10, count, p=[0.2, *[0.03] * 9, 0.53])


@given(st.lists(st.integers(0, 10), min_size=1, max_size=30))
def test_an_interval_lies_about_the_mean(tenths: list[int]) -> None:
    per_tile = np.array(tenths) / 10
    low, high = metric.interval(per_tile, resamples=1000)
    assert min(per_tile) - 1e-12 <= low <= per_tile.mean() + 1e-12
    assert per_tile.mean() - 1e-12 <= high <= max(per_tile) + 1e-12
    assert (high - low > 1e-9) == (len(set(tenths)) > 1)


def test_an_interval_agrees_with_drawing_tiles_one_by_one() -> None:
    per_tile = scores(60)
    random = np.random.default_rng(7)
    means = [per_tile[random.integers(0, 60, 60)].mean() for _ in range(10_000)]
    for confidence in (0.95, 0.5):
        tail = 50 * (1 - confidence)
        expected = np.percentile(means, [tail, 100 - tail])
        # The quantiles of 10 000 draws are known to about 0.001 here, the interval is 0.2 wide.
        assert metric.interval(per_tile, confidence) == pytest.approx(expected, abs=0.006)


def test_an_interval_is_always_the_same() -> None:
    assert metric.interval(scores(40)) == metric.interval(scores(40))


def test_an_interval_shrinks_with_the_root_of_the_tiles() -> None:
    widths = []
    for count in (100, 400, 1600):
        low, high = metric.interval(np.resize(scores(100), count), resamples=2000)
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.1)
    assert widths[1] / widths[2] == pytest.approx(2, rel=0.1)


def test_an_interval_holds_the_true_mean_as_often_as_it_says() -> None:
    truth = float(np.arange(11) @ np.array([0.2, *[0.03] * 9, 0.53])) / 10
    held = [
        low <= truth <= high
        for seed in range(200)
        for low, high in [metric.interval(scores(100, seed), 0.8, resamples=500)]
    ]
    assert 0.7 < np.mean(held) < 0.9


def test_an_interval_takes_differences_of_scores() -> None:
    difference = scores(200, 1) - scores(200, 2)
    low, high = metric.interval(difference)
    assert low < difference.mean() < high
    assert metric.interval(-difference) == pytest.approx((-high, -low))
