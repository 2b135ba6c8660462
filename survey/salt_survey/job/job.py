"""One run of ``salt-survey``: from a survey to a published volume."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from pathlib import Path
from typing import Any, get_args

from salt_infer.backends.providers import ProviderRequest
from salt_infer.errors import UsageError
from salt_infer.execution.base import ModelRequest
from salt_infer.execution.request import ExecutorRequest
from salt_infer.job.journal import Journal, path_beside
from salt_infer.job.provenance import now
from salt_infer.job.watcher import Watcher
from salt_infer.modelfile.contract import Tta
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.model_info import ModelInfo
from salt_infer.system.location import real
from salt_infer.system.locks import NO_LOCKS
from salt_infer.system.output_locks import writing
from salt_infer.system.whole_files import write_whole
from salt_survey.execution.factory import open_executor
from salt_survey.execution.slabs import MIB, SlabDone, divide
from salt_survey.job import arguments
from salt_survey.job.fingerprint import SlabPrints
from salt_survey.job.journaled_run import JournaledRun
from salt_survey.job.plan import Plan
from salt_survey.job.publish import Targets
from salt_survey.job.run_report import SurveyReport
from salt_survey.reading.survey import Survey
from salt_survey.scan import describe
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import load
from salt_survey.sections.display import Direction, Stretch, Zoom
from salt_survey.sections.predict import batch_of
from salt_survey.sections.sampling import Sampling
from salt_survey.sections.settings import GATE, Calibration, Settings, Wishes, settled
from salt_survey.segy.write import headers_of
from salt_survey.volume import kept_headers
from salt_survey.volume.extent import (
    Extent,
    Range,
    Sections,
    beyond,
    extent_of,
    halved,
    small_sections,
)


@dataclasses.dataclass(frozen=True)
class Job:
    """What was asked for; None means the calibration's, else the default.

    Attributes:
        survey: SEG-Y, Zarr or ``.npy``.
        out: what to write.
        scan: JSON of ``salt-survey scan`` or ``calibrate``.
        overrides: what is otherwise than it was found.
        sections: direction of the sections.
        wishes: zoom, polarity, stretch, stride, threshold.
        gate: a tile that the judge gives no more than this is 0; 0..1.
        tta: test-time augmentation; the model's own if None.
        lines, times: the part of the survey.
        memory: bytes that the process may need.
        model: model file; the one that ships for the provider if None.
        provider: what is to run the model.
        executor: who is to carry it out, this process or Ray.
        restart: discard what an interrupted run has left.
        overwrite: replace files that exist.
    """

    survey: Path
    out: Targets
    scan: Path | None = None
    overrides: Overrides = dataclasses.field(default_factory=Overrides)
    sections: Sections = "inline"
    wishes: Wishes = dataclasses.field(default_factory=Wishes)
    gate: float = GATE
    tta: Tta | None = None
    lines: Range | None = None
    times: Range | None = None
    memory: int = 1024 * MIB
    model: Path | None = None
    provider: ProviderRequest = dataclasses.field(default_factory=ProviderRequest)
    executor: ExecutorRequest = dataclasses.field(default_factory=ExecutorRequest)
    restart: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        """Raise UsageError for what a program may give in place of these."""
        if self.sections not in get_args(Sections):
            raise UsageError(
                f"sections is {self.sections!r}, expected one of {', '.join(get_args(Sections))}"
            )
        arguments.check("survey", self.survey, Path)
        arguments.check("out", self.out, Targets)
        arguments.check("wishes", self.wishes, Wishes)
        for name, value, kind in (
            ("scan", self.scan, Path),
            ("model", self.model, Path),
            ("lines", self.lines, Range),
            ("times", self.times, Range),
            ("zoom", self.wishes.zoom, Zoom),
            ("stretch", self.wishes.stretch, Stretch),
        ):
            if value is not None:
                arguments.check(name, value, kind)
        if isinstance(self.memory, str):
            raise UsageError(f"memory is {self.memory!r}, expected bytes, a number")


def run(job: Job, watcher: Watcher | None = None) -> SurveyReport:
    """Carry out a job, and tell a watcher of it; its outputs are published whole or not at all.

    Finished slabs are in a hidden Zarr beside the output, and noted in a journal there: the same
    job goes on from them if it is ended before its time, by whatever it is.

    Raises:
        UsageError: the input or output cannot be used, or the journal is another run's.
        OutputError: the disk is full, or a folder cannot be written to.
        ModelError: the model cannot be loaded or fails.
        PackageError: Ray is to run it and is not installed.
        ExecutorError: Ray's cluster cannot be reached, has no room, or is gone.
    """
    started, began, watcher = time.perf_counter(), now(), watcher or Watcher()
    _check_outputs(job)
    with contextlib.ExitStack() as stack:
        scan = load(job.scan) if job.scan else None
        survey = stack.enter_context(Survey.open(job.survey, scan, job.overrides))
        plan = _planned(job, survey, watcher)
        # The journal keeps other runs from the Zarr; these they could have in common besides.
        others = (job.out.segy, job.out.horizons, job.out.report)
        unlocked = stack.enter_context(writing(*others, replaced=True))
        request, division = _model_request(job, plan), plan.division
        executor = stack.enter_context(
            open_executor(job.executor, request, division.sections, division.room, watcher.note)
        )
        plan = _by_model(plan, job, executor.model, watcher)
        used = _used(job, executor.model, plan.settings)
        prints = SlabPrints.of(used, survey, executor.model, division)
        journal = stack.enter_context(_journal(job, prints, len(division.slabs)))
        if journal.local or unlocked:
            watcher.note(f"{journal.path}: {NO_LOCKS}" if journal.local else unlocked)
        job.out.check(_inputs(job), job.overwrite, journal.published)
        under_way = JournaledRun(job.out, survey, executor, journal, plan, watcher)
        under_way.began = began
        with under_way.telling_what_is_kept():
            under_way.resume()
            under_way.startup_s = time.perf_counter() - started
            under_way.carry_out()
            report = under_way.publish(used)
            _write(report, journal, job)
        journal.remove()
        return report


def _inputs(job: Job) -> list[Path]:
    return [path for path in (job.survey, job.scan, job.model) if path]


def _check_outputs(job: Job) -> None:
    """Before anything is read. What is there may be ours, if the last run was ended as it put its
    outputs in place.
    """
    begun = os.access(path_beside(job.out.store), os.F_OK)
    job.out.check(_inputs(job), job.overwrite, job.out.real if begun else frozenset())


def _planned(job: Job, survey: Survey, watcher: Watcher) -> Plan:
    """With all said that makes the survey or the request doubtful."""
    describe.tell_warnings(survey.path, survey.scan, watcher)
    if job.out.segy:
        headers_of(survey)  # if there are none, that is said now and not when all is done
    found = survey.scan.calibration
    calibration = Calibration.from_dict(found) if found else None
    settings = settled(job.wishes, calibration, Sampling.of(survey.scan))
    extent = extent_of(survey, job.sections, job.lines, job.times)
    division = divide(extent, job.sections, settings.display, job.memory)
    warnings = _warnings(job, survey, extent, settings, watcher)
    why = halved(extent, job.sections, settings.display)
    return Plan(settings, calibration, extent, division, warnings, why)


def _warnings(
    job: Job, survey: Survey, extent: Extent, settings: Settings, watcher: Watcher
) -> tuple[str, ...]:
    """Say what the request makes doubtful; of this and of the survey, what the report has."""
    if settings.origin.source == "defaults":
        watcher.note(settings.origin.words)
    kept = kept_headers.doubts(survey) if job.out.segy else []
    more = (*small_sections(extent, job.sections, settings.display), *kept)
    for line in (*more, *filter(None, [beyond(survey, job.sections, job.lines)])):
        watcher.note(line)
    return survey.scan.warnings + more


def _by_model(plan: Plan, job: Job, model: SaltModel | ModelInfo, watcher: Watcher) -> Plan:
    """The plan, where a calibration is of another model with a warning of that."""
    calibration = plan.calibration
    if calibration is None or calibration.model == model.session.sha256:
        return plan
    line = (
        f"{job.scan} was calibrated with another model; name its file by --model, or calibrate anew"
    )
    watcher.note(line)
    return plan.doubted(line)


def _journal(job: Job, prints: SlabPrints, slabs: int) -> Journal[SlabDone]:
    return Journal(path_beside(job.out.store), prints, slabs, SlabDone.unpack, job.restart)


def _write(report: SurveyReport, done: Journal[SlabDone], job: Job) -> None:
    if job.out.report is None:
        return
    path = str(real(job.out.report))
    allowed = job.overwrite or path in done.published
    done.publishing([path])  # a resumed run may replace it
    write_whole(job.out.report, report.to_json().encode(), allowed)


def _used(job: Job, model: SaltModel | ModelInfo, settings: Settings) -> dict[str, Any]:
    """What a run is carried out with, by name, as its report and its journal have it."""
    return settings.display.to_dict() | {
        "threshold": settings.threshold,
        "gate": model.settings.gate,
        "tta": model.settings.tta,
        "sections": job.sections,
        "lines": str(job.lines or "all"),
        "times": str(job.times or "all"),
    }


def _model_request(job: Job, plan: Plan) -> ModelRequest:
    """The model as the job needs it; all batches are of one size."""
    direction: Direction = "crossline" if job.sections == "crossline" else "inline"
    tiles = batch_of(len(plan.extent.place(direction, plan.settings.display)))
    return ModelRequest(
        path=job.model, threshold=plan.settings.threshold, gate=job.gate, tta=job.tta, min_area=0,
        provider=job.provider, batch_size=tiles,
    )  # fmt: skip
