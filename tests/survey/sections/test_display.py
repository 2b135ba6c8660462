from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.errors import UsageError
from salt_survey.sections import tiling
from salt_survey.sections.display import Display, Stretch, Zoom

ZOOMS = st.floats(0.05, 20)


@given(ZOOMS, ZOOMS)
def test_a_zoom_is_read_as_it_is_written(vertical: float, horizontal: float) -> None:
    zoom = Zoom(vertical, horizontal)
    assert Zoom.parse(str(zoom)) == zoom


@pytest.mark.parametrize("text", ["1.25/0.62", "2/1.5", "20/0.05", "1.0001667/1", "1/0.5/2"])
def test_a_zoom_is_written_as_it_was_given(text: str) -> None:
    assert str(Zoom.parse(text)) == text


def test_zooms_that_lay_tiles_otherwise_are_two_settings_of_a_run() -> None:
    """What a run is known by has the zoom as text, and one must not go on for the other."""
    one, other = (Display(Zoom(vertical, 1)) for vertical in (1.0001666, 1.0001667))
    shapes = [tiling.layout(3000, 100, each.zoom, each.stride).zoomed for each in (one, other)]
    assert shapes[0] != shapes[1]
    assert one.to_dict() != other.to_dict()


def test_one_number_is_for_both_directions() -> None:
    assert Zoom.parse("1.5") == Zoom(1.5, 1.5)


def test_crosslines_are_as_inlines_unless_a_third_number_says_otherwise() -> None:
    one, two = Display(Zoom.parse("2/1")), Display(Zoom.parse("2/1/0.5"))
    assert one.along("inline").zoom == one.along("crossline").zoom == Zoom(2, 1)
    assert (two.along("inline").zoom, two.along("crossline").zoom) == (Zoom(2, 1), Zoom(2, 0.5))


@pytest.mark.parametrize(
    "text", ["", "a", "1/", "/1", "1/2/3/4", "1/2/", "1/2/100", "nan/1", "0/1", "1/100", "-1"]
)
def test_what_is_no_zoom_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="the zoom is"):
        Zoom.parse(text)


def test_zooms_are_apart_by_their_ratio() -> None:
    assert Zoom(2, 1).far_from(Zoom(1, 1)) == pytest.approx(Zoom(1, 1).far_from(Zoom(0.5, 1)))


@pytest.mark.parametrize("text", ["tile", "section", "2%", "0.5%", "12.123456%", "0.00001%"])
def test_a_stretch_is_read_as_it_is_written(text: str) -> None:
    stretch = Stretch.parse(text)
    assert Stretch.parse(str(stretch)) == stretch
    if text != "0.00001%":
        assert str(stretch) == text


def test_a_stretch_may_begin_with_a_point() -> None:
    assert Stretch.parse(".5%") == Stretch.parse("0.5%")


@pytest.mark.parametrize("text", ["", ".%", "Tile", "0%", "26%", "-1%", "2", "nan%"])
def test_what_is_no_stretch_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="the stretch is"):
        Stretch.parse(text)


def test_a_display_comes_back_from_json() -> None:
    display = Display(Zoom(2.5, 0.4), "reversed", Stretch.parse("1%"), 101)
    assert Display.from_dict(display.to_dict()) == display
    assert Display.from_dict({}) == Display()


@pytest.mark.parametrize(
    "value", [{"stride": 0}, {"stride": 102}, {"stride": 5.5}, {"stride": True},
              {"polarity": "up"}, {"zoom": 0}, {"stretch": "9"}],
)  # fmt: skip
def test_what_is_no_display_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="expected"):
        Display.from_dict(value)
