from __future__ import annotations

import threading

import numpy as np
import pytest

from salt_infer.batch.result import Cancel, from_outputs


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
