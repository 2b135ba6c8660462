from __future__ import annotations

import pytest

from salt_survey.errors import SurveyError
from salt_survey.sections.display import Display, Zoom
from salt_survey.sections.sampling import Sampling
from salt_survey.sections.settings import (
    ADVICE,
    Calibration,
    LineScore,
    Origin,
    Wishes,
    settled,
)

DISPLAY = Display(Zoom(1.5, 0.4), "reversed")
SCORES = (LineScore("362", 0.8, 0.95, 0.53, 0.81),)
FOUND = Calibration(DISPLAY, 0.4, SCORES, Display(Zoom(1, 1), "normal"), SCORES, "ab" * 32)


def test_the_defaults_are_not_calibrated() -> None:
    settings = settled(Wishes(), None)
    assert (settings.display, settings.threshold) == (Display(), 0.5)
    assert (str(settings.display.zoom), settings.display.polarity) == ("1.25/0.5", "both")
    origin = settings.origin
    assert (origin.source, origin.brief) == ("defaults", "not calibrated")
    assert origin.words == f"{origin.unadvised}{ADVICE}"
    assert origin.words.startswith("not calibrated: the zoom is the default, 1.25/0.5 and both ")
    assert origin.words.endswith("or choose by eye (salt-survey look)")
    assert origin.unadvised.endswith("which may find nothing in this survey")


def test_a_calibration_is_taken_and_named() -> None:
    settings = settled(Wishes(), FOUND)
    assert (settings.display, settings.threshold) == (DISPLAY, 0.4)
    assert settings.origin == Origin("calibration", "calibrated on 362")
    assert settings.origin.words == settings.origin.unadvised == "calibrated on 362"


def test_that_another_model_was_calibrated_is_part_of_the_origin() -> None:
    settings = settled(Wishes(), FOUND).with_another_model()
    assert settings.origin == Origin("calibration", "calibrated on 362 with another model")
    by_hand = settled(Wishes(zoom=Zoom(2, 1), polarity="normal"), FOUND)
    assert by_hand.with_another_model() == by_hand
    assert settled(Wishes(), None).with_another_model() == settled(Wishes(), None)


def test_what_is_asked_for_counts_more() -> None:
    settings = settled(Wishes(zoom=Zoom(2, 1), threshold=0.7), FOUND)
    assert (settings.display.zoom, settings.display.polarity) == (Zoom(2, 1), "reversed")
    assert settings.threshold == 0.7
    assert settings.origin == Origin("calibration", "calibrated on 362, zoom as given")


def test_zoom_alone_leaves_the_polarity_uncalibrated() -> None:
    settings = settled(Wishes(zoom=Zoom(2, 1)), None)
    assert settings.origin.words.startswith("not calibrated: both polarities")
    by_hand = settled(Wishes(zoom=Zoom(2, 1), polarity="normal"), None)
    assert by_hand.origin == Origin("user", "zoom and polarity as given")


@pytest.mark.parametrize(
    "wishes", [Wishes(), Wishes(zoom=Zoom(2, 1)), Wishes(zoom=Zoom(2, 1), polarity="normal")]
)
@pytest.mark.parametrize("calibration", [None, FOUND])
def test_an_origin_comes_back_from_its_words(
    wishes: Wishes, calibration: Calibration | None
) -> None:
    origin = settled(wishes, calibration).origin
    assert Origin.of_words(origin.words) == origin


@pytest.mark.parametrize("words", ["", "by a neighbour: him", "not calibrated"])
def test_words_of_others_are_kept(words: str) -> None:
    origin = Origin.of_words(words)
    assert origin.words == words
    assert origin.source == ("defaults" if words == "not calibrated" else "user")


def test_a_calibration_comes_back_from_json() -> None:
    assert Calibration.from_dict(FOUND.to_dict()) == FOUND


@pytest.mark.parametrize(
    ("name", "value"),
    [("threshold", 2), ("threshold", "x"), ("look", {"zoom": "x"}), ("lines", [{"a": 1}]),
     ("second", 5)],
)  # fmt: skip
def test_what_is_no_calibration_is_refused(name: str, value: object) -> None:
    with pytest.raises(SurveyError, match="the scan's calibration cannot be read"):
        Calibration.from_dict(FOUND.to_dict() | {name: value})


def test_what_a_calibration_lacks_is_named() -> None:
    some = {name: FOUND.to_dict()[name] for name in ("look", "threshold")}
    with pytest.raises(
        SurveyError,
        match="the scan's calibration lacks lines, second, second_lines, model; calibrate",
    ):
        Calibration.from_dict(some)
    with pytest.raises(SurveyError, match="treshold, which is unknown"):
        Calibration.from_dict(FOUND.to_dict() | {"treshold": 1})
    look = DISPLAY.to_dict()
    look["zom"] = look.pop("zoom")
    with pytest.raises(SurveyError, match="look lacks zoom and has zom, which is unknown"):
        Calibration.from_dict(FOUND.to_dict() | {"look": look})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("look", None, "look is None, expected an object"), ("line", 5, "line is 5, expected print")],
)
def test_edited_values_of_another_kind_are_named(name: str, value: object, says: str) -> None:
    known = FOUND.to_dict()
    change = {"lines": [known["lines"][0] | {name: value}]} if name == "line" else {name: value}
    with pytest.raises(SurveyError, match=says):
        Calibration.from_dict(known | change)


def test_crosslines_get_a_zoom_of_their_own_unless_a_calibration_has_one() -> None:
    sampling = Sampling(across=2.0)
    assert settled(Wishes(), FOUND, sampling).display == DISPLAY
    assert settled(Wishes(zoom=Zoom(2, 1)), FOUND, sampling).display.zoom == Zoom(2, 1, 2)
    assert settled(Wishes(), None, sampling).display.zoom == Zoom(1.25, 0.5, 1)
