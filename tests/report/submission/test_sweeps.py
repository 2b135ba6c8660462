from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from salt_infer.data.probabilities import Probabilities
from salt_infer.masks import metric
from salt_report.common.reading import LabelledTiles
from salt_report.errors import ReportError
from salt_report.submission import sweeps


@pytest.fixture(scope="module", params=["u1", "f2", "f4"])
def given(request: pytest.FixtureRequest, predicted: np.ndarray) -> Probabilities:
    random = np.random.default_rng(3)
    values = np.clip(predicted * 0.6 + random.uniform(0, 0.5, predicted.shape), 0, 1)
    scaled = np.rint(values * 255) if request.param == "u1" else values
    salt = random.uniform(size=len(predicted)).round(2)
    salt[10] = math.nan
    return Probabilities(scaled.astype(request.param), salt)


def slow_score(truth: np.ndarray, given: Probabilities, threshold: float, gate: float) -> float:
    """A mask for each tile, one by one."""
    scale = 255 if given.probability.dtype == np.uint8 else 1
    masks = np.zeros_like(truth)
    for place, (probability, salt) in enumerate(zip(given.probability, given.salt, strict=True)):
        if salt > gate:
            masks[place] = probability.astype(np.float32) / np.float32(scale) > np.float32(
                threshold
            )
    return metric.score(truth, masks).mean


def test_each_point_is_the_score_of_its_masks(drawn: LabelledTiles, given: Probabilities) -> None:
    found = sweeps.sweep(drawn.masks, given, threshold=0.5, gate=0.37)
    assert found.score == pytest.approx(slow_score(drawn.masks, given, 0.5, 0.37))
    for threshold, gate in ((0.05, 0.0), (0.5, 0.5), (0.95, 0.95), (0.3, 0.65)):
        expected = slow_score(drawn.masks, given, threshold, gate)
        assert found.grid.at[threshold, gate] == pytest.approx(expected)
    for threshold in (0.05, 0.6):
        expected = slow_score(drawn.masks, given, threshold, 0.37)
        assert found.by_threshold[threshold] == pytest.approx(expected)
    for gate in (0.0, 0.8):
        assert found.by_gate[gate] == pytest.approx(slow_score(drawn.masks, given, 0.5, gate))


def test_the_best_pair(drawn: LabelledTiles, given: Probabilities) -> None:
    found = sweeps.sweep(drawn.masks, given, 0.5, 0.5)
    threshold, gate, best = found.best
    assert best == found.grid.to_numpy().max() == found.grid.at[threshold, gate]
    assert len(set(found.grid.to_numpy().ravel())) > 10


def test_the_given_pair_is_best_where_none_of_the_grid_is_better(
    drawn: LabelledTiles, given: Probabilities
) -> None:
    found = sweeps.sweep(drawn.masks, given, 0.5, 0.5)
    better = dataclasses.replace(found, threshold=0.47, gate=0.51, score=found.best[2] + 0.001)
    assert better.best == (0.47, 0.51, better.score)


def test_pixels_of_tiles_that_the_gate_stops_are_not_undecided(drawn: LabelledTiles) -> None:
    """Whatever the network says of them: their masks are empty."""
    at = np.full(drawn.masks.shape, 128, np.uint8)
    salt = np.where(np.arange(len(at)) % 4 == 0, 0.9, 0.2)
    at[::4] = 255
    found = sweeps.undecided(Probabilities(at, salt), 128 / 255, 0.5)
    assert found == 0
    assert sweeps.undecided(Probabilities(at, salt), 1.0, 0.5) == pytest.approx(1 / 4)
    assert sweeps.undecided(Probabilities(at, salt), 128 / 255, 0.1) == pytest.approx(3 / 4)


def test_blocks_do_not_show(
    drawn: LabelledTiles, given: Probabilities, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sweeps.sweep(drawn.masks, given, 0.5, 0.5)
    monkeypatch.setattr("salt_infer.data.probabilities.BLOCK", 7)
    assert sweeps.sweep(drawn.masks, given, 0.5, 0.5).grid.equals(whole.grid)


def test_no_more_than_255_thirds_is_one() -> None:
    """255 means 1.0: half of it, 127.5, is between 127 and 128."""
    values = np.zeros((1, 101, 101), np.uint8)
    values[0, 0, :3] = 127, 128, 255
    (_, block), *_ = Probabilities(values, np.ones(1)).blocks()
    assert (block > np.float32(0.5))[0, 0, :3].tolist() == [False, True, True]
    assert block.max() == 1


@pytest.fixture(scope="module")
def stopped(given: Probabilities) -> Probabilities:
    """The same, as a run with gate .4 writes them."""
    kept = np.nan_to_num(given.salt) > 0.4
    return Probabilities(given.probability * kept[:, None, None].astype("u1"), given.salt)


def test_gates_below_that_of_the_run_are_not_tried(
    drawn: LabelledTiles, given: Probabilities, stopped: Probabilities
) -> None:
    whole, found = (sweeps.sweep(drawn.masks, it, 0.5, 0.45) for it in (given, stopped))
    assert whole.lowest_gate == 0
    assert 0.3 < found.lowest_gate <= 0.4
    assert found.grid.columns.min() == found.by_gate.index.min() == 0.4
    assert found.grid.equals(whole.grid.loc[:, 0.4:])
    assert found.score == whole.score
    assert found.best[1] >= 0.4


def test_a_gate_below_that_of_the_run_is_refused(
    drawn: LabelledTiles, stopped: Probabilities
) -> None:
    with pytest.raises(ReportError, match=r"gate 0.2 cannot be tried: .* --gate 0$"):
        sweeps.sweep(drawn.masks, stopped, 0.5, 0.2)


def test_zeros_above_the_files_own_gate_are_what_the_network_said(
    drawn: LabelledTiles, given: Probabilities
) -> None:
    """uint8 has none below 1/510: the least likely tile may well be all zeros."""
    probability = given.probability.copy()
    probability[np.nanargmin(given.salt)] = 0
    found = sweeps.sweep(drawn.masks, Probabilities(probability, given.salt, gate=0.0), 0.5, 0.0)
    assert found.lowest_gate == 0


def test_a_gate_above_all_that_are_tried(drawn: LabelledTiles) -> None:
    """The run's gate was .97, which one tile passed."""
    salt = np.linspace(0, 0.98, len(drawn.masks))
    probability = np.zeros((len(salt), 101, 101), np.uint8)
    probability[-1] = 255
    found = sweeps.sweep(drawn.masks, Probabilities(probability, salt), 0.5, 0.97)
    assert found.grid.columns.tolist() == [0.97]
    assert found.best[1:] == (0.97, found.score)


def test_gates_are_compared_as_masks_are_made(drawn: LabelledTiles) -> None:
    """In float32: .6 is not above .6, though its float64 is."""
    salt = np.full(60, 0.6, np.float32).astype(np.float64)
    assert (salt > 0.6).all()
    full = Probabilities(np.full((60, 101, 101), 255, np.uint8), salt, gate=0.6)
    found = sweeps.sweep(drawn.masks, full, 0.5, 0.6)
    assert found.score == metric.score(drawn.masks, np.zeros_like(drawn.masks)).mean
    assert found.by_gate[0.6] == found.score
    assert found.by_gate[0.55] == metric.score(drawn.masks, np.ones_like(drawn.masks)).mean


def test_where_the_files_own_gate_stopped_all_no_lower_one_is_told_of(
    drawn: LabelledTiles,
) -> None:
    nothing = np.zeros((60, 101, 101), np.uint8)
    stopped = Probabilities(nothing, np.full(60, 0.3), gate=0.556)
    found = sweeps.sweep(drawn.masks, stopped, 0.5, 0.556)
    assert found.lowest_gate == 0.3
    assert found.grid.columns.min() == 0.3
    with pytest.raises(ReportError, match=r"gate 0\.2 cannot be tried"):
        sweeps.sweep(drawn.masks, stopped, 0.5, 0.2)


def test_zeros_alone_are_what_the_network_said(drawn: LabelledTiles) -> None:
    """No tile has a probability, so no gate can have stopped the less likely ones."""
    nothing = Probabilities(np.zeros((60, 101, 101), np.uint8), np.linspace(0, 1, 60))
    found = sweeps.sweep(drawn.masks, nothing, 0.5, 0.1)
    assert found.lowest_gate == 0
    assert len(found.grid.columns) == len(sweeps.GATES)
