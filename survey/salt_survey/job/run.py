"""One run of ``salt-survey``: from a survey to a published volume."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from pathlib import Path

from salt_infer.job.journal import Journal, path_beside
from salt_infer.job.watcher import Watcher
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.model_info import ModelInfo
from salt_infer.system.files import writing
from salt_infer.system.locks import NO_LOCKS
from salt_survey.execution.factory import open_executor
from salt_survey.execution.slab_work import Work
from salt_survey.execution.slabs import Division, SlabDone, divide
from salt_survey.job.job import Job, SlabPrints, model_request
from salt_survey.job.journaled_run import JournaledRun
from salt_survey.job.run_report import SurveyReport
from salt_survey.reading.survey import Survey
from salt_survey.scan import describe
from salt_survey.scan.record import load
from salt_survey.sections.sampling import Sampling
from salt_survey.sections.settings import Calibration, Settings, settled
from salt_survey.segy.write import headers_of
from salt_survey.volume import kept_headers
from salt_survey.volume.extent import Extent, extent_of, small_sections


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a job comes to for its survey.

    Attributes:
        settings: as asked for, calibrated or by default.
        calibration: what the survey's scan has of it.
        extent: the part of the survey.
        division: of that into slabs.
        warnings: what may make the volume other than it looks, a line each.
    """

    settings: Settings
    calibration: Calibration | None
    extent: Extent
    division: Division
    warnings: tuple[str, ...]

    @property
    def work(self) -> Work:
        """What is done with every slab."""
        settings, division = self.settings, self.division
        return Work(
            settings.display, self.extent.samples, division.block, settings.threshold, division.room
        )


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
    started, watcher = time.perf_counter(), watcher or Watcher()
    _check_outputs(job)
    with contextlib.ExitStack() as stack:
        scan = load(job.scan) if job.scan else None
        survey = stack.enter_context(Survey.open(job.survey, scan, job.overrides))
        plan = _planned(job, survey, watcher)
        # The journal keeps other runs from the Zarr; these they could have in common besides.
        others = (job.out.segy, job.out.horizons, job.out.report)
        unlocked = stack.enter_context(writing(*others, replaced=True))
        request, division = model_request(job, plan.extent, plan.settings), plan.division
        executor = stack.enter_context(
            open_executor(job.executor, request, division.sections, division.room, watcher.note)
        )
        plan = _by_model(plan, job, executor.model, watcher)
        journal = stack.enter_context(_journal(job, survey, executor.model, plan))
        if journal.local or unlocked:
            watcher.note(f"{journal.path}: {NO_LOCKS}" if journal.local else unlocked)
        job.out.check(_inputs(job), job.overwrite, journal.published)
        under_way = JournaledRun(job, survey, executor, journal, division, plan.work, watcher)
        with under_way.telling_what_is_kept():
            under_way.resume()
            under_way.startup_s = time.perf_counter() - started
            under_way.carry_out()
            report = under_way.publish(plan.settings, plan.warnings)
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
    return Plan(settings, calibration, extent, division, warnings)


def _warnings(
    job: Job, survey: Survey, extent: Extent, settings: Settings, watcher: Watcher
) -> tuple[str, ...]:
    """Say what the request makes doubtful; of this and of the survey, what the report has."""
    if settings.origin.source == "defaults":
        watcher.note(settings.origin.words)
    kept = kept_headers.doubts(survey) if job.out.segy else []
    more = (*small_sections(extent, job.sections, settings.display), *kept)
    for line in more:
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
    return dataclasses.replace(
        plan, settings=plan.settings.with_another_model(), warnings=(*plan.warnings, line)
    )


def _journal(
    job: Job, survey: Survey, model: SaltModel | ModelInfo, plan: Plan
) -> Journal[SlabDone]:
    prints = SlabPrints.of(job, survey, model, plan.settings, plan.division)
    slabs, path = len(plan.division.slabs), path_beside(job.out.store)
    return Journal(path, prints, slabs, SlabDone.unpack, job.restart)
