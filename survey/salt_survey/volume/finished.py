"""What a finished run's volume says of itself."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from salt_infer.errors import UsageError
from salt_survey.reading.arrays import is_array
from salt_survey.reading.survey import Survey
from salt_survey.scan import json_fields
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import Scan
from salt_survey.sections.display import Display
from salt_survey.sections.settings import THRESHOLD, Origin, Settings
from salt_survey.volume import extent
from salt_survey.volume.counts import Counts
from salt_survey.volume.extent import Extent
from salt_survey.volume.store import Store

_FILES = {False: "SEG-Y", True: "an array"}
AMPLITUDES = "amplitudes"  # among a volume's attributes, see Survey.amplitudes


def scan_of(store: Store) -> Scan | None:
    """How a run read its survey; None if its volume does not say.

    Raises:
        SurveyError: it says it wrongly.
    """
    kept = store.attributes.get("scan")
    return Scan.from_json(json.dumps(kept)) if kept else None


def survey_of(store: Store, path: Path, overrides: Overrides) -> Survey:
    """Open the survey that a volume was made of, as the run read it.

    Raises:
        UsageError: it is another survey, or cannot be read.
    """
    scan = scan_of(store)
    of_array = scan is not None and scan.kind != "segy"
    if scan is not None and path.exists() and is_array(path) != of_array:
        mine, theirs = (_FILES[one] for one in (of_array, not of_array))
        raise UsageError(
            f"{store.path} was made of {mine}, {path} is {theirs}: name the survey that the volume "
            "was made of"
        )
    if scan is not None and scan.size and path.is_file() and path.stat().st_size != scan.size:
        raise UsageError(
            f"{store.path} was made of a survey of {scan.size} bytes, {path} has "
            f"{path.stat().st_size}: name the survey that the volume was made of"
        )
    return Survey.open(path, scan, overrides)


def settings_of(store: Store, otherwise: Settings) -> Settings:
    """The settings of a run, or others where its volume does not say.

    Raises:
        SaltError: it says them wrongly.
    """
    said = _said(store)
    if "threshold" not in said:
        return otherwise
    origin = Origin.of_words(json_fields.text("calibration", said.get("calibration", "")))
    return Settings(Display.from_dict(said), threshold_of(store), origin)


def threshold_of(store: Store) -> float:
    """Salt of a run is above this; the default where its volume does not say.

    Raises:
        SurveyError: it says it wrongly.
    """
    said = _said(store).get("threshold", THRESHOLD)
    return float(json_fields.between(0, 1)("threshold", said))


def times_of(store: Store) -> str:
    """Times that were run, as ``A:B``; ``all`` too where a volume does not say.

    Raises:
        SurveyError: it says it wrongly.
    """
    return json_fields.text("times", _said(store).get("times", "all"))


def _said(store: Store) -> Mapping[str, Any]:
    kept = store.attributes.get("settings")
    return kept if isinstance(kept, Mapping) else {}


def counts_of(store: Store) -> Counts | None:
    """What a run counted; None where its volume does not say.

    Raises:
        SurveyError: it says it wrongly.
    """
    kept = store.attributes.get("counts")
    if not isinstance(kept, Mapping):
        return None
    names = (field.name for field in dataclasses.fields(Counts))
    return Counts(
        **{name: json_fields.whole(0)(f"counts.{name}", kept.get(name)) for name in names}
    )


def ran(store: Store, survey: Survey) -> Extent:
    """The part of its survey that was run; all of it where a volume does not say.

    Raises:
        UsageError: the volume says it wrongly.
    """
    said = _said(store)
    lines, times = (
        None if text == "all" else extent.parse(text)
        for text in (json_fields.text("lines", said.get("lines", "all")), times_of(store))
    )
    crosswise = said.get("sections", survey.one_way) == "crossline"
    return extent.extent_of(survey, "crossline" if crosswise else "inline", lines, times)


def doubt(store: Store, survey: Survey) -> str | None:
    """What to warn of, in a line, where a volume was made of other amplitudes than a survey has
    that it lies on; None where it was not, or does not say.
    """
    kept = store.attributes.get(AMPLITUDES)
    return None if kept is None or kept == survey.amplitudes() else of_others(store, survey)


def of_others(store: Store, survey: Survey) -> str:
    """What to warn of where a volume was made of other amplitudes, however that is known."""
    return (
        f"amplitudes of {survey.path} are others than those that {store.path} was made of; is it "
        "the same survey?"
    )


def check_lies_on(store: Store, survey: Survey, numbered: bool = True) -> None:
    """Check that a volume was made of a survey, as far as its shape tells and, where they are
    ``numbered``, the numbers of its lines.

    Raises:
        UsageError: it has other lines or samples.
    """
    shape = (len(survey.inlines), len(survey.crosslines), len(survey.times_ms))
    name_it = "name the survey that the volume was made of"
    if store.shape != shape:
        raise UsageError(
            f"{store.path} is {' x '.join(map(str, store.shape))}, {survey.path} is "
            f"{' x '.join(map(str, shape))}: {name_it}"
        )
    for name, theirs in (("inline", survey.inlines), ("crossline", survey.crosslines)):
        mine = store.array(name)
        if numbered and not np.array_equal(mine, theirs):
            said, found = (f"{name}s {each[0]} to {each[-1]}" for each in (mine, theirs))
            raise UsageError(
                f"{store.path} has other lines, {said}, than {survey.path}, {found}: {name_it}"
            )
