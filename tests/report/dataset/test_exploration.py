from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from salt_report.common.estimates import wilson
from salt_report.common.reading import LabelledTiles
from salt_report.dataset import exploration

DEPTH = np.array([math.nan, *(100.0 + 11 * ((7 * place) % 59) for place in range(59))])
FOLD = np.arange(60) % 7


@pytest.fixture(scope="module")
def known(drawn: LabelledTiles) -> pd.DataFrame:
    return exploration.table(drawn, DEPTH, FOLD)


def coverages(drawn: LabelledTiles) -> list[float]:
    return [float(mask.sum()) / 10201 for mask in drawn.masks]


def test_overview(known: pd.DataFrame, drawn: LabelledTiles) -> None:
    shares = coverages(drawn)
    found = exploration.overview(known)
    empty = shares.count(0)
    assert (found.tiles, found.salt, found.empty) == (60, 60 - empty, empty)
    assert found.coverage == pytest.approx(sum(shares) / 60)
    assert found.largest_px == max(int(mask.sum()) for mask in drawn.masks)
    assert found.full == sum(bool(mask.all()) for mask in drawn.masks)
    assert found.rounded_to_zero == sum(0 < share <= 0.05 for share in shares) > 0


def test_kinds(known: pd.DataFrame) -> None:
    found = exploration.kinds(known)
    assert found.tiles["black"] == found["empty"]["black"] >= 1
    assert found.tiles["vertical"] >= 1
    assert found["empty"]["tiny"] == 0


def test_depth_groups_are_those_of_a_slow_count(known: pd.DataFrame, drawn: LabelledTiles) -> None:
    found = exploration.depths(known)
    assert found.tiles == 59
    deep = sorted(
        (depth, share) for depth, share in zip(DEPTH, coverages(drawn), strict=True) if depth > 0
    )
    sizes = found.groups.tiles.tolist()
    assert (len(sizes), sum(sizes), max(sizes) - min(sizes)) == (10, 59, 1)
    for row in found.groups.itertuples():
        mine, deep = deep[: row.tiles], deep[row.tiles :]
        salt = [share for _, share in mine if share]
        assert (row.low, row.high) == (mine[0][0], mine[-1][0])
        assert row.salt == len(salt) / len(mine)
        assert (row.salt_low, row.salt_high) == tuple(map(float, wilson(len(salt), len(mine))))
        assert row.coverage == pytest.approx(np.mean(salt) if salt else math.nan, nan_ok=True)


def test_depth_that_says_it_all(drawn: LabelledTiles) -> None:
    share = np.array(coverages(drawn))
    found = exploration.depths(exploration.table(drawn, 1000 - 900 * share))
    assert found.coverage == pytest.approx(-1)
    assert found.presence is not None
    assert found.presence < -0.5


def test_tiles_of_one_depth_are_in_one_group(drawn: LabelledTiles) -> None:
    """Where the order of their ids would part them, it would look like a trend."""
    same = exploration.depths(exploration.table(drawn, np.full(60, 500.0)))
    assert same.groups.tiles.tolist() == [60]
    two = exploration.depths(exploration.table(drawn, np.repeat([500.0, 600.0], [25, 35])))
    assert two.groups[["low", "high", "tiles"]].to_numpy().tolist() == [
        [500, 500, 25],
        [600, 600, 35],
    ]


def test_one_known_depth(drawn: LabelledTiles) -> None:
    depth = np.full(60, math.nan)
    depth[3] = 500
    found = exploration.depths(exploration.table(drawn, depth))
    assert (found.tiles, len(found.groups), found.presence, found.coverage) == (1, 1, None, None)


def test_twins(drawn: LabelledTiles) -> None:
    found = {group.ids: group.agree for group in exploration.twins(drawn)}
    assert found == {(drawn.ids[4], drawn.ids[5]): True, (drawn.ids[6], drawn.ids[7]): False}


def test_balance_is_that_of_a_slow_count(known: pd.DataFrame, drawn: LabelledTiles) -> None:
    found = exploration.balance(known)
    largest = 0
    for number in range(11):
        column = [
            sum(
                fold == mine and cls == number
                for fold, cls in zip(FOLD, drawn.classes, strict=True)
            )
            for mine in range(7)
        ]
        assert found.counts[number].tolist() == column
        largest = max(largest, max(column) - min(column))
    assert found.spread == largest
    for fold, row in found.folds.iterrows():
        mine = drawn.masks[fold == FOLD]
        assert row.tiles == len(mine)
        assert row.salt == pytest.approx(np.mean([mask.any() for mask in mine]))
        assert row.coverage == pytest.approx(mine.mean())
        assert row.depth_m == pytest.approx(np.nanmean(DEPTH[fold == FOLD]))


def test_where_salt_is(drawn: LabelledTiles) -> None:
    chosen = drawn.masks.any(axis=(1, 2))
    share = exploration.where_salt_is(drawn.masks * 3, chosen)
    assert share[40, 70] == pytest.approx(np.mean([mask[40, 70] for mask in drawn.masks[chosen]]))
