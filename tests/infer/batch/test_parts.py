from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.batch.parts import Parts, in_filled_parts, in_parts
from salt_infer.batch.result import BatchResult, from_outputs


def judged(tiles: np.ndarray, gated: bool, gate: np.float32) -> BatchResult:
    """A model whose judge is each tile's first pixel, and whose mask is the tile."""
    salt = tiles[:, 0, 0, 0].astype(np.float32) / 255
    probability = tiles.astype(np.float32) / 255
    if not gated:
        return from_outputs(tiles, probability, salt, None, gate)
    kept = np.flatnonzero(salt > gate)
    return from_outputs(tiles, probability[kept], salt, kept, gate)


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 20),
    size=st.integers(1, 8),
    views=st.integers(1, 2),
    gate=st.sampled_from([-1.0, 0.0, 0.5, 1.0]),
    gated=st.booleans(),
)
def test_parts_of_a_fixed_size_change_nothing(
    seed: int, count: int, size: int, views: int, gate: float, gated: bool
) -> None:
    tiles = np.random.default_rng(seed).integers(0, 256, (count, views, 3, 3), dtype=np.uint8)
    limit = np.float32(gate)

    def run(part: np.ndarray) -> BatchResult:
        assert part.shape == (size, views, 3, 3)
        return judged(part, gated, limit)

    seen, expected = in_filled_parts(run, tiles, size), judged(tiles, gated, limit)
    for name in ("probability", "salt", "kept"):
        np.testing.assert_array_equal(getattr(seen, name), getattr(expected, name))


def test_what_is_said_of_padding_is_dropped_even_if_it_is_salt() -> None:
    """Black tiles may well pass a gate below 0."""
    result = in_filled_parts(
        lambda part: judged(part, True, np.float32(-1)), np.full((3, 1, 2, 2), 9), 4
    )
    assert result.kept.tolist() == [0, 1, 2]
    assert len(result.salt) == len(result.probability) == 3


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 20),
    size=st.integers(1, 8),
    gate=st.sampled_from([-1.0, 0.5]),
    gated=st.booleans(),
)
def test_nor_do_parts_of_at_most_a_size(
    seed: int, count: int, size: int, gate: float, gated: bool
) -> None:
    tiles = np.random.default_rng(seed).integers(0, 256, (count, 2, 3, 3), dtype=np.uint8)
    limit, sizes = np.float32(gate), list[int]()

    def run(part: np.ndarray) -> BatchResult:
        sizes.append(len(part))
        return judged(part, gated, limit)

    seen, expected = in_parts(run, tiles, size), judged(tiles, gated, limit)
    for name in ("probability", "salt", "kept"):
        np.testing.assert_array_equal(getattr(seen, name), getattr(expected, name))
    assert sum(sizes) == count
    assert all(one == size for one in sizes[:-1])


def test_parts_abreast_keep_their_order() -> None:
    """The last is done first."""
    tiles = np.arange(7, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 3), np.uint8)
    gate = threading.Barrier(4)

    def run(part: np.ndarray) -> BatchResult:
        gate.wait(60)
        time.sleep(0.05 * (3 - part[0, 0, 0, 0] // 2))
        return judged(part, False, np.float32(0.5 / 255))

    with ThreadPoolExecutor(4) as pool:
        seen = in_parts(run, tiles, 2, pool.map)
    expected = judged(tiles, False, np.float32(0.5 / 255))
    for name in ("probability", "salt", "kept"):
        np.testing.assert_array_equal(getattr(seen, name), getattr(expected, name))


@pytest.mark.parametrize(
    ("parts", "views", "count", "expected"),
    [
        (Parts(8), 2, 32, 4), (Parts(8), 1, 32, 8), (Parts(32), 2, 32, 16), (Parts(8), 100, 5, 1),
        (Parts(8, 2), 2, 32, 4), (Parts(8, 2), 2, 5, 3), (Parts(8, 4), 1, 4, 1),
        (Parts(8, 4), 2, 0, 1),
    ],
)  # fmt: skip
def test_tiles_of_a_part(parts: Parts, views: int, count: int, expected: int) -> None:
    assert parts.size(count, views) == expected


def test_a_batch_of_nothing_is_run_once() -> None:
    tiles = np.empty((0, 2, 3, 3), np.uint8)
    assert len(in_parts(lambda part: judged(part, False, np.float32(0)), tiles, 1).salt) == 0
