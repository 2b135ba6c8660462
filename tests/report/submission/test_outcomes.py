from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from salt_infer.masks import metric
from salt_report.common.reading import LabelledTiles
from salt_report.submission import outcomes
from salt_report.submission.outcomes import BOUNDARY, FALSE, MISSED, NONE


def slow_score(truth: np.ndarray, predicted: np.ndarray) -> Fraction:
    """By the competition's text, in fractions."""
    a = {(y, x) for y, x in zip(*np.nonzero(truth), strict=True)}
    b = {(y, x) for y, x in zip(*np.nonzero(predicted), strict=True)}
    if not a and not b:
        return Fraction(1)
    iou = Fraction(len(a & b), len(a | b))
    return Fraction(sum(iou > Fraction(k, 20) for k in range(10, 20)), 10)


def slow_loss(truth: np.ndarray, predicted: np.ndarray, score: Fraction) -> str:
    if truth.any() and not predicted.any():
        return MISSED
    if predicted.any() and not truth.any():
        return FALSE
    return NONE if score == 1 else BOUNDARY


@pytest.fixture(scope="module")
def outcome(drawn: LabelledTiles, predicted: np.ndarray) -> pd.DataFrame:
    return outcomes.table(drawn.ids, drawn.masks, predicted)


@pytest.fixture(scope="module")
def slow(drawn: LabelledTiles, predicted: np.ndarray) -> list[tuple[Fraction, str, int, int]]:
    """Score, loss and pixels of each tile, one by one."""
    found = []
    for truth, mask in zip(drawn.masks, predicted, strict=True):
        score = slow_score(truth, mask)
        pixels = (int(truth.sum()), int(mask.sum()))
        found.append((score, slow_loss(truth, mask, score), *pixels))
    return found


def test_the_table_says_of_each_tile_what_a_slow_count_does(
    outcome: pd.DataFrame, slow: list[tuple[Fraction, str, int, int]], drawn: LabelledTiles
) -> None:
    assert outcome.index.tolist() == list(drawn.ids)
    for row, (score, loss, truth, mask) in zip(outcome.itertuples(), slow, strict=True):
        assert row.score == pytest.approx(float(score))
        assert (row.group, row.loss, row.truth_px, row.predicted_px) == (
            10 * score,
            loss,
            truth,
            mask,
        )
        assert row.wrong_px == row.union - row.intersection == truth + mask - 2 * row.intersection
    assert set(outcome.loss) == {MISSED, FALSE, BOUNDARY, NONE}


def test_points_lost_sum_up(
    outcome: pd.DataFrame, slow: list[tuple[Fraction, str, int, int]]
) -> None:
    lost = outcomes.losses(outcome)
    assert list(lost.index) == list(outcomes.LOSSES)
    for cause, row in lost.iterrows():
        of_cause = [1 - score for score, loss, *_ in slow if loss == cause]
        assert row.tiles == len(of_cause)
        assert row.points == pytest.approx(float(sum(of_cause)) / 60)
    assert lost.points.sum() == pytest.approx(1 - outcome.score.mean())


def test_headline(outcome: pd.DataFrame, drawn: LabelledTiles, predicted: np.ndarray) -> None:
    head = outcomes.headline(outcome, 10201)
    assert head.score == pytest.approx(metric.score(drawn.masks, predicted).mean)
    assert (head.low, head.high) == metric.interval(outcome.score.to_numpy())
    assert head.all_empty == metric.score(drawn.masks, np.zeros_like(predicted)).mean
    assert head.all_full == pytest.approx(metric.score(drawn.masks, np.ones_like(predicted)).mean)
    told = [
        slow_score(truth, mask) if truth.any() == mask.any() else 1
        for truth, mask in zip(drawn.masks, predicted, strict=True)
    ]
    assert head.perfect_presence == pytest.approx(float(sum(told)) / 60)


def test_precision_at_each_threshold(outcome: pd.DataFrame) -> None:
    shares = outcomes.at_thresholds(outcome)
    assert shares.index.tolist() == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
    assert shares["all"].mean() == pytest.approx(outcome.score.mean())
    both = outcome[(outcome.truth_px > 0) & (outcome.predicted_px > 0)]
    for iou, share in shares.salt_in_both.items():
        twentieths = round(20 * iou)
        above = 20 * both.intersection > twentieths * both.union
        assert share == pytest.approx(above.mean())


def test_groups_and_presence(
    outcome: pd.DataFrame, slow: list[tuple[Fraction, str, int, int]]
) -> None:
    counts = outcomes.groups(outcome)
    for group in range(11):
        mine = [truth > 0 for score, _, truth, _ in slow if 10 * score == group]
        row = counts.loc[group]
        assert (row["tiles"], row["salt"], row["empty"]) == (
            len(mine),
            sum(mine),
            len(mine) - sum(mine),
        )
    found = outcomes.presence(outcome, 10201)
    pairs = [(truth > 0, mask > 0) for _, _, truth, mask in slow]
    expected = [
        pairs.count(it) for it in ((True, True), (True, False), (False, True), (False, False))
    ]
    assert [found.found, found.missed, found.false, found.clear] == expected
    assert found.accuracy == (expected[0] + expected[3]) / 60
    filled = sum(truth == 0 and mask >= 10099 for _, _, truth, mask in slow)
    assert found.false_full == filled > 0
    assert found.missed_full == sum(mask == 0 and truth >= 10099 for _, _, truth, mask in slow)


def test_pixels_as_other_programs_count_them(
    outcome: pd.DataFrame, drawn: LabelledTiles, predicted: np.ndarray
) -> None:
    truth, mask = drawn.masks > 0, predicted > 0
    found = outcomes.pixel_counts(outcome, 10201)
    both = int((truth & mask).sum())
    assert (found.found, found.missed) == (both, int((truth & ~mask).sum()))
    assert (found.false, found.clear) == (int((~truth & mask).sum()), int((~truth & ~mask).sum()))
    assert found.iou == pytest.approx(both / (truth | mask).sum())
    assert found.dice == pytest.approx(2 * both / (truth.sum() + mask.sum()))
    salt = [pair for pair in zip(truth, mask, strict=True) if pair[0].any()]
    ious = [(one & other).sum() / (one | other).sum() for one, other in salt]
    dices = [2 * (one & other).sum() / (one.sum() + other.sum()) for one, other in salt]
    assert found.tile_iou == pytest.approx(np.mean(ious))
    assert found.tile_dice == pytest.approx(np.mean(dices))


def test_without_salt_there_are_no_such_measures() -> None:
    empty = np.zeros((3, 101, 101), np.uint8)
    found = outcomes.pixel_counts(outcomes.table(["a", "b", "c"], empty, empty), 10201)
    assert (found.found, found.missed, found.false, found.clear) == (0, 0, 0, 3 * 10201)
    assert all(map(math.isnan, (found.iou, found.dice, found.tile_iou, found.tile_dice)))


def test_parts_cost_what_they_lose(outcome: pd.DataFrame, drawn: LabelledTiles) -> None:
    parts = outcomes.by_class(outcome)
    assert parts.index.tolist() == [str(number) for number in sorted(set(drawn.classes.tolist()))]
    assert parts.points.sum() == pytest.approx(1 - outcome.score.mean())
    assert (parts.tiles.sum(), parts.missed.sum()) == (60, (outcome.loss == MISSED).sum())
    for name, row in parts.iterrows():
        mine = outcome[drawn.classes == int(name)]
        assert row.score == pytest.approx(mine.score.mean())
        assert (row.low, row.high) == metric.interval(mine.score.to_numpy())
        assert row["false"] == (mine.loss == FALSE).sum()


def test_parts_without_tiles_are_left_out(outcome: pd.DataFrame) -> None:
    assert outcomes.of_parts(outcome, {"none": np.zeros(60, bool)}).empty


def test_a_single_tile() -> None:
    empty = np.zeros((1, 101, 101), np.uint8)
    outcome = outcomes.table(["a"], empty, empty)
    assert outcomes.headline(outcome, 10201).score == 1
    assert np.isnan(outcomes.at_thresholds(outcome).salt_in_both).all()
    assert outcomes.losses(outcome).points.sum() == 0


def of(truth_px: int, predicted_px: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Tiles with so many pixels of salt, and masks of so many, from the first one on."""
    masks = np.zeros((2, count, 101 * 101), np.uint8)
    masks[0, :, :truth_px] = 1
    masks[1, :, :predicted_px] = 1
    return masks[0].reshape(-1, 101, 101), masks[1].reshape(-1, 101, 101)


@pytest.mark.parametrize(
    ("tiles", "says"),
    [
        ([of(500, 500, 5)], ""),
        (
            [of(500, 0, 3), of(500, 400, 2)],
            "79% of the points went to missed salt: see .* lower g",
        ),
        ([of(0, 9, 3), of(0, 900, 2)], r"100% .* false salt: 3 of these .* --min-area 51 leaves"),
        (
            [of(0, 9, 2), of(0, 900, 3)],
            "100% of the points went to false salt: .* higher gate",
        ),
        (
            [of(500, 300, 9), of(0, 9, 1)],
            r"outlines: .* 0\.60 .* lower threshold; 0 of these 9",
        ),
        (
            [of(500, 900, 9)],
            r"outlines: .* 1\.80 .* a higher threshold; 0 of these 9",
        ),
        ([of(500, 900, 1), of(900, 500, 1)], "about as large as the salt, so it takes a better"),
        ([of(500, 200, 3)], "lower threshold; 3 of these 3 tiles have an IoU of .5 or less"),
    ],
)
def test_what_to_try_first(tiles: list[tuple[np.ndarray, np.ndarray]], says: str) -> None:
    truth, masks = (np.concatenate(each) for each in zip(*tiles, strict=True))
    ids = [str(place) for place in range(len(truth))]
    found = outcomes.advice(outcomes.table(ids, truth, masks))
    assert re.search(says or "^$", found), found
