"""A finished run's volume held against interpreted lines: ``salt-survey score``."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from functools import reduce
from pathlib import Path
from typing import Any, Self

import numpy as np

from salt_infer.errors import UsageError
from salt_infer.system.callbacks import Tell
from salt_infer.system.output_checks import check_output
from salt_infer.system.output_locks import writing
from salt_infer.system.whole_files import write_whole
from salt_survey.calibration import labelled, orientation
from salt_survey.calibration.labelled import Label
from salt_survey.calibration.labels import Interpreted
from salt_survey.calibration.orientation import AS_DRAWN, Turned
from salt_survey.calibration.scoring import UNKNOWN, Agreement, Counts, known_within
from salt_survey.reading.survey import Survey
from salt_survey.scan.overrides import Overrides
from salt_survey.sections.settings import LineScore
from salt_survey.sections.tiling import Grey
from salt_survey.volume import finished
from salt_survey.volume.extent import Extent
from salt_survey.volume.store import Store

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
class VolumeScore:
    """How well a volume agrees with the interpreter of a line.

    Attributes:
        line: its name, or TOGETHER.
        label: the path of what was drawn; None of several lines.
        samples: those of what was run for which the label says what they are, at the threshold.
        score: IoU and the like; None of a line without salt, as they mean nothing there.
        found_where_unknown: samples found as salt of which the label does not say what they are.
    """

    line: str
    label: str | None
    samples: Counts
    score: LineScore | None
    found_where_unknown: int

    @classmethod
    def of(cls, line: str, label: Path | None, agreement: Agreement, threshold: float) -> Self:
        """In numbers."""
        samples = agreement.counts(threshold)
        salt = samples.found + samples.missed
        score = agreement.score(line, threshold) if salt else None
        more = agreement.found_where_unknown(threshold)
        return cls(line, str(label) if label else None, samples, score, more)

    def to_dict(self) -> dict[str, Any]:
        """For a report; without a score its numbers are null."""
        scores = dict.fromkeys(field.name for field in dataclasses.fields(LineScore))
        if self.score:
            scores = dataclasses.asdict(self.score)
        of = {"line": self.line, "label": self.label}
        more = {"found_where_unknown": self.found_where_unknown}
        return scores | of | self.samples._asdict() | more

    def words(self) -> str:
        """For people."""
        name = self.line if self.line == TOGETHER else f"line {self.line}"
        found, missed, wrong, right = self.samples
        taken = f"{_share(wrong, wrong + right)} without it taken for salt"
        if self.found_where_unknown:
            taken += f"; {self.found_where_unknown} more found, where the label is unknown"
        if not self.score:
            return f"{name}: no salt is labelled in what was run; {taken}"
        of_salt = f"{_share(found, found + missed)} with salt found"
        return f"{name}: {self.score.words()}; {of_salt}, {taken}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole if whole else 0:.2%} of {whole} samples"


@dataclasses.dataclass(frozen=True)
class Scores:
    """How well a volume agrees with interpreters.

    Attributes:
        volume: its path.
        threshold: a sample is salt above this.
        lines: a score each; of several the last is of all their samples together.
        times: that were run, as ``A:B`` in ms, or ``all``; only these are scored.
        warnings: what may make the scores other than they look.
    """

    volume: str
    threshold: float
    lines: tuple[VolumeScore, ...]
    times: str = "all"
    warnings: tuple[str, ...] = ()

    def to_json(self) -> str:
        """All of it, indented, with a line end."""
        lines = [each.to_dict() for each in self.lines]
        value = {"volume": self.volume, "threshold": self.threshold, "times": self.times}
        value |= {"lines": lines}
        return json.dumps(value | {"warnings": self.warnings}, indent=2) + "\n"

    def words(self) -> list[str]:
        """The same for people, without the warnings."""
        part = "" if self.times == "all" else f", within the times that were run, {self.times}"
        return [f"threshold {self.threshold:g}{part}", *(each.words() for each in self.lines)]


def run(job: ScoreJob, tell: Tell) -> Scores:
    """Score a volume, and write the report if one was asked for.

    Args:
        job: what was asked for.
        tell: warnings, a line each.

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
        doubt = finished.doubt(store, survey)
        found = _scored(job, store, survey, [doubt] if doubt else [])
        for warning in found.warnings:
            tell(warning)
        if job.report:
            write_whole(job.report, found.to_json().encode(), job.overwrite)
    return found


def _scored(job: ScoreJob, store: Store, survey: Survey, warnings: list[str]) -> Scores:
    threshold = finished.threshold_of(store) if job.threshold is None else job.threshold
    ran = finished.ran(store, survey)
    each = {label: _turned(store, survey, label, ran) for label in job.labels}
    doubts = (orientation.doubt(label.name, of.ious(threshold)) for label, of in each.items())
    warnings += filter(None, doubts)
    lines = [
        VolumeScore.of(label.name, label.path, turned[AS_DRAWN], threshold)
        for label, turned in each.items()
    ]
    if len(each) > 1:
        all_of_them = reduce(Agreement.joined, (turned[AS_DRAWN] for turned in each.values()))
        lines.append(VolumeScore.of(TOGETHER, None, all_of_them, threshold))
    times = finished.times_of(store)
    return Scores(str(job.volume), threshold, tuple(lines), times, tuple(warnings))


def _turned(store: Store, survey: Survey, label: Label, ran: Extent) -> Turned:
    line = Interpreted.read(label, [survey], dry=True)
    section = line.recorded.section
    drawn = _of_what_was_run(line.label, label, section.place, ran)
    return Turned.of(store.line(section.direction, section.place), drawn)


def _of_what_was_run(drawn: Grey, label: Label, place: int, ran: Extent) -> Grey:
    """The label [samples, traces], unknown where nothing was run.

    Raises:
        UsageError: the line was not, or nothing that the label knows of was.
    """
    of = f"{label.direction} {label.number}"
    if (part := ran.of_section(label.direction, place)) is None:
        raise UsageError(f"{of} was not run, as the run had --lines; give a line that was")
    known = known_within(drawn, part)
    if np.all(known == UNKNOWN):
        raise UsageError(
            f"nothing of {of} that {label.path} has as salt or none was recorded and run; give "
            "another line"
        )
    return known
