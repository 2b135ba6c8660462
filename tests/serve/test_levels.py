from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from salt_serve import levels

shares = st.floats(0, 1, width=32)


@given(
    probability=arrays.arrays(np.float32, (7, 5), elements=shares),
    threshold=st.floats(0, 1),
    pixels=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4), st.integers(0, 201))),
)
def test_masks_at_every_level_are_those_of_the_full_numbers(
    probability: np.ndarray, threshold: float, pixels: list[tuple[int, int, int]]
) -> None:
    steps = levels.levels(threshold)
    for row, column, index in pixels:  # right on a level is where an error would show
        probability[row, column] = np.float32(steps[min(index, len(steps) - 1)])
    above = levels.above(probability, steps)
    assert above.dtype == np.uint8
    assert above.shape == probability.shape
    for index, level in enumerate(steps):
        np.testing.assert_array_equal(above > index, probability > np.float32(level))


@pytest.mark.parametrize(
    ("threshold", "count"),
    [(0.0, 201), (0.55, 201), (1.0, 201), (0.5561, 202), (np.nextafter(0.55, 1), 201)],
)
def test_the_models_own_threshold_is_among_the_levels(threshold: float, count: int) -> None:
    steps = levels.levels(threshold)
    assert len(steps) == count
    assert steps == sorted(steps)
    assert np.float32(threshold) in np.asarray(steps, dtype=np.float32)
    assert len({np.float32(step) for step in steps}) == count
