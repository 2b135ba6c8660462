from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.masks import blocks, coverage, metric


@given(st.integers(0, 5000))
def test_parts_are_all_of_it_in_order(count: int) -> None:
    parts = list(blocks.blocks(count))
    assert [place for part in parts for place in range(count)[part]] == list(range(count))
    assert all(0 < part.stop - part.start <= blocks.MASKS for part in parts)


def test_parts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    one, other = random.integers(0, 2, (2, 23, 7, 7), np.uint8)
    one[::4] = one[::4, :1]  # whole columns
    whole = metric.overlap(one, other), coverage.vertical(one)
    assert whole[1].any()
    monkeypatch.setattr(blocks, "MASKS", 5)
    parts = metric.overlap(one, other), coverage.vertical(one)
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_array_equal(whole[1], parts[1])
