"""A finished run's volume held against interpreted lines: ``salt-survey score``."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path

import numpy as np

from salt_infer.errors import UsageError
from salt_infer.system.files import check_output, write_whole, writing
from salt_survey.calibration import labelled
from salt_survey.calibration.labelled import Label
from salt_survey.calibration.labels import Interpreted
from salt_survey.calibration.scoring import SALT, UNKNOWN, Agreement
from salt_survey.reading.survey import Survey
from salt_survey.run import finished
from salt_survey.run.slabs import Extent
from salt_survey.run.store import Store
from salt_survey.scan.overrides import Overrides
from salt_survey.sections.sampling import Sampling
from salt_survey.sections.settings import LineScore, Wishes, settled
from salt_survey.sections.tiling import Grey

TOGETHER = "all of them"  # instead of a line's name


@dataclasses.dataclass(frozen=True)
class ScoreJob:
    """What was asked for.

    Attributes:
        survey: that the volume was made of.
        volume: a run's.
        labels: interpreted lines, each once.
        threshold: a sample is salt above this; the run's own if None.
        report: where to write the scores as JSON.
        overrides: what the user says of the survey.
        overwrite: replace a report that exists.
    """

    survey: Path
    volume: Path
    labels: tuple[Label, ...]
    threshold: float | None = None
    report: Path | None = None
    overrides: Overrides = dataclasses.field(default_factory=Overrides)
    overwrite: bool = False


@dataclasses.dataclass(frozen=True)
class Scores:
    """How well a volume agrees with interpreters.

    Attributes:
        volume: its path.
        threshold: a sample is salt above this.
        lines: a score each; of several the last is of all their pixels together.
    """

    volume: str
    threshold: float
    lines: tuple[LineScore, ...]

    def to_json(self) -> str:
        """All of it, indented, with a line end."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    def words(self) -> list[str]:
        """The same for people."""
        names = [each.line if each.line == TOGETHER else f"line {each.line}" for each in self.lines]
        scores = zip(names, self.lines, strict=True)
        return [
            f"threshold {self.threshold:g}", *(f"{name}: {each.words()}" for name, each in scores),
        ]  # fmt: skip


def run(job: ScoreJob, tell: Callable[[str], None]) -> Scores:
    """Score a volume, and write the report if one was asked for.

    Raises:
        UsageError: the volume is of another survey, or a line was not run.
        SurveyError: the survey or a label cannot be read as asked.
    """
    labelled.check_each_once(job.labels)
    if job.report:
        inputs = [job.survey, job.volume, *(label.path for label in job.labels)]
        check_output(job.report, ".json", inputs, job.overwrite)
    store = Store.open(job.volume)
    with contextlib.ExitStack() as stack:
        if unlocked := stack.enter_context(writing(job.report)):
            tell(unlocked)
        survey = stack.enter_context(finished.survey_of(store, job.survey, job.overrides))
        finished.check_lies_on(store, survey)
        if doubt := finished.doubt(store, survey):
            tell(doubt)
        threshold = job.threshold
        if threshold is None:
            otherwise = settled(Wishes(), None, Sampling.of(survey.scan))
            threshold = finished.settings_of(store, otherwise).threshold
        found = Scores(str(job.volume), threshold, _scored(store, survey, job.labels, threshold))
        if job.report:
            write_whole(job.report, found.to_json().encode(), job.overwrite)
    return found


def _scored(
    store: Store, survey: Survey, labels: Sequence[Label], threshold: float
) -> tuple[LineScore, ...]:
    ran = finished.ran(store, survey)
    each = {label.name: _agreement(store, survey, label, ran) for label in labels}
    if len(each) > 1:
        each[TOGETHER] = reduce(Agreement.joined, each.values())
    return tuple(agreement.score(name, threshold) for name, agreement in each.items())


def _agreement(store: Store, survey: Survey, label: Label, ran: Extent) -> Agreement:
    line = Interpreted.read(label, [survey])
    section = line.recorded.section
    drawn = _of_what_was_run(line.label, label, section.place, ran)
    where = slice(section.place, section.place + 1)
    salt = store.read("probability", label.direction, where)
    return Agreement.of(salt.squeeze(0 if label.direction == "inline" else 1).T, drawn)


def _of_what_was_run(drawn: Grey, label: Label, place: int, ran: Extent) -> Grey:
    """The label [samples, traces], unknown where nothing was run.

    Raises:
        UsageError: the line was not, or none of its salt was recorded, or run.
    """
    of = f"{label.direction} {label.number}"
    if not np.any(drawn == SALT):
        raise UsageError(f"the salt of {label.path} lies where nothing of {of} was recorded")
    lines, across = ran.inlines, ran.crosslines
    if label.direction == "crossline":
        lines, across = across, lines
    if not lines[0] <= place < lines[1]:
        raise UsageError(f"{of} was not run, as the run had --lines; give a line that was")
    known = np.full_like(drawn, UNKNOWN)
    part = (slice(*ran.samples), slice(*across))
    known[part] = drawn[part]
    if not np.any(known == SALT):
        raise UsageError(
            f"the run had --times or --lines that leave out all salt of {label.path}; give another "
            "line"
        )
    return known
