from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_report.common.estimates import spearman, wilson


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_intervals(hits: int, total: int, low: float, high: float) -> None:
    assert [float(bound) for bound in wilson(hits, total)] == pytest.approx([low, high], abs=5e-5)


@given(st.integers(1, 500), st.data())
def test_bounds_solve_the_score_equation(total: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, total))
    for bound in map(float, wilson(hits, total)):
        if 0 < bound < 1:
            error = math.sqrt(bound * (1 - bound) / total)
            assert abs(hits / total - bound) / error == pytest.approx(1.96, abs=1e-3)


def ranks(values: list[float]) -> list[float]:
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2
        for value in values
    ]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=30))
def test_rank_correlation_is_that_of_ranks_counted(pairs: list[tuple[int, int]]) -> None:
    first, second = map(list, zip(*pairs, strict=True))
    if len(set(first)) < 2 or len(set(second)) < 2:
        assert spearman(first, second) is None
    else:
        expected = np.corrcoef(ranks(first), ranks(second))[0, 1]
        assert spearman(first, second) == pytest.approx(expected)
