from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer import metric
from salt_infer.errors import LabelError


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
