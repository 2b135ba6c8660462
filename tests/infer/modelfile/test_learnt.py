from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.errors import ContractError
from salt_infer.modelfile.learnt import UNKNOWN, Learnt
from salt_infer.system.digest import checksums
from tests import drawing

TILES = drawing.draw(30, seed=5).tiles
LIT = TILES.min(axis=(1, 2)) < TILES.max(axis=(1, 2))


@given(st.lists(st.integers(0, 29), max_size=20), st.lists(st.integers(0, 29), max_size=20))
def test_tiles_are_known_again_and_no_others_are(first: list[int], second: list[int]) -> None:
    one, other = Learnt.of(TILES[first]), Learnt.of(TILES[second])
    for known, places in ((one, first), (other, second), (one.joined(other), first + second)):
        expected = np.isin(np.arange(30), places) & LIT
        assert (known.among(TILES) == expected).all()
        assert (known.among_checksums(checksums(TILES)) == expected).all()
        assert known.complete
        again = Learnt.from_text(known.to_text())
        assert (again.fingerprints == known.fingerprints).all()
        assert again.complete


def test_a_tile_is_its_pixels_in_their_order() -> None:
    known = Learnt.of(TILES)
    kept = TILES[:, ::-1].copy()[:, ::-1]  # otherwise in memory
    assert (known.among(kept) == LIT).all()
    for changed in (TILES[:, ::-1], TILES[:, :, ::-1], TILES.transpose(0, 2, 1)):
        assert not known.among(np.ascontiguousarray(changed)).any()
    nudged = TILES.copy()
    nudged[:, 50, 50] ^= 1
    assert not known.among(nudged).any()


def test_tiles_of_one_grey_value_tell_nothing() -> None:
    flat = np.stack([np.full((101, 101), grey, np.uint8) for grey in (0, 7, 255)])
    known = Learnt.of(flat)
    assert len(known.fingerprints) == 0
    assert known.complete
    assert not known.among(flat).any()


def test_what_is_not_known_stays_so() -> None:
    known = Learnt.of(TILES).joined(UNKNOWN)
    assert not known.complete
    assert (known.among(TILES) == LIT).all()
    assert not Learnt.from_text(known.to_text()).complete
    assert UNKNOWN.words() == "not known"
    assert known.words() == f"{LIT.sum()} tiles and others, which are not known"
    assert Learnt.of(TILES).words() == f"{LIT.sum()} tiles, those of one grey value not counted"


def test_a_tile_without_a_checksum_is_none_that_is_known() -> None:
    known = Learnt(np.array([5], np.uint64), complete=True)  # one with a checksum of 0
    assert known.among_checksums(["", "00000000", "00000001"]).tolist() == [False, True, False]
    assert known.among_checksums([]).tolist() == []
    assert Learnt.of(TILES[:0]).among(TILES[:0]).tolist() == []


GOOD = json.loads(Learnt.of(TILES).to_text())
TWICE = base64.b64encode(np.array([3, 3], "<u8").tobytes()).decode()


@pytest.mark.parametrize(
    "value",
    [
        None, [], 7, {}, GOOD | {"version": 2}, GOOD | {"complete": 1}, GOOD | {"fingerprints": 5},
        GOOD | {"fingerprints": "AAA"}, GOOD | {"fingerprints": "AAAA"},
        GOOD | {"fingerprints": "!" * 8}, GOOD | {"fingerprints": TWICE},
    ],
)  # fmt: skip
def test_text_that_is_none(value: object) -> None:
    with pytest.raises(ContractError, match=r"salt\.learnt is not what salt-export writes"):
        Learnt.from_text(json.dumps(value))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_text_that_is_no_json(text: str) -> None:
    with pytest.raises(ContractError, match="export the checkpoint anew"):
        Learnt.from_text(text)
