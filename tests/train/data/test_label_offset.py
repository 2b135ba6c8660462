from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.masks.orientation import are_partial
from salt_train import synthetic
from salt_train.data import dataset, folds, label_offset, second_opinion
from salt_train.data.data_checks import check
from salt_train.data.label_offset import FARTHEST, best, examine
from salt_train.data.second_opinion import BOUNDED, ENOUGH, Opinion
from tests import drawing

Masks = npt.NDArray[np.bool_]
OFFSETS = [(25, 0), (0, 10), (-6, 4), (3, 0), (0, -4)]


def moved(masks: Masks, down: int, right: int) -> Masks:
    """Nothing comes in from beyond the border."""
    height, width = masks.shape[1:]
    padded = np.pad(masks, ((0, 0), (FARTHEST, FARTHEST), (FARTHEST, FARTHEST)))
    rows, columns = FARTHEST - down, FARTHEST - right
    return padded[:, rows : rows + height, columns : columns + width]


def opinion(found: Masks, labels: Masks) -> Opinion:
    ids = tuple(f"{number:03d}" for number in range(len(found)))
    return Opinion(ids, labels.astype(np.uint8), found, np.ones(len(found), np.float32))


@pytest.fixture(scope="module")
def drawn() -> tuple[npt.NDArray[np.uint8], Masks]:
    """Tiles, and what the shipped model finds in them."""
    tiles = drawing.draw(130, seed=3).tiles
    return tiles, second_opinion.masks_in(tiles)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(-FARTHEST, FARTHEST), st.integers(-FARTHEST, FARTHEST),
)  # fmt: skip
def test_ious_are_those_of_the_part_that_both_cover(seed: int, down: int, right: int) -> None:
    fixed, other = np.random.default_rng(seed).random((2, 3, 40, 45)) < 0.4
    both, there = moved(other, down, right), moved(np.ones_like(other), down, right)
    expected = (fixed & both).sum() / max(((fixed | both) & there).sum(), 1)
    found = label_offset._ious(fixed, other)
    assert found[down, right] == pytest.approx(expected)
    assert found.max() == pytest.approx(best(fixed, other).there)


@pytest.mark.parametrize(("down", "right"), OFFSETS)
def test_an_offset_is_found_and_how_to_mend_it(
    drawn: tuple[npt.NDArray[np.uint8], Masks], down: int, right: int
) -> None:
    _, found = drawn
    assert are_partial(found).sum() >= ENOUGH
    assert best(found, moved(found, down, right))[:2] == (-down, -right)
    said = examine(opinion(found, moved(found, down, right)))
    ways = [f"{abs(down)} px {'up' if down > 0 else 'down'}"] * bool(down)
    ways += [f"{abs(right)} px to the {'left' if right > 0 else 'right'}"] * bool(right)
    assert said.startswith(f"labels seem to lie off their tiles: moved {' and '.join(ways)}, ")


def test_where_there_is_none_nothing_is_said(
    drawn: tuple[npt.NDArray[np.uint8], Masks],
) -> None:
    _, found = drawn
    assert examine(opinion(found, found)) == ""
    others = np.roll(found, 1, axis=0)  # of other tiles
    assert examine(opinion(found, others)) == ""
    few = np.flatnonzero(are_partial(found))[: ENOUGH - 1]
    assert examine(opinion(found[few], moved(found[few], 9, 0))) == ""


@pytest.mark.slow
def test_a_check_tells_of_it(drawn: tuple[npt.NDArray[np.uint8], Masks], tmp_path: Path) -> None:
    tiles, found = (each[:90] for each in drawn)
    ids = tuple(f"{number:03d}" for number in range(len(tiles)))
    labels = moved(found, 8, 0).astype(np.uint8)
    synthetic.write(synthetic.Dataset(ids, tiles, labels), tmp_path)
    (tmp_path / "tiles").rename(tmp_path / "images")
    report = check(tmp_path)
    assert "8 px up" in report.moved
    *_, verdict = report.to_text().splitlines()
    assert report.moved in report.to_text().splitlines()
    assert verdict.startswith("sound, but the labels seem to lie off their tiles")


@pytest.mark.slow
def test_on_real_tiles_each_is_found_to_the_pixel(tgs: Path) -> None:
    data = dataset.load(tgs)
    split = folds.Split.of(data, 10, 0)
    for fold, (down, right) in enumerate(OFFSETS):  # the first was not learnt from
        part = data.subset(split.fold == fold)
        found, labels = second_opinion.masks_in(part.tiles), part.masks != 0
        assert examine(opinion(found, labels)) == ""
        chosen = np.flatnonzero(are_partial(labels))[:BOUNDED]
        assert best(found[chosen], moved(labels[chosen], down, right))[:2] == (-down, -right)
        assert examine(opinion(found, moved(labels, down, right)))
