from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.batch.result import BatchResult, Cancel, from_outputs, in_parts


def judged(tiles: np.ndarray, gated: bool, gate: np.float32) -> BatchResult:
    """A model whose judge is each tile's first pixel, and whose mask is the tile."""
    salt = tiles[:, 0, 0, 0].astype(np.float32) / 255
    probability = tiles.astype(np.float32) / 255
    if not gated:
        return from_outputs(probability, salt, None, gate)
    kept = np.flatnonzero(salt > gate)
    return from_outputs(probability[kept], salt, kept, gate)


@pytest.mark.parametrize("gated", [False, True])
def test_a_tile_with_a_probability_that_is_none_is_marked(gated: bool) -> None:
    """Whether or not the gate stops it: so it is where a device draws the masks."""
    salt, limit = np.array([0.9, 0.1, 0.8], np.float32), np.float32(0.5)
    probability = np.full((3, 2, 3, 3), 0.5, np.float32)
    probability[1, 1, 2, 0] = probability[2, 0, 1, 1] = np.nan
    kept = np.array([0, 2]) if gated else None
    found = from_outputs(probability[kept] if gated else probability, salt, kept, limit)
    spoilt = [False, not gated, True]  # a gated graph never looks at what it stops
    assert np.isnan(found.salt).tolist() == spoilt
    assert not np.isnan(salt).any()


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 20),
    size=st.integers(1, 8),
    views=st.integers(1, 2),
    gate=st.sampled_from([-1.0, 0.0, 0.5, 1.0]),
    gated=st.booleans(),
)
def test_a_fixed_batch_changes_nothing(
    seed: int, count: int, size: int, views: int, gate: float, gated: bool
) -> None:
    tiles = np.random.default_rng(seed).integers(0, 256, (count, views, 3, 3), dtype=np.uint8)
    limit = np.float32(gate)

    def run(part: np.ndarray) -> BatchResult:
        assert part.shape == (size, views, 3, 3)
        return judged(part, gated, limit)

    seen, expected = in_parts(run, tiles, size), judged(tiles, gated, limit)
    for name in ("probability", "salt", "kept"):
        np.testing.assert_array_equal(getattr(seen, name), getattr(expected, name))


def test_what_is_said_of_padding_is_dropped_even_if_it_is_salt() -> None:
    """Black tiles may well pass a gate below 0."""
    result = in_parts(lambda part: judged(part, True, np.float32(-1)), np.full((3, 1, 2, 2), 9), 4)
    assert result.kept.tolist() == [0, 1, 2]
    assert len(result.salt) == len(result.probability) == 3


def test_cancelling_ends_what_runs_and_what_comes_later() -> None:
    cancel, ended = Cancel(), threading.Event()
    with cancel.ends(ended.set):
        assert not cancel.cancelled
        cancel()
        assert ended.is_set()
    late = threading.Event()
    with cancel.ends(late.set):
        assert late.is_set()
    assert cancel.cancelled


def test_what_is_over_is_not_ended() -> None:
    cancel, ended = Cancel(), threading.Event()
    with pytest.raises(ValueError, match="over"), cancel.ends(ended.set):
        raise ValueError("over")
    cancel()
    assert not ended.is_set()
