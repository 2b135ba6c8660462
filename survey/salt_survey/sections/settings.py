"""What a run's settings are: as asked for, as a calibration found them, or the defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, Self

from salt_infer.errors import SaltError
from salt_survey.errors import SurveyError
from salt_survey.scan import json_fields
from salt_survey.scan.json_fields import check_names
from salt_survey.sections.display import Display, Polarity, Stretch, Zoom
from salt_survey.sections.sampling import Sampling

THRESHOLD = 0.5
GATE = 0.02  # what the judge gives less than this changes no pixel by more than this
MARGIN = 0.05  # of IoU, within which settings are as good: lines of one survey differ by more
_CALIBRATED, _BY_HAND = "calibrated on", "zoom and polarity as given"
_NOT_CALIBRATED = "not calibrated"
ADVICE = (
    "; calibrate on an interpreted line (salt-survey calibrate), or choose by eye "
    "(salt-survey look)"
)


@dataclasses.dataclass(frozen=True)
class LineScore:
    """How well a setting does on an interpreted line.

    Attributes:
        line: its inline's number, or ``x`` and its crossline's.
        iou: intersection over union of salt at the threshold, 0..1.
        ap: average precision over all thresholds, 0..1.
        best_threshold: at which IoU is greatest.
        best_iou: there.
    """

    line: str
    iou: float
    ap: float
    best_threshold: float
    best_iou: float

    def words(self) -> str:
        """The same for people, without the line."""
        return (
            f"IoU {self.iou:.3f}, AP {self.ap:.3f} (IoU would be {self.best_iou:.3f} at threshold "
            f"{self.best_threshold:.2f})"
        )


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What ``salt-survey calibrate`` found; lies in a scan's JSON.

    Attributes:
        look: the display chosen; so it is called in JSON.
        threshold: a sample is salt above this.
        lines: scores of the setting on each line that it was chosen on.
        second: the next best setting.
        second_lines: its scores.
        model: sha256 of the model file.
    """

    look: Display
    threshold: float
    lines: tuple[LineScore, ...]
    second: Display
    second_lines: tuple[LineScore, ...]
    model: str

    def to_dict(self) -> dict[str, Any]:
        """For a scan's JSON."""
        return dataclasses.asdict(self) | {
            "look": self.look.to_dict(),
            "second": self.second.to_dict(),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """What :meth:`to_dict` gave.

        Raises:
            SurveyError: it is not that.
        """
        try:
            check_names("the scan's calibration", value, _names(cls))
        except SurveyError as error:
            raise SurveyError(
                f"{error}; calibrate again, or remove it and give --zoom, --polarity, --threshold"
            ) from error
        try:
            for name in ("look", "second"):
                if not isinstance(value[name], Mapping):
                    raise TypeError(f"{name} is {value[name]!r}, expected an object")
                check_names(name, value[name], _names(Display))
            threshold = float(value["threshold"])
            if not 0 <= threshold <= 1:
                raise ValueError(f"threshold {threshold}")
            return cls(
                Display.from_dict(value["look"]),
                threshold,
                _scores(value["lines"]),
                Display.from_dict(value["second"]),
                _scores(value["second_lines"]),
                str(value["model"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, SaltError) as error:
            raise SurveyError(
                f"the scan's calibration cannot be read ({error}); calibrate again, or remove it"
            ) from error

    @property
    def where(self) -> str:
        """The lines, for people."""
        return ", ".join(score.line for score in self.lines)


def _names(kind: type[Calibration | Display]) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


def _scores(values: Any) -> tuple[LineScore, ...]:
    scores = tuple(LineScore(**value) for value in values)
    for score in scores:
        json_fields.text("line", score.line)
    return scores


@dataclasses.dataclass(frozen=True)
class Wishes:
    """What was asked for; None where nothing was."""

    zoom: Zoom | None = None
    polarity: Polarity | None = None
    stretch: Stretch | None = None
    stride: int | None = None
    threshold: float | None = None


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where zoom and polarity come from.

    Attributes:
        source: what chose them for this survey; ``defaults`` where nobody did.
        brief: that in few words.
        doubt: what the defaults are, and what may come of them; empty where somebody chose.
    """

    source: Literal["calibration", "user", "defaults"]
    brief: str
    doubt: str = ""

    @property
    def words(self) -> str:
        """All of it for people, as reports and volumes keep it."""
        return f"{self.unadvised}{ADVICE}" if self.doubt else self.brief

    @property
    def unadvised(self) -> str:
        """The words without what to do about it, for where one is doing that."""
        return f"{self.brief}: {self.doubt}" if self.doubt else self.brief

    @classmethod
    def of_words(cls, words: str) -> Self:
        """What :attr:`words` gave, out of a volume; words of others say that somebody chose."""
        brief, _, doubt = words.partition(": ")
        if brief == _NOT_CALIBRATED:
            return cls("defaults", brief, doubt.removesuffix(ADVICE))
        return cls("calibration" if words.startswith(_CALIBRATED) else "user", words)


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a survey is run.

    Attributes:
        display: how it is shown to the model.
        threshold: a sample is salt above this.
        origin: where zoom and polarity come from.
    """

    display: Display
    threshold: float
    origin: Origin

    def with_another_model(self) -> Settings:
        """Of a calibration by another model than runs, which is said wherever the origin is."""
        if self.origin.source != "calibration":
            return self
        brief = f"{self.origin.brief} with another model"
        return dataclasses.replace(self, origin=dataclasses.replace(self.origin, brief=brief))


def settled(
    wishes: Wishes, calibration: Calibration | None, sampling: Sampling | None = None
) -> Settings:
    """What was asked for, else what a calibration found, else the defaults, which a survey that is
    sampled otherwise has its own of.
    """
    sampling = sampling or Sampling()
    base = calibration.look if calibration else sampling.display(Display())
    asked = {
        name: value
        for name in ("zoom", "polarity", "stretch", "stride")
        if (value := getattr(wishes, name)) is not None
    }
    display = dataclasses.replace(base, **asked)
    if calibration is None or "zoom" in asked:  # a calibration has said what it found
        display = sampling.with_crosslines(display)
    found = calibration.threshold if calibration else THRESHOLD
    threshold = found if wishes.threshold is None else wishes.threshold
    return Settings(display, threshold, _origin(display, asked, calibration, sampling))


def _origin(
    display: Display, asked: Mapping[str, Any], calibration: Calibration | None, sampling: Sampling
) -> Origin:
    chosen = [name for name in ("zoom", "polarity") if name in asked]
    if len(chosen) == 2:
        return Origin("user", _BY_HAND)
    if calibration:
        given = f", {chosen[0]} as given" if chosen else ""
        return Origin("calibration", f"{_CALIBRATED} {calibration.where}{given}")
    defaults = {
        "zoom": f"the zoom is the default{sampling.words and f' for {sampling.words}'}, "
        f"{display.zoom}",
        "polarity": "both polarities are shown, of which a run takes the mean",
    }
    said = " and ".join(text for name, text in defaults.items() if name not in chosen)
    return Origin("defaults", _NOT_CALIBRATED, f"{said}, which may find nothing in this survey")
