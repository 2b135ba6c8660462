"""Samples to floats and back."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from salt_survey.segy.create import encode, to_ibm
from salt_survey.segy.formats import FORMATS, decode, ibm
from salt_survey.segy.order import Endian

ENDIANS: list[Endian] = ["big", "little"]
# Their bits are known: IBM, System/360 Principles of Operation.
KNOWN = {0x42640000: 100.0, 0xC276A000: -118.625, 0x41100000: 1.0, 0x40800000: 0.5, 0: 0.0}
AMPLITUDES = arrays.arrays(
    np.float32, (3, 7), elements=st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)
)


def exact(word: int) -> float:
    """An IBM word by the book."""
    sign = -1.0 if word >> 31 else 1.0
    return sign * (word & 0xFFFFFF) / 2**24 * 16.0 ** ((word >> 24 & 0x7F) - 64)


@pytest.mark.parametrize("word", KNOWN)
def test_ibm_words_that_are_known(word: int) -> None:
    assert ibm(np.array([[word]], np.uint32))[0, 0] == KNOWN[word]
    assert to_ibm(np.array([[KNOWN[word]]], np.float32))[0, 0] == word


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=50))
def test_any_ibm_word(words: list[int]) -> None:
    with np.errstate(over="ignore", under="ignore"):
        expected = np.array([exact(word) for word in words]).astype(np.float32)
    np.testing.assert_array_equal(ibm(np.array([words], np.uint32))[0], expected)


@given(AMPLITUDES, st.sampled_from(ENDIANS))
def test_ibm_and_back(amplitudes: np.ndarray, endian: Endian) -> None:
    back = decode(encode(amplitudes, 1, endian), 1, endian)
    np.testing.assert_allclose(back, amplitudes, rtol=2.0**-21)


@given(AMPLITUDES, st.sampled_from(ENDIANS), st.sampled_from([5, 6]))
def test_ieee_and_back(amplitudes: np.ndarray, endian: Endian, code: int) -> None:
    np.testing.assert_array_equal(
        decode(encode(amplitudes, code, endian), code, endian), amplitudes
    )


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("code", [2, 3, 8, 9, 10, 11, 12, 16])
def test_integers(code: int, endian: Endian) -> None:
    limits = np.iinfo(FORMATS[code].kind)
    values = [0, 1, 100, limits.min, min(limits.max, 2**62)]
    sign = ">" if endian == "big" else "<"
    letter = {
        "i1": "b",
        "u1": "B",
        "i2": "h",
        "u2": "H",
        "i4": "i",
        "u4": "I",
        "i8": "q",
        "u8": "Q",
    }
    raw = struct.pack(f"{sign}5{letter[FORMATS[code].kind]}", *values)
    found = decode(np.frombuffer(raw, np.uint8)[None], code, endian)
    np.testing.assert_array_equal(found[0], np.array(values, np.float64).astype(np.float32))


@pytest.mark.parametrize(
    "code", [code for code, each in FORMATS.items() if each.kind.startswith("u")]
)
def test_unsigned_integers_have_all_their_range(code: int) -> None:
    limit = np.iinfo(FORMATS[code].kind).max
    asked = np.array([[0, 0.75 * limit, 1e30]], np.float32)
    found = decode(encode(asked, code, "big"), code, "big")
    np.testing.assert_allclose(found, [[0, 0.75 * limit, limit]], rtol=0.01)


def test_integers_are_held_to_what_they_can_hold() -> None:
    found = decode(encode(np.array([[-1e30, 300.4, 1e30]], np.float32), 8, "big"), 8, "big")
    assert found.tolist() == [[-128, 127, 127]]
