"""One call of ``salt-survey calibrate``: from interpreted lines to a scan with what suits them."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

from salt_infer.backends.providers import ProviderRequest
from salt_infer.job.watcher import Watcher
from salt_infer.predictor.model import SaltModel
from salt_infer.system.output_checks import check_output
from salt_infer.system.output_locks import writing
from salt_infer.system.signals import deferred_signals
from salt_infer.system.whole_files import write_whole
from salt_survey.calibration import labelled
from salt_survey.calibration.calibrate import Sweep, calibrate
from salt_survey.calibration.labelled import Label
from salt_survey.calibration.labels import FALLS, Interpreted
from salt_survey.errors import SurveyError
from salt_survey.reading.survey import Survey
from salt_survey.scan import describe
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import load
from salt_survey.sections.display import Display
from salt_survey.sections.predict import BATCH
from salt_survey.sections.sampling import Sampling
from salt_survey.sections.settings import GATE, MARGIN, Calibration, LineScore

_WITH = ", or the file that it is in by --with"


@dataclasses.dataclass(frozen=True)
class CalibrationJob:
    """What was asked for.

    Attributes:
        survey: SEG-Y, Zarr or ``.npy``, to be run by what is found.
        labels: interpreted lines, each once.
        out: JSON of a scan to write.
        others: files of the same survey, that labelled lines may be in.
        scan: how to read the survey; scanned anew if None.
        sweep: which settings to try.
        model: model file; None for the one that suits the provider.
        provider: what runs it.
        overrides: what the user says of the survey.
        overwrite: replace ``out``; a scan that is read is replaced in any case.
    """

    survey: Path
    labels: tuple[Label, ...]
    out: Path
    others: tuple[Path, ...] = ()
    scan: Path | None = None
    sweep: Sweep = dataclasses.field(default_factory=Sweep)
    model: Path | None = None
    provider: ProviderRequest = dataclasses.field(default_factory=ProviderRequest)
    overrides: Overrides = dataclasses.field(default_factory=Overrides)
    overwrite: bool = False

    @property
    def replaces(self) -> bool:
        """Whether what is at ``out`` is replaced."""
        return self.overwrite or self.out == self.scan


def run(job: CalibrationJob, watcher: Watcher) -> list[str]:
    """Write the scan; returns what was found, a line each.

    Args:
        job: what was asked for.
        watcher: is told of settings that are done, and what there is to warn of.

    Raises:
        UsageError: an input or output cannot be used.
        SurveyError: the survey or a label cannot be read as asked.
        ModelError: the model failed.
        OutputError: the disk is full.
    """
    labelled.check_each_once(job.labels)
    inputs = [job.survey, *job.others, *(label.path for label in job.labels)]
    check_output(job.out, ".json", inputs, job.replaces)
    with contextlib.ExitStack() as stack:
        if unlocked := stack.enter_context(writing(job.out)):
            watcher.note(unlocked)
        known = load(job.scan) if job.scan else None
        surveys = [stack.enter_context(Survey.open(job.survey, known, job.overrides))]
        surveys += [stack.enter_context(_opened(each, job.overrides)) for each in job.others]
        scan, sampling = surveys[0].scan, Sampling.of(surveys[0].scan)
        found = _found(job, _lines(job, surveys, watcher), sampling, watcher)
        written = dataclasses.replace(scan, calibration=found.to_dict())
        write_whole(job.out, written.to_json().encode(), job.replaces)
    use = f"-> {job.out}; use it by salt-survey run {job.survey} --scan {job.out}"
    return [*described(found, sampling), use]


def _opened(path: Path, overrides: Overrides) -> Survey:
    """Another file, which need not be as the first one: what is said of that holds for this where
    it cannot be read without.
    """
    try:
        return Survey.open(path)
    except SurveyError:
        return Survey.open(path, None, overrides)


def _lines(job: CalibrationJob, surveys: list[Survey], watcher: Watcher) -> list[Interpreted]:
    for each in surveys:
        describe.tell_warnings(each.path, each.scan, watcher)
    lines = [Interpreted.read(label, surveys, _WITH) for label in job.labels]
    for line in lines:
        if line.falls:
            watcher.note(f"line {line.name}: {FALLS}")
    return lines


def _found(
    job: CalibrationJob, lines: list[Interpreted], sampling: Sampling, watcher: Watcher
) -> Calibration:
    model = SaltModel.load(
        job.model, gate=GATE, provider=job.provider, batch_size=BATCH, tell=watcher.note
    )
    many = f"{len(lines)} line" + "s" * (len(lines) != 1)
    watcher.note(f"trying {len(job.sweep)} settings on {many}")
    watcher.started(len(job.sweep) * len(lines))
    doubts: list[str] = []
    with deferred_signals() as check:
        found = calibrate(lines, model, job.sweep, sampling, watcher.advanced, check, doubts.append)
    for said in doubts:
        watcher.note(f"warning: {said}")
    return found


def described(found: Calibration, sampling: Sampling) -> list[str]:
    """What was found, for people; ``sampling``: of the survey that it is for."""
    default = sampling.display(Display())
    lines = [f"taken: {found.look}, threshold {found.threshold:g}"]
    lines += map(_score, found.lines)
    lines += [f"{'also good' if _as_good(found) else 'next best'}: {found.second}"]
    lines += map(_score, found.second_lines)
    little = max(score.iou for score in found.lines) < 0.3
    lines += [
        "the first is taken because the zooms beside it do "
        f"{'better than those beside others' if little else 'well too'}, where one that does well "
        f"alone is luck; of all that do as well, within {MARGIN:g} of IoU, it is the nearest to "
        f"the default{sampling.words and f' for {sampling.words}'}, {default.zoom}. The other may "
        "find more of these lines"
    ]
    if len(found.lines) == 1:
        lines += ["on one line alone; a second one tells whether it holds"]
    if little:
        lines += ["no setting finds much of the salt: look at the tiles before you trust a run"]
    return lines


def _as_good(found: Calibration) -> bool:
    first, second = (
        sum(score.iou for score in scores) / len(scores)
        for scores in (found.lines, found.second_lines)
    )
    return second >= first - MARGIN


def _score(score: LineScore) -> str:
    return f"  line {score.line}: {score.words()}"
