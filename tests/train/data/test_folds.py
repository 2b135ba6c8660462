from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_train.data import folds
from salt_train.data.folds import Split
from salt_train.errors import ConfigError
from tests import drawing


@given(
    st.lists(st.integers(0, 10), min_size=10, max_size=200), st.integers(2, 10), st.integers(0, 9)
)
def test_every_class_is_spread_evenly(classes: list[int], count: int, seed: int) -> None:
    ids = [f"tile-{index}" for index in range(len(classes))]
    fold = folds.assign(ids, np.array(classes), count, seed)
    for chosen in (slice(None), *(np.array(classes) == k for k in set(classes))):
        sizes = np.bincount(fold[chosen], minlength=count)
        assert sizes.max() - sizes.min() <= 1


def test_the_split_depends_on_ids_and_not_on_their_order() -> None:
    ids = [f"tile-{index}" for index in range(100)]
    classes = np.arange(100) % 11
    fold = folds.assign(ids, classes, 5, seed=0)
    order = np.random.default_rng(0).permutation(100)
    shuffled = folds.assign([ids[i] for i in order], classes[order], 5, seed=0)
    np.testing.assert_array_equal(shuffled, fold[order])
    again = Split(tuple(ids[i] for i in order), shuffled, classes[order])
    assert Split(tuple(ids), fold, classes).sha256 == again.sha256
    other = folds.assign(ids, classes, 5, seed=1)
    assert Split(tuple(ids), other, classes).sha256 != again.sha256


def test_the_split_is_written_as_it_is(tmp_path: Path) -> None:
    data = drawing.draw(12, seed=3)
    split = Split.of(data, 3, seed=0)
    split.write(tmp_path)
    with open(tmp_path / folds.FILE, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == list(data.ids)
    assert [int(row["fold"]) for row in rows] == split.fold.tolist()
    assert [int(row["coverage_class"]) for row in rows] == split.classes.tolist()


def test_ids_that_a_table_has_to_quote(tmp_path: Path) -> None:
    drawn = drawing.draw(12, seed=3)
    odd = ("line 1, tile 2", 'the "best"', *drawn.ids[2:])
    Split.of(dataclasses.replace(drawn, ids=odd), 3, seed=0).write(tmp_path)
    with open(tmp_path / folds.FILE, newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == list(odd)
    assert b"\r" not in (tmp_path / folds.FILE).read_bytes()


def test_too_few_tiles() -> None:
    with pytest.raises(ConfigError, match="2 tiles for 3 folds"):
        folds.assign(["a", "b"], np.array([0, 1]), 3, 0)


@pytest.mark.parametrize(("tiles", "count"), [(5, 5), (23, 4), (40, 10), (41, 10)])
def test_a_fold_is_as_large_as_its_number_says(tiles: int, count: int) -> None:
    ids = [f"tile-{number}" for number in range(tiles)]
    fold = folds.assign(ids, np.arange(tiles) % 3, count, 0)
    assert folds.size(tiles, None, 1) == 0
    sizes = [folds.size(tiles, number, count) for number in range(count)]
    assert sizes == np.bincount(fold).tolist()
