from __future__ import annotations

import numpy as np
import pytest

from salt_infer.masks import metric
from salt_report.common.reading import LabelledTiles
from salt_report.submission import outcomes, pairs
from salt_report.submission.outcomes import FALSE, MISSED
from salt_report.submission.pairs import Pairs
from tests.report.conftest import spoilt


@pytest.fixture(scope="module")
def two(drawn: LabelledTiles, predicted: np.ndarray) -> tuple:  # type: ignore[type-arg]
    masks = predicted, spoilt(drawn.masks, seed=2)
    return tuple(outcomes.table(drawn.ids, drawn.masks, each) for each in masks)


@pytest.fixture(scope="module")
def found(two: tuple) -> Pairs:  # type: ignore[type-arg]
    return pairs.compare(*two)


def test_counts_are_those_of_a_slow_count(two: tuple, found: Pairs) -> None:  # type: ignore[type-arg]
    first, other = (list(each.itertuples()) for each in two)
    moves = [(a, b) for a, b in zip(first, other, strict=True)]
    assert found.wins == sum(a.group > b.group for a, b in moves) > 0
    assert found.losses == sum(a.group < b.group for a, b in moves) > 0
    assert found.ties == sum(a.group == b.group for a, b in moves) > 0
    wrong = [(a.loss in (MISSED, FALSE), b.loss in (MISSED, FALSE)) for a, b in moves]
    assert found.presence_mended == wrong.count((False, True))
    assert found.presence_spoilt == wrong.count((True, False))
    for row in range(11):
        for column in range(11):
            expected = sum((b.group, a.group) == (row, column) for a, b in moves)
            assert found.moves.at[row, column] == expected


def test_the_difference_is_paired(two: tuple, found: Pairs) -> None:  # type: ignore[type-arg]
    difference = (two[0].score - two[1].score).to_numpy()
    assert found.difference == pytest.approx(found.score - found.other)
    assert (found.low, found.high) == pytest.approx(metric.interval(difference))
    reverse = pairs.compare(two[1], two[0])
    assert reverse.difference == -found.difference
    assert (reverse.wins, reverse.losses) == (found.losses, found.wins)


def test_changed_tiles_come_largest_first(two: tuple, found: Pairs) -> None:  # type: ignore[type-arg]
    sizes = found.changed.difference.abs().tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == found.wins + found.losses
    for row in found.changed.itertuples():
        assert row.difference == pytest.approx(two[0].score[row.Index] - two[1].score[row.Index])
        assert row.loss == two[0].loss[row.Index]


def test_the_same_twice(two: tuple) -> None:  # type: ignore[type-arg]
    same = pairs.compare(two[0], two[0])
    assert (same.difference, same.low, same.high) == (0, 0, 0)
    assert (same.ties, len(same.changed)) == (60, 0)


def test_a_bound_of_0_is_no_gain(two: tuple) -> None:  # type: ignore[type-arg]
    """In binary fractions the bound of these forty is 7e-19, which would pass for one."""
    first = [6, 7, 8, 10, 2, 1, 3, 6, 9, 10, 5, 0, 10, 2, 1, 2, 8, 5, 5, 3,
             5, 7, 9, 10, 1, 8, 5, 4, 2, 0, 3, 2, 8, 9, 4, 4, 8, 1, 0, 2]  # fmt: skip
    other = [6, 6, 9, 10, 2, 1, 3, 6, 9, 10, 4, 0, 10, 2, 1, 1, 8, 5, 5, 3,
             5, 7, 9, 10, 1, 8, 2, 4, 2, 0, 3, 2, 8, 9, 4, 2, 8, 1, 0, 2]  # fmt: skip
    tables = [
        two[0].iloc[:40].assign(group=tenths, score=np.array(tenths) / 10)
        for tenths in (first, other)
    ]
    found = pairs.compare(*tables)
    assert found.low == 0
    assert found.high > 0
