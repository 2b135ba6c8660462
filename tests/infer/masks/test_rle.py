from __future__ import annotations

import csv

import numpy as np
import pytest
from benchmarks.rle import loop_one
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from salt_infer.errors import RleError
from salt_infer.masks import rle
from tests.conftest import ROOT

MASKS = npst.arrays(
    np.uint8,
    st.tuples(st.integers(0, 4), st.integers(1, 7), st.integers(1, 7)),
    elements=st.integers(0, 1),
)


@given(MASKS)
def test_encode_agrees_with_the_case_studys_loop(masks: np.ndarray) -> None:
    assert rle.encode(masks) == [loop_one(mask) for mask in masks]


@given(MASKS)
def test_decode_undoes_encode(masks: np.ndarray) -> None:
    texts = rle.encode(masks)
    for mask, text in zip(masks, texts, strict=True):
        np.testing.assert_array_equal(rle.decode(text, mask.shape), mask)


def test_numbering_goes_down_the_columns_from_one() -> None:
    mask = np.zeros((1, 101, 101), np.uint8)
    mask[0, 2:4, 0] = 1
    mask[0, 0, 100] = 1
    assert rle.encode(mask) == ["3 2 10101 1"]


def test_a_run_may_cross_columns_but_not_masks() -> None:
    masks = np.ones((2, 3, 2), bool)
    assert rle.encode(masks) == ["1 6", "1 6"]


def test_empty_and_full() -> None:
    assert rle.encode(np.zeros((1, 101, 101))) == [""]
    assert rle.encode(np.ones((1, 101, 101))) == ["1 10201"]
    assert rle.decode("").sum() == 0
    assert rle.decode("1 10201").sum() == 10201


def test_any_non_zero_value_is_salt() -> None:
    mask = np.zeros((1, 3, 3), np.float32)
    mask[0, 0, 0], mask[0, 1, 1] = 0.25, -1
    assert rle.encode(mask) == ["1 1 5 1"]


def test_one_mask_without_a_batch_axis_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[N, H, W\].*masks\[None\]"):
        rle.encode(np.zeros((101, 101)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1", "has 1 numbers, expected an even count"),
        ("1 2 3", "has 3 numbers, expected an even count"),
        ("1 x", "number 2 .* is 'x'"),
        ("1.0 2", r"number 1 .* is '1\.0'"),
        ("-3 2", "is '-3'"),
        ("+3 2", "is '\\+3'"),
        ("1 99999999999999999999999", "number 2 of the run-length string has 23 digits"),
        ("١ 2", "number 1"),
        ("0 1", r"covers pixels 0\.\.0, out of range 1\.\.10201"),
        ("10201 2", r"covers pixels 10201\.\.10202, out of range"),
        ("5 0", "length 0, expected at least 1"),
        ("5 3 7 1", "run 2 .* overlaps run 1, which ends at pixel 7"),
        ("5 1 5 1", "run 2 .* must be ascending"),
        ("9 1 5 1", "run 2 .* must be ascending"),
    ],
)
def test_malformed_strings(text: str, says: str) -> None:
    with pytest.raises(RleError, match=says):
        rle.decode(text)


@given(st.text())
def test_decode_gives_a_mask_or_a_clear_error(text: str) -> None:
    try:
        mask = rle.decode(text)
    except RleError as error:
        assert "\n" not in str(error)
    else:
        again = rle.decode(rle.encode(mask[None])[0])
        np.testing.assert_array_equal(again, mask)


def test_golden_strings() -> None:
    """Masks of the examples, encoded once by the case study's loop."""
    from salt_infer.data.labels import Labels

    with open(ROOT / "tests/golden/examples.csv", newline="") as file:
        rows = {row["id"]: row["rle_mask"] for row in csv.DictReader(file)}
    with Labels(ROOT / "examples/masks") as labels:
        masks = labels.masks(list(rows))
    assert rle.encode(masks) == list(rows.values())
