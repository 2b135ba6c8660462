from __future__ import annotations

import re

import numpy as np
import pytest

from salt_survey.page import html
from salt_survey.page.axes import Axis, framed


def test_ticks_are_round_and_lie_on_their_rows() -> None:
    ticks = Axis("ms", 4.0 * np.arange(463), most=10).ticks()
    assert [text for text, _ in ticks] == [str(200 * at) for at in range(10)]
    assert ticks[0][1] == pytest.approx(0.5 / 463)
    assert ticks[9][1] == pytest.approx((1800 / 4 + 0.5) / 463)


def test_lines_that_are_apart_have_places_of_their_own() -> None:
    numbers = np.array([100, 102, 104, 300, 302])
    ticks = dict(Axis("inline", numbers, most=4).ticks())
    assert list(ticks) == ["100", "200", "300"]
    assert ticks["100"] == pytest.approx(0.1)
    assert ticks["300"] == pytest.approx(0.7)


def test_line_numbers_have_no_fractions() -> None:
    assert [text for text, _ in Axis("inline", np.arange(7, 10)).ticks()] == ["7", "8", "9"]
    assert [text for text, _ in Axis("ms", np.array([0, 0.25, 0.5]), 2).ticks()] == [
        "0", "0.5",
    ]  # fmt: skip


def test_of_a_few_lines_all_have_their_numbers() -> None:
    assert Axis("inline", np.array([310, 331])).ticks() == [("310", 0.25), ("331", 0.75)]


@pytest.mark.parametrize("numbers", [np.array([362]), np.array([-3]), np.array([1234.5])])
def test_one_line_has_its_number(numbers: np.ndarray) -> None:
    assert Axis("inline", numbers).ticks() == [(f"{numbers[0]:g}", 0.5)]


@pytest.mark.parametrize("seed", range(20))
def test_any_axis_has_some_ticks_and_not_many(seed: int) -> None:
    chance = np.random.default_rng(seed)
    first, step = chance.integers(-5000, 5000), chance.integers(1, 50)
    numbers = first + step * np.arange(chance.integers(2, 2000))
    ticks = Axis("crossline", numbers, most=6).ticks()
    assert 1 <= len(ticks) <= 8
    for text, share in ticks:
        place = share * len(numbers) - 0.5
        assert first + step * place == pytest.approx(float(text), abs=1e-6)


def test_a_picture_is_framed_by_both() -> None:
    drawn = framed("<img>", Axis("m<s", np.array([0.0, 4.0])), Axis("trace", np.arange(1, 5)))
    assert '<div class="area"><img>' in drawn
    assert re.findall(r'class="across" style="left:([\d.]+)%">(\d)<', drawn) == [
        ("12.50", "1"), ("37.50", "2"), ("62.50", "3"), ("87.50", "4"),
    ]  # fmt: skip
    assert '<span class="unit">m&lt;s</span>' in drawn


@pytest.mark.parametrize("rows", [1, 2, 7, 8, 9, 13, 33, 200])
def test_maps_have_room_for_the_numbers_beside_them(rows: int) -> None:
    tall = html._tall(np.zeros((rows, 500), np.uint8))
    ticks = len(Axis("inline", np.arange(rows), 6).ticks())
    height = min(4 * tall.shape[0], 300)  # pixels, as pictures.png has it
    assert height >= 12 * ticks
    assert tall.shape[0] % rows == 0
    assert tall.shape[1] == 500
