from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from salt_infer.masks import metric, rle
from salt_infer.masks.orientation import ENOUGH, INVERTED, MANY, MOST, TURNS, WAYS, Fit

Masks = npt.NDArray[np.bool_]


def drawn(count: int, seed: int = 0) -> Masks:
    """Wedges in the lower left, each another: no turn of one looks like it."""
    random = np.random.default_rng(seed)
    y, x = np.indices((101, 101))
    slopes, tops = random.uniform(0.2, 0.5, count), random.uniform(45, 65, count)
    return np.stack([y > top + slope * x for top, slope in zip(tops, slopes, strict=True)])


def test_masks_that_lie_alike_are_not_doubted() -> None:
    fit = Fit.of(drawn(20), drawn(20, seed=1))
    assert fit.tiles == 20
    assert fit.iou[0] > max(fit.iou[1:])
    assert fit.doubt() == ""


def changed(masks: Masks, way: str) -> Masks:
    """Masks turned, or inverted, or both."""
    turn = TURNS[way.removesuffix(INVERTED).removesuffix(" and ") or "as they are"](masks)
    return ~turn if way.endswith(INVERTED) else turn


@pytest.mark.parametrize("turn", WAYS[1:])
def test_every_turn_is_told(turn: str) -> None:
    truth = drawn(20)
    fit = Fit.of(drawn(20, seed=1), changed(truth, turn))
    assert f"fit each other better {back(turn)}: with a mean IoU of 0." in fit.doubt()
    assert "over 20 tiles" in fit.doubt()


def back(turn: str) -> str:
    """What undoes a turn: most do that themselves."""
    left, right = "to the left", "to the right"
    return turn.replace(left, right) if left in turn else turn.replace(right, left)


def test_strings_along_the_rows_are_told_apart_from_strings_down_the_columns() -> None:
    truth = drawn(12)
    wrong = rle.encode(np.ascontiguousarray(truth.transpose(0, 2, 1)))  # as mask.ravel() has it
    along = [
        " ".join(f"{start} {length}" for start, length in _runs(mask.ravel())) for mask in truth
    ]
    assert along == wrong
    read = np.stack([rle.decode(row) for row in along])
    assert "run-length strings go along rows" in Fit.of(truth, read).doubt()


def _runs(flat: Masks) -> list[tuple[int, int]]:
    found, start = list[tuple[int, int]](), None
    for place, salt in enumerate([*flat.tolist(), False], 1):
        if salt and start is None:
            start = place
        elif not salt and start is not None:
            found.append((start, place - start))
            start = None
    return found


def test_the_mean_is_of_ious_of_masks_that_are_neither_nearly_empty_nor_nearly_full() -> None:
    first, second = drawn(6), drawn(6, seed=1)
    first[0], second[1], first[2] = False, False, True
    second[3, :] = False
    second[3, :2] = True  # 2 %
    fit = Fit.of(first, second)
    both, either = metric.overlap(first[4:], second[4:])
    assert fit.tiles == 2
    assert fit.iou[0] == pytest.approx((both / either).sum())


def test_parts_make_the_whole() -> None:
    first, second = drawn(30), drawn(30, seed=1)
    whole = Fit.of(first, second)
    parts = Fit.of(first[:13], second[:13]).joined(Fit.of(first[13:], second[13:]))
    assert parts.tiles == whole.tiles
    assert parts.iou == pytest.approx(whole.iou)


def test_few_tiles_and_masks_of_other_places_say_nothing() -> None:
    turned = TURNS["upside down"]
    assert Fit.of(drawn(ENOUGH), turned(drawn(ENOUGH))).doubt()
    assert Fit.of(drawn(ENOUGH - 1), turned(drawn(ENOUGH - 1))).doubt() == ""
    assert Fit().doubt() == ""
    assert Fit.of(np.zeros((3, 101, 101)), np.zeros((3, 101, 101))) == Fit()
    y, x = np.indices((101, 101))
    nearly_all = np.repeat(((y > 2) & (y < 98) & (x > 2) & (x < 98))[None], 20, axis=0)
    small = TURNS["mirrored"](drawn(20)) & (y > 60)
    inverse = metric.overlap(nearly_all, ~small)
    assert (inverse[0] / inverse[1]).mean() > 0.6  # and yet they are not inverted
    assert Fit.of(nearly_all, small).doubt() == ""
    assert Fit.of(small, nearly_all).doubt() == ""
    random = np.random.default_rng(0)
    assert Fit.of(drawn(20), random.random((20, 101, 101)) > 0.5).doubt() == ""


def test_masks_of_other_tiles_are_told() -> None:
    """Wedges in any place, so that no turn of one is like another."""
    random = np.random.default_rng(2)
    y, x = np.indices((101, 101))
    places = random.uniform(10, 90, (MANY, 2))
    true = np.stack([(y - a) ** 2 + (x - b) ** 2 < 900 for a, b in places])
    found = np.stack([(y - a - 2) ** 2 + (x - b) ** 2 < 900 for a, b in places])
    assert Fit.of(found, true).doubt() == ""
    shuffled = np.roll(true, 3, axis=0)
    doubt = Fit.of(found, shuffled).doubt()
    assert "no better than those of other tiles" in doubt
    assert f"over {MANY} tiles" in doubt
    assert Fit.of(found, shuffled).turned() == ""
    assert Fit.of(found[1:], shuffled[1:]).doubt() == ""


def test_of_many_some_are_looked_at() -> None:
    masks = np.repeat(drawn(10), MOST // 5, axis=0)
    fit = Fit.of(masks, masks)
    assert fit.tiles == MOST
    assert fit.iou[0] == pytest.approx(MOST)
