"""One run of ``salt-survey``: from a survey to a published volume."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from typing import Any

from salt_infer.execution.stage_clock import StageClock
from salt_infer.job.journal import Journal, path_beside
from salt_infer.job.run_report import describe_model
from salt_infer.job.watcher import Watcher
from salt_infer.system import files, signals
from salt_infer.system.files import write_whole, writing
from salt_infer.system.locks import NO_LOCKS
from salt_survey.reading.survey import Survey
from salt_survey.run import finished, horizons, kept_headers, slab_work, text_lines
from salt_survey.run.executors import SlabExecutor, Volumes
from salt_survey.run.extent import extent_of, small_sections
from salt_survey.run.factory import open_executor
from salt_survey.run.job import Job, SlabPrints, model_request
from salt_survey.run.run_report import Counts, SurveyReport
from salt_survey.run.slab_work import Work
from salt_survey.run.slabs import Division, Extent, SlabDone, divide
from salt_survey.run.store import Store
from salt_survey.run.trace_lookup import Traces
from salt_survey.scan import describe
from salt_survey.scan.record import load
from salt_survey.sections.sampling import Sampling
from salt_survey.sections.settings import ADVICE, Calibration, Settings, settled
from salt_survey.segy.write import headers_of, write_like


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
    inputs = [path for path in (job.survey, job.scan, job.model) if path]
    # What is there may be ours, if the last run was ended as it put its outputs in place.
    begun = os.access(path_beside(job.out.store), os.F_OK)
    job.out.check(inputs, job.overwrite, job.out.real if begun else frozenset())
    scan = load(job.scan) if job.scan else None
    with contextlib.ExitStack() as stack:
        survey = stack.enter_context(Survey.open(job.survey, scan, job.overrides))
        describe.tell_warnings(survey.path, survey.scan, watcher)
        if job.out.segy:
            headers_of(survey)  # if there are none, that is said now and not when all is done
        calibration = _calibration(survey)
        settings = settled(job.wishes, calibration, Sampling.of(survey.scan))
        extent = extent_of(survey, job.sections, job.lines, job.times)
        division = divide(extent, job.sections, settings.look, job.memory)
        request = model_request(job, extent, settings)
        warnings = _warnings(job, survey, extent, settings, watcher)
        # The journal keeps other runs from the Zarr; these they could have in common besides.
        others = (job.out.segy, job.out.horizons, job.out.report)
        unlocked = stack.enter_context(writing(*others, replaced=True))
        executor = stack.enter_context(
            open_executor(job.executor, request, division.sections, division.room, watcher.note)
        )
        if calibration and calibration.model != executor.model.session.sha256:
            line = (
                f"{job.scan} was calibrated with another model; name its file by --model, or "
                "calibrate anew"
            )
            watcher.note(line)
            settings, warnings = settings.with_another_model(), (*warnings, line)
        prints = SlabPrints.of(job, survey, executor.model, settings, division)
        journal = stack.enter_context(
            Journal(
                path_beside(job.out.store), prints, len(division.slabs), SlabDone.unpack,
                job.restart,
            )
        )  # fmt: skip
        if journal.local or unlocked:
            watcher.note(f"{journal.path}: {NO_LOCKS}" if journal.local else unlocked)
        job.out.check(inputs, job.overwrite, journal.published)
        work = Work(
            settings.look, extent.samples, division.block, settings.threshold, division.room
        )
        under_way = _Run(job, survey, executor, journal, division, work, watcher)
        with under_way.telling_what_is_kept():
            under_way.resume()
            under_way.startup_s = time.perf_counter() - started
            under_way.carry_out()
            report = under_way.publish(settings, warnings)
        journal.remove()
        return report


def _warnings(
    job: Job, survey: Survey, extent: Extent, settings: Settings, watcher: Watcher
) -> tuple[str, ...]:
    """Say what the request makes doubtful; of this and of the survey, what the report has."""
    if not settings.calibrated:
        watcher.note(settings.origin)
    kept = kept_headers.doubts(survey) if job.out.segy else []
    more = (*small_sections(extent, job.sections, settings.look), *kept)
    for line in more:
        watcher.note(line)
    return survey.scan.warnings + more


def _calibration(survey: Survey) -> Calibration | None:
    found = survey.scan.calibration
    return Calibration.from_dict(found) if found else None


class _Run:
    """A run under way: slabs go into the store, and are noted and counted."""

    def __init__(
        self, job: Job, survey: Survey, executor: SlabExecutor, journal: Journal[SlabDone],
        division: Division, work: Work, watcher: Watcher,
    ) -> None:  # fmt: skip
        self._job, self._survey, self._executor, self._journal = job, survey, executor, journal
        self._division, self._work, self._watcher = division, work, watcher
        self._clock, self.startup_s, self._resumed = StageClock(), 0.0, 0
        self._store = self._opened()
        survey.forget_positions()

    def _opened(self) -> Store:
        """The store: of an earlier run that goes on, published already, or new."""
        targets = self._job.out
        if not len(self._journal):
            files.discard(targets.partial)
        if targets.partial.exists():
            return Store.open(targets.partial, writable=True)
        if str(files.real(targets.store)) in self._journal.published and targets.store.exists():
            return Store.open(files.real(targets.store), writable=True)
        for number in list(self._journal.done()):
            self._journal.forget(number)
        try:
            return Store.create(targets.partial, self._survey, self._division.volumes)
        except BaseException:
            with contextlib.suppress(OSError):
                files.discard(targets.partial)
            raise

    def resume(self) -> None:
        """Count what is done; a slab that is not in the store as it was written is run again."""
        slabs, again = self._division.slabs, 0
        with signals.deferred_signals() as check:
            for number in list(self._journal.done()):
                check()
                slab = slabs[number]
                if slab_work.is_there(slab, self._journal[number], self._work, self._store):
                    self._resumed += 0 if slab.kind == "mean" else len(slab)
                else:
                    self._journal.forget(number)
                    again += len(slab)
        if self._resumed or again:
            self._watcher.resumed(self._journal.path, self._resumed, self._division.sections, again)
        self._watcher.started(self._division.sections, self._resumed)

    def carry_out(self) -> None:
        """Run all that is missing; errors as of :func:`run`."""
        missing = [self._division.slabs[number] for number in self._journal.missing()]
        sections = [slab for slab in missing if slab.kind != "mean"]
        volumes = Volumes(self._survey, self._store.path)
        with signals.deferred_signals() as check, self._clock.running():
            if sections:
                done = self._executor.finished(
                    sections, self._work, volumes, self._clock, check, self._watcher.advanced
                )
                # Closed at once where a signal ends this loop: what is in flight is dropped.
                with contextlib.closing(done):
                    for each in done:
                        self._journal.append(each)
            for slab in missing:
                if slab.kind == "mean":
                    check()
                    self._journal.append(slab_work.mean_slab(slab, self._work, self._store))

    @contextlib.contextmanager
    def telling_what_is_kept(self) -> Any:
        """Where the run ends before its time, say that it can go on."""
        try:
            yield
        except BaseException:
            slabs = (self._division.slabs[number] for number in self._journal.done())
            if kept := sum(len(slab) for slab in slabs if slab.kind != "mean"):
                self._watcher.kept(self._journal.path, kept, self._division.sections)
            else:
                with contextlib.suppress(OSError):
                    files.discard(self._job.out.partial)
            raise

    def publish(self, settings: Settings, warnings: tuple[str, ...]) -> SurveyReport:
        """Write what is made from the volume, put all in place, and say what was done."""
        started, job = time.perf_counter(), self._job
        counts = Counts.of(self._journal, self._division)
        if settings.by_hand and not counts.salt:
            self._watcher.note(f"no salt was found at this zoom and polarity{ADVICE}")
        self._store.describe(self._attributes(settings, counts))
        path = self._store.path

        def segy(partial: Any) -> None:
            told = text_lines.lines("probability", self._settings(settings))
            traces = Traces(Store.open(path))
            write_like(self._survey, partial, traces, told, overwrite=True)

        def surfaces(partial: Any) -> None:
            store, samples = Store.open(path), self._work.samples
            unseen = horizons.write(partial, store, self._survey, samples, settings.threshold)
            for name, count in zip(("top", "base"), unseen, strict=True):
                if count:
                    self._watcher.note(
                        f"{name}.txt has no line for {count} traces in which salt goes on to the "
                        f"{'last' if name == 'base' else 'first'} sample recorded"
                        + (", or run" if self._job.times else "")
                    )

        job.out.publish(segy, surfaces, self._journal.publishing)
        report = SurveyReport(
            out=str(job.out.store),
            sections=self._division.sections,
            resumed=self._resumed,
            counts=counts,
            timing=self._clock.timing(self.startup_s, time.perf_counter() - started),
            engine=self._executor.about(),
            model=describe_model(self._executor.model),
            settings=self._settings(settings),
            warnings=warnings,
            notes=self._survey.scan.notes,
        )
        if job.out.report:
            mine = str(files.real(job.out.report)) in self._journal.published
            self._journal.publishing([str(files.real(job.out.report))])
            write_whole(job.out.report, report.to_json().encode(), job.overwrite or mine)
        return report

    def _settings(self, settings: Settings) -> dict[str, Any]:
        job, model = self._job, self._executor.model
        return settings.look.to_dict() | {
            "threshold": settings.threshold,
            "gate": model.settings.gate,
            "tta": model.settings.tta,
            "sections": job.sections,
            "lines": str(job.lines or "all"),
            "times": str(job.times or "all"),
            "calibration": settings.origin,
        }

    def _attributes(self, settings: Settings, counts: Counts) -> dict[str, Any]:
        session = self._executor.model.session
        return {
            "scan": self._survey.scan.to_dict(),
            finished.AMPLITUDES: self._survey.amplitudes(),
            "model": {"sha256": session.sha256, "name": session.path.name},
            "settings": self._settings(settings),
            "counts": dataclasses.asdict(counts),
        }
