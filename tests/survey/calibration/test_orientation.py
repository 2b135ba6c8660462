from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_survey.calibration.orientation import AS_DRAWN, INVERTED, TURNS, Turned, doubt
from salt_survey.calibration.scoring import NONE, SALT, UNKNOWN, Agreement
from salt_survey.sections.tiling import Grey

# A body on the left, deep, so that it lies on no mirror image of itself.
LABEL = np.zeros((60, 80), np.uint8)
LABEL[35:55, 5:30] = SALT
LABEL[:4] = UNKNOWN
FOUND = np.where(LABEL == SALT, 200, 20).astype(np.uint8)


def inverted(label: Grey) -> Grey:
    return np.choose(label // 127, [SALT, UNKNOWN, NONE]).astype(np.uint8)


def said(found: Grey, label: Grey, threshold: float = 0.5) -> str:
    return doubt("120", Turned.of(found, label).ious(threshold))


def test_a_label_as_it_should_be_is_not_doubted() -> None:
    assert said(FOUND, LABEL) == ""


@pytest.mark.parametrize("way", [*TURNS][1:])
def test_one_that_lies_another_way_round_is_told_with_what_is_meant(way: str) -> None:
    assert said(FOUND, TURNS[way](LABEL)) == (
        f"line 120: its label fits what was found better {way}, with IoU 1.00 instead of 0.00; "
        "the columns of a label go by rising line number, its rows by rising time, and 255 is salt"
    )


def test_so_is_an_inverted_one() -> None:
    assert f"better {INVERTED}, with IoU 1.00" in said(FOUND, inverted(LABEL))


@pytest.mark.parametrize("way", [*TURNS][1:])
def test_so_is_one_that_is_both(way: str) -> None:
    told = said(FOUND, inverted(TURNS[way](LABEL)))
    assert f"better {way}, {INVERTED}, with IoU 1.00" in told


@pytest.mark.parametrize(("drawn", "found"), [(24, 36), (24, 42), (18, 42), (36, 24), (42, 18)])
def test_too_much_or_too_little_below_a_level_is_not_turned(drawn: int, found: int) -> None:
    """Upside down and inverted it would fit: what is below a level is so again."""
    label, probability = np.zeros((2, 60, 80), np.uint8)
    label[drawn:], probability[found:] = SALT, 255
    assert said(probability, label) == ""


@pytest.mark.parametrize("level", [0, 255])
def test_nothing_or_everything_found_fits_no_label_turned_or_inverted(level: int) -> None:
    everywhere = np.full_like(FOUND, level)
    for label in (LABEL, inverted(LABEL), LABEL[:, ::-1]):
        assert said(everywhere, label) == ""


def test_a_little_better_is_chance() -> None:
    across = np.zeros_like(LABEL)
    across[35:55, 25:57] = SALT  # nearly its own mirror image
    shifted = np.roll(FOUND, 18, axis=1)
    ious = Turned.of(shifted, across).ious(0.5)
    assert ious["mirrored"] > ious[AS_DRAWN] > 0.5
    assert said(shifted, across) == ""


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.99))
def test_inverting_twice_changes_nothing(seed: int, threshold: float) -> None:
    """An inverted label's inverted IoU is at most the label's own, which is of salt alone."""
    random = np.random.default_rng(seed)
    found = random.integers(0, 256, (9, 7), np.uint8)
    label = random.choice(np.array([NONE, UNKNOWN, SALT], np.uint8), (9, 7))
    own = Agreement.of(found, label).iou(threshold)
    assert Agreement.of(found, inverted(label)).inverted_iou(threshold) <= own + 1e-12
