from __future__ import annotations

import numpy as np
import pytest

from salt_infer.masks.decision import Decision, exceeds


@pytest.mark.parametrize("limit", [0.0, 0.35, 0.55, 1 / 1.8, 1.0])
def test_limits_are_exclusive_in_float32(limit: float) -> None:
    at = np.float32(limit)
    values = np.array([np.nextafter(at, np.float32(-1)), at, np.nextafter(at, np.float32(2))])
    for each in (limit, np.float64(limit), at, np.array([limit])):
        assert exceeds(values, each).tolist() == [False, False, True]


def test_limits_may_be_many_and_nan_is_above_none() -> None:
    above = exceeds(np.array([0.2, np.nan, 0.8], np.float32), np.array([0.1, 0.5])[:, None])
    assert above.dtype == np.bool_
    assert above.tolist() == [[True, False, True], [False, False, True]]


def test_masks_are_above_the_threshold_in_tiles_above_the_gate() -> None:
    probability = np.full((3, 2, 5), 0.5, np.float32)
    probability[:, 0, :2] = (0.6, 0.9)
    salt = np.array([0.2, 0.5, 0.8], np.float32)
    assert Decision(0.5, 0.5).masks(probability, salt).sum(axis=(1, 2)).tolist() == [0, 0, 2]
    assert Decision(0.7, 0.1).masks(probability, salt).sum(axis=(1, 2)).tolist() == [1, 1, 1]
    assert Decision(0.5, 0.5).passes(salt).tolist() == [False, False, True]
    assert np.count_nonzero(Decision(0.5, 0.5).pixels(probability)) == 6
