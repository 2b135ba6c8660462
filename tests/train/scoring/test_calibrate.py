from __future__ import annotations

import dataclasses
import hashlib
import json
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from salt_infer.masks import metric
from salt_train.data.dataset import Dataset
from salt_train.scoring.calibrate import (
    GATES,
    THRESHOLDS,
    choose,
    cross_fitted,
    final_scores,
    fits,
    grid,
)
from salt_train.scoring.evaluate import Decision, Prediction

DEFAULT = Decision()
COUNT = 40
SALT = np.arange(COUNT) % 2 == 0  # every other tile has salt


def dataset(has_salt: npt.NDArray[np.bool_]) -> Dataset:
    """Tiles with a square of salt, or none."""
    masks = np.zeros((len(has_salt), 101, 101), np.uint8)
    masks[has_salt, 30:60, 30:60] = 1
    ids = tuple(f"tile-{index:03d}" for index in range(len(has_salt)))
    return Dataset(ids, np.zeros_like(masks), masks)


DATA = dataset(SALT)


def planted(edge_in: float, edge_out: float, yes: float, no: float) -> Prediction:
    """Squares with an edge of ``edge_in`` inside and of ``edge_out`` around, in every tile: only
    thresholds between the two give the true mask. Salt is ``yes`` where there is some, else ``no``.
    """
    probability = np.full((COUNT, 101, 101), 0.1, np.float32)
    probability[:, 25:65, 25:65] = edge_out
    probability[:, 30:60, 30:60] = edge_in
    probability[:, 35:55, 35:55] = 0.9
    return Prediction(probability, np.where(SALT, yes, no).astype(np.float32))


def test_what_is_drawn_where_masks_are_unknown_is_no_error() -> None:
    """Whoever calls it."""
    unknown = np.zeros_like(DATA.masks)
    unknown[::2, 20:60, 20:60] = 1
    data = dataclasses.replace(DATA, masks=DATA.masks * (1 - unknown), unknown=unknown)
    drawn = np.where(DATA.masks + unknown > 0, 0.9, 0.1).astype(np.float32)
    sure = Prediction(drawn, np.where(data.has_salt, 0.95, 0.05).astype(np.float32))
    assert final_scores(sure, sure, data, Decision())["score"] == 1.0


def test_a_judge_is_not_held_against_tiles_that_may_have_salt_where_they_are_unknown() -> None:
    unknown = np.zeros_like(DATA.masks)
    unknown[:10, 30:60] = 1  # all of their salt
    data = dataclasses.replace(DATA, masks=DATA.masks * (1 - unknown), unknown=unknown)
    assert data.told.tolist() == [*[False] * 10, *[True] * 30]
    found = planted(edge_in=0.67, edge_out=0.2, yes=0.9, no=0.1).where_known(data)
    scores = final_scores(found, found, data, DEFAULT)
    assert scores["judge_accuracy"] == scores["score"] == 1.0
    blank = data.subset(np.arange(COUNT) < 10)
    assert final_scores(*[found.subset(np.arange(COUNT) < 10)] * 2, blank, DEFAULT)["score"] == 1.0


def test_a_planted_optimum_is_found() -> None:
    # Right are .55, .60, .65 and .80, .85, .90: the middle has right neighbours alone.
    prediction = planted(edge_in=0.67, edge_out=0.52, yes=0.93, no=0.77)
    decision = choose(prediction, DATA.masks, DEFAULT)
    assert decision == Decision(0.60, 0.85)
    assert metric.score(DATA.masks, prediction.masks(decision)).mean == 1.0
    assert metric.score(DATA.masks, prediction.masks(DEFAULT)).mean < 0.6
    low = planted(edge_in=0.47, edge_out=0.32, yes=0.23, no=0.07)
    assert choose(low, DATA.masks, DEFAULT) == Decision(0.40, 0.15)


def test_a_single_lucky_point_does_not_win_over_a_plateau() -> None:
    """A gate of .30 is right for 36 tiles, but its neighbours are not; .60 to .90 are for 34."""
    prediction = planted(edge_in=0.99, edge_out=0.01, yes=0.93, no=0.27)
    prediction.salt[np.flatnonzero(SALT)[:6]] = 0.33
    prediction.salt[np.flatnonzero(~SALT)[:4]] = 0.57
    scores = [
        metric.score(DATA.masks, prediction.masks(Decision(0.5, float(gate)))).mean
        for gate in GATES
    ]
    assert GATES[np.argmax(scores)] == 0.30
    assert max(scores) == 36 / 40
    decision = choose(prediction, DATA.masks, DEFAULT)
    assert 0.60 < decision.gate <= 0.90


def test_the_grid_compares_as_masks_are_made() -> None:
    """In float64, float32(0.55) is above 0.55."""
    salt = np.tile(GATES.astype(np.float32), 3)[:COUNT]
    probability = np.zeros((COUNT, 101, 101), np.float32)
    probability[:, 30:60, 30:60] = np.repeat(THRESHOLDS.astype(np.float32), 5)[:COUNT, None, None]
    prediction = Prediction(probability, salt)
    scores = grid(prediction, DATA.masks)
    for (row, threshold), (column, gate) in product(enumerate(THRESHOLDS), enumerate(GATES)):
        masks = prediction.masks(Decision(float(threshold), float(gate)))
        np.testing.assert_array_equal(scores[row, column], metric.score(DATA.masks, masks).per_tile)


@pytest.mark.parametrize(
    ("default", "chosen"),
    [
        (Decision(), Decision(0.50, 0.55)),  # the grid's next to 0.5556
        (Decision(0.35, 0.20), Decision(0.35, 0.20)),
        (Decision(0.90, 0.99), Decision(0.70, 0.95)),
    ],
)
def test_of_equals_the_one_next_to_the_default_is_taken(
    default: Decision, chosen: Decision
) -> None:
    sure = planted(edge_in=0.99, edge_out=0.01, yes=0.99, no=0.01)
    assert choose(sure, DATA.masks, default) == chosen


@pytest.mark.parametrize(("mistaken", "gate"), [(0, 0.55), (1, 0.55), (4, 0.70)])
def test_what_chance_may_have_done_moves_nothing(mistaken: int, gate: float) -> None:
    """So many tiles without salt pass gates up to .60: one of 40 tells nothing, four do."""
    prediction = planted(edge_in=0.99, edge_out=0.01, yes=0.99, no=0.01)
    prediction.salt[np.flatnonzero(~SALT)[:mistaken]] = 0.62
    assert choose(prediction, DATA.masks, DEFAULT) == Decision(0.50, gate)


@pytest.mark.parametrize("count", [0, 1])
def test_with_less_than_two_tiles_the_default_stays(count: int) -> None:
    wrong = Prediction(np.zeros((count, 101, 101), np.float32), np.zeros(count, np.float32))
    assert choose(wrong, DATA.masks[1 : 1 + count], DEFAULT) is DEFAULT


def first_half(ids: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    return np.array([hashlib.sha256(name.encode()).digest()[0] % 2 == 0 for name in ids])


def test_a_tile_has_no_say_in_its_own_decision() -> None:
    """In one half the labels are the other way round: salt where the judge says no. What suits one
    half is the worst for the other, and that is what it is scored by.
    """
    half = first_half(DATA.ids)
    assert 10 < np.count_nonzero(half) < 30
    prediction = planted(edge_in=0.99, edge_out=0.01, yes=0.93, no=0.77)
    data = dataset(np.where(half, ~SALT, SALT))
    own = choose(
        Prediction(prediction.probability[~half], prediction.salt[~half]),
        data.masks[~half],
        DEFAULT,
    )
    own_score = metric.score(data.masks, prediction.masks(own)).per_tile
    assert own_score[~half].mean() == 1.0  # a half that chose for itself would be right everywhere
    per_tile, passed = cross_fitted(prediction, data, DEFAULT)
    assert per_tile[~half].mean() < 0.6
    for mine in (half, ~half):
        others = Prediction(prediction.probability[~mine], prediction.salt[~mine])
        decision = choose(others, data.masks[~mine], DEFAULT)
        expected = metric.score(data.masks, prediction.masks(decision)).per_tile
        np.testing.assert_array_equal(per_tile[mine], expected[mine])
        np.testing.assert_array_equal(passed[mine], prediction.salt[mine] > decision.gate)


def test_labels_of_a_half_do_not_reach_its_own_masks() -> None:
    """Whatever one half's labels are, which of its tiles pass is the same."""
    half = first_half(DATA.ids)
    random = np.random.default_rng(0)
    salt = random.random(COUNT).astype(np.float32)
    prediction = Prediction(planted(0.99, 0.01, 0, 0).probability, salt)
    seen = {True: set[bytes](), False: set[bytes]()}
    for _ in range(8):
        data = dataset(np.where(half, random.random(COUNT) < 0.5, SALT))
        _, passed = cross_fitted(prediction, data, DEFAULT)
        for mine in (True, False):
            seen[mine].add(passed[half == mine].tobytes())
    assert len(seen[True]) == 1
    assert len(seen[False]) > 1


def test_the_halves_do_not_depend_on_the_order_of_tiles() -> None:
    order = np.random.default_rng(0).permutation(COUNT)
    prediction = planted(edge_in=0.67, edge_out=0.52, yes=0.93, no=0.77)
    prediction.salt[:] += np.linspace(-0.2, 0.05, COUNT, dtype=np.float32)
    shuffled = Dataset(tuple(DATA.ids[i] for i in order), DATA.tiles[order], DATA.masks[order])
    moved = Prediction(prediction.probability[order], prediction.salt[order])
    for straight, turned in zip(
        cross_fitted(prediction, DATA, DEFAULT), cross_fitted(moved, shuffled, DEFAULT), strict=True
    ):
        np.testing.assert_array_equal(straight[order], turned)


def test_what_a_run_reports() -> None:
    prediction = planted(edge_in=0.99, edge_out=0.01, yes=0.93, no=0.07)
    # The judge misses two tiles with salt, and sees some in three without.
    prediction.salt[[0, 2]] = 0.01
    prediction.salt[[1, 3, 5]] = 0.97
    plain = Prediction(np.zeros_like(prediction.probability), np.zeros_like(prediction.salt))
    scores = final_scores(prediction, plain, DATA, DEFAULT)
    per_tile, _ = cross_fitted(prediction, DATA, DEFAULT)
    assert scores["score"] == per_tile.mean() == pytest.approx(35 / 40)
    assert scores["score_interval"] == list(metric.interval(per_tile))
    assert scores["score_interval"][0] < scores["score"] < scores["score_interval"][1]
    assert scores["score_standard_error"] == pytest.approx(np.sqrt(35 / 40 * 5 / 40 / 40))
    # A square of 900 pixels is the first class; no other has tiles.
    assert scores["score_by_class"] == [17 / 20, 18 / 20] + [None] * 9
    assert (scores["false_salt"], scores["missed_salt"]) == (3, 2)
    assert scores["judge_accuracy"] == scores["presence_accuracy"] == pytest.approx(35 / 40)
    assert scores["score_without_tta"] == 0.5
    assert scores["score_ungated"] == 0.5  # every tile gets its square
    assert scores["score_with_perfect_gate"] == 1.0
    assert scores["score_of_empty_masks"] == 0.5
    assert scores["tiles"] == 40
    assert json.loads(json.dumps(scores)) == scores


def test_what_is_said_beside_a_score_differs_in_one_thing_alone() -> None:
    """Threshold and gate are those of the score, and neither the neutral ones nor chosen anew."""
    prediction = planted(edge_in=0.67, edge_out=0.52, yes=0.93, no=0.77)
    decision = Decision(0.60, 0.85)
    assert choose(prediction, DATA.masks, DEFAULT) == decision
    assert [each for _, each in fits(prediction, DATA, DEFAULT)] == [decision] * 2
    # Of one view, these are right by a lower threshold and a lower gate, and wrong by those.
    plain = planted(edge_in=0.47, edge_out=0.32, yes=0.83, no=0.07)
    scores = final_scores(prediction, plain, DATA, DEFAULT)
    assert scores["score"] == 1.0
    assert (
        scores["score_without_tta"] == metric.score(DATA.masks, plain.masks(decision)).mean == 0.5
    )
    assert cross_fitted(plain, DATA, DEFAULT)[0].mean() == 1.0
    # The squares are right in all tiles with salt, and there is one in each of the others.
    assert scores["score_ungated"] == 0.5
    assert scores["score_with_perfect_gate"] == 1.0
    assert metric.score(DATA.masks, prediction.masks(Decision(DEFAULT.threshold, 0.0))).mean < 0.5
