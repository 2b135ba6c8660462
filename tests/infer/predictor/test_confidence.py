from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from salt_infer.data.factory import open_tiles
from salt_infer.execution.pipeline import RunOptions, finished_groups
from salt_infer.execution.results import FinishedGroup
from salt_infer.execution.stage_clock import StageClock
from salt_infer.predictor import confidence
from salt_infer.predictor.model import SaltModel

Case = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # what of_tiles takes


def slowly(salt: np.ndarray, kept: np.ndarray, maps: np.ndarray, masks: np.ndarray) -> list[float]:
    """The definition, pixel by pixel in double precision."""
    result = []
    for tile, chance in enumerate(salt.tolist()):
        expected = 1 - chance
        if tile in kept:
            index = kept.tolist().index(tile)
            pixels = list(zip(maps[index].ravel().tolist(), masks[index].ravel(), strict=True))
            if masks[index].any():
                inside = math.fsum(p for p, drawn in pixels if drawn)
                union = math.fsum(1 if drawn else p for p, drawn in pixels)
                expected = chance * inside / union
        result.append(expected)
    return result


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Up to 6 tiles of 5x7 pixels, any of them kept, with any masks."""
    share = st.floats(0, 1, width=32)
    salt = draw(hnp.arrays(np.float32, st.integers(1, 6), elements=share))
    kept = np.flatnonzero(draw(hnp.arrays(np.bool_, len(salt))))
    maps = draw(hnp.arrays(np.float32, (len(kept), 5, 7), elements=share))
    return salt, kept, maps, draw(hnp.arrays(np.bool_, maps.shape))


@given(cases())
def test_it_is_the_definition_and_within_0_and_1(case: Case) -> None:
    given_salt = case[0].copy()
    result = confidence.of_tiles(*case)
    assert result.dtype == np.float32
    assert result.tolist() == pytest.approx(slowly(*case), abs=1e-6)
    assert ((result >= 0) & (result <= 1)).all()
    np.testing.assert_array_equal(case[0], given_salt)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.001, 0.3, 0.5, 0.999]))
def test_a_whole_tile_is_summed_exactly_enough(seed: int, threshold: float) -> None:
    random = np.random.default_rng(seed)
    maps = random.random((2, 101, 101), dtype=np.float32) ** np.float32(random.uniform(0.01, 20))
    case = np.array([0.9, 1.0], np.float32), np.arange(2), maps, maps > threshold
    result = confidence.of_tiles(*case)
    assert result.tolist() == pytest.approx(slowly(*case), abs=1e-5)
    assert ((result >= 0) & (result <= 1)).all()


def test_by_hand() -> None:
    maps = np.array([[[1.0, 0.5], [0.5, 0.0]], [[0.4, 0.1], [0.2, 0.3]]], np.float32)
    salt = np.array([0.8, 0.3, 0.6], np.float32)
    result = confidence.of_tiles(salt, np.array([0, 2]), maps, maps > 0.5)
    # One pixel of 1.0 drawn, 0.5 + 0.5 left out: an IoU of 1 / 2. Then: not kept. Then: kept, but
    # no pixel is above the threshold.
    assert result.tolist() == pytest.approx([0.8 * 0.5, 0.7, 0.4])


def test_a_mask_of_pixels_that_are_surely_not_salt() -> None:
    nothing = np.zeros((1, 4, 4), np.float32)
    assert confidence.expected_iou(nothing, np.ones((1, 4, 4), bool)).tolist() == [0.0]
    assert confidence.expected_iou(nothing, np.zeros((1, 4, 4), bool)).tolist() == [0.0]


def test_no_tile_is_kept() -> None:
    salt = np.array([0.0, 0.25, 1.0], np.float32)
    none = np.empty((0, 101, 101), np.float32)
    result = confidence.of_tiles(salt, np.empty(0, np.int64), none, none > 0.5)
    assert result.tolist() == [1.0, 0.75, 0.0]


def test_a_model_that_gives_nan_is_not_sure() -> None:
    maps = np.full((2, 3, 3), 0.9, np.float32)
    maps[0, 1, 1] = np.nan
    salt = np.array([0.9, 0.9, np.nan], np.float32)
    result = confidence.of_tiles(salt, np.array([0, 1]), maps, maps > 0.5)
    assert result.tolist() == pytest.approx([0.0, 0.9 * 0.9, 0.0])


OPTIONS = RunOptions(batch_size=7, details=True)


def batches_of(
    tiles: Path, model: Path, gate: float = 0.0, options: RunOptions = OPTIONS
) -> list[FinishedGroup]:
    loaded = SaltModel.load(model, gate=gate, threads=1)
    with open_tiles(tiles) as source:
        return list(finished_groups(source, loaded, options, StageClock()))


def details_of(
    tiles: Path, model: Path, gate: float = 0.0, options: RunOptions = OPTIONS
) -> tuple[np.ndarray, np.ndarray]:
    batches = batches_of(tiles, model, gate, options)
    sure = [batch.confidence for batch in batches if batch.confidence is not None]
    salt = [batch.salt for batch in batches]
    return np.concatenate(salt), np.concatenate(sure)


@pytest.mark.slow
def test_dense_and_gated_models_are_equally_sure(
    tile_folder: Path, dense_model: Path, gated_model: Path
) -> None:
    tiles = tile_folder / "tiles"
    salt, _ = details_of(tiles, dense_model)
    middle = float(np.sort(salt)[19:21].mean())
    for gate, kept in ((0.0, 40), (middle, 20), (1.0, 0)):
        by_dense, by_gated = (details_of(tiles, m, gate)[1] for m in (dense_model, gated_model))
        assert by_dense.shape == by_gated.shape == (40,)
        np.testing.assert_allclose(by_gated, by_dense, atol=1e-4)
        drawn = np.abs(by_gated - (1 - salt)) > 1e-4
        assert drawn.tolist() == (salt > gate).tolist()
        assert drawn.sum() == kept


@pytest.mark.slow
def test_it_does_not_depend_on_batches(tile_folder: Path, gated_model: Path) -> None:
    tiles = tile_folder / "tiles"
    _, expected = details_of(tiles, gated_model)
    for size in (1, 64):
        options = dataclasses.replace(OPTIONS, batch_size=size)
        np.testing.assert_allclose(
            details_of(tiles, gated_model, options=options)[1], expected, atol=1e-6
        )


def test_it_costs_nothing_unless_asked_for(tile_folder: Path, gated_model: Path) -> None:
    options = dataclasses.replace(OPTIONS, details=False)
    batches = batches_of(tile_folder / "tiles", gated_model, options=options)
    assert [batch.confidence for batch in batches] == [None] * 6
