from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.errors import UsageError
from salt_survey.sections.looks import Look, Stretch, Zoom

ZOOMS = st.floats(0.05, 20).map(lambda value: float(f"{value:g}"))


@given(ZOOMS, ZOOMS)
def test_a_zoom_is_read_as_it_is_written(vertical: float, horizontal: float) -> None:
    zoom = Zoom(vertical, horizontal)
    assert Zoom.parse(str(zoom)) == zoom


def test_one_number_is_for_both_directions() -> None:
    assert Zoom.parse("1.5") == Zoom(1.5, 1.5)


@pytest.mark.parametrize("text", ["", "a", "1/", "/1", "1/2/3", "nan/1", "0/1", "1/100", "-1"])
def test_what_is_no_zoom_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="the zoom is"):
        Zoom.parse(text)


def test_zooms_are_apart_by_their_ratio() -> None:
    assert Zoom(2, 1).far_from(Zoom(1, 1)) == pytest.approx(Zoom(1, 1).far_from(Zoom(0.5, 1)))


@pytest.mark.parametrize("text", ["tile", "section", "2%", "0.5%"])
def test_a_stretch_is_read_as_it_is_written(text: str) -> None:
    assert str(Stretch.parse(text)) == text


@pytest.mark.parametrize("text", ["", "Tile", "0%", "26%", "-1%", "2", "nan%"])
def test_what_is_no_stretch_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="the stretch is"):
        Stretch.parse(text)


def test_a_look_comes_back_from_json() -> None:
    look = Look(Zoom(2.5, 0.4), "reversed", Stretch.parse("1%"), 101)
    assert Look.from_dict(look.to_dict()) == look
    assert Look.from_dict({}) == Look()


@pytest.mark.parametrize(
    "value", [{"stride": 0}, {"stride": 102}, {"stride": 5.5}, {"stride": True},
              {"polarity": "up"}, {"zoom": 0}, {"stretch": "9"}],
)  # fmt: skip
def test_what_is_no_look_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="expected"):
        Look.from_dict(value)
