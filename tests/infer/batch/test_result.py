from __future__ import annotations

import threading

import numpy as np
import pytest

from salt_infer.batch.result import Cancel, from_outputs
from salt_infer.errors import ModelError


def test_which_tiles_pass_is_the_graphs_to_say() -> None:
    """Of a salt that is the gate, in half precision: 0.81 is more there."""
    tiles, probability = np.zeros((3, 1, 2, 2), np.uint8), np.full((2, 1, 2, 2), 0.5, np.float32)
    salt = np.array([0.9, np.float16(0.81), 0.8], np.float32)
    assert salt[1] > np.float32(0.81)
    for kept in ([0, 1], [0, 2]):
        found = from_outputs(tiles, probability, salt, np.array(kept), np.float32(0.81))
        assert found.kept.tolist() == kept


def test_what_is_endless_is_no_probability() -> None:
    tiles, limit = np.zeros((3, 1, 2, 2), np.uint8), np.float32(0.5)
    probability = np.full((3, 1, 2, 2), 0.5, np.float32)
    probability[1, 0, 1, 1] = np.inf
    salt = np.array([0.9, 0.9, np.inf], np.float32)
    found = from_outputs(tiles, probability, salt, None, limit)
    assert np.isnan(found.salt).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("salt", "drawn", "kept"),
    [
        (4, 3, None),
        (3, 4, None),
        (3, 2, None),
        (3, 3, [0, 2]),
        (3, 2, [2, 0]),
        (3, 2, [1, 1]),
        (3, 2, [0, 3]),
        (3, 2, [-1, 0]),
    ],
)
def test_outputs_that_contradict_each_other_are_refused(
    salt: int, drawn: int, kept: list[int] | None
) -> None:
    tiles, limit = np.zeros((3, 2, 4, 4), np.uint8), np.float32(0.5)
    salts = np.array([0.9, 0.1, 0.8, 0.1], np.float32)[:salt]
    probability = np.full((drawn, 2, 4, 4), 0.5, np.float32)
    given = None if kept is None else np.array(kept)
    with pytest.raises(ModelError, match="expected one salt a tile"):
        from_outputs(tiles, probability, salts, given, limit)
    with pytest.raises(ModelError, match="expected one salt a tile"):
        from_outputs(tiles, np.zeros((2, 1, 4, 4), np.float32), salts, np.array([0, 2]), limit)


@pytest.mark.parametrize("gated", [False, True])
def test_a_tile_with_a_probability_that_is_none_is_marked(gated: bool) -> None:
    """Whether or not the gate stops it: so it is where a device draws the masks."""
    salt, limit = np.array([0.9, 0.1, 0.8], np.float32), np.float32(0.5)
    probability = np.full((3, 2, 3, 3), 0.5, np.float32)
    probability[1, 1, 2, 0] = probability[2, 0, 1, 1] = np.nan
    kept = np.array([0, 2]) if gated else None
    given = probability[kept] if gated else probability
    found = from_outputs(np.zeros(probability.shape, np.uint8), given, salt, kept, limit)
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
