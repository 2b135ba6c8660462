"""A run under way: slabs go into the store, and are noted and counted; then all is published."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from salt_infer.execution.stage_clock import StageClock
from salt_infer.job.journal import Journal
from salt_infer.job.model_report import ModelReport
from salt_infer.job.provenance import Provenance, now, software
from salt_infer.job.watcher import Watcher
from salt_infer.system import signals
from salt_infer.system.location import real
from salt_infer.system.whole_files import discard
from salt_survey.errors import SurveyError
from salt_survey.execution import slab_work
from salt_survey.execution.executors import SlabExecutor, Volumes
from salt_survey.execution.slabs import SlabDone
from salt_survey.job.plan import Plan
from salt_survey.job.publish import Targets
from salt_survey.job.run_report import SurveyReport, counted
from salt_survey.reading.survey import Survey
from salt_survey.segy.write import write_like
from salt_survey.volume import finished, horizons, text_lines
from salt_survey.volume.counts import Counts
from salt_survey.volume.store import Store
from salt_survey.volume.trace_lookup import Traces


class JournaledRun:
    """A run under way: slabs go into the store, and are noted and counted."""

    def __init__(
        self, out: Targets, survey: Survey, executor: SlabExecutor, journal: Journal[SlabDone],
        plan: Plan, watcher: Watcher,
    ) -> None:  # fmt: skip
        self._out, self._survey, self._executor, self._journal = out, survey, executor, journal
        self._plan, self._watcher = plan, watcher
        self._division, self._work = plan.division, plan.work
        self._clock, self.startup_s, self._resumed = StageClock(), 0.0, 0
        self.began = now()
        self._as_begun = survey.digest()
        self._store = self._opened()
        survey.forget_positions()

    def _opened(self) -> Store:
        """The store: of an earlier run that goes on, published already, or new."""
        targets = self._out
        if not len(self._journal):
            discard(targets.partial)
        if targets.partial.exists():
            _remove_halves(targets.partial)
            return Store.open(targets.partial, writable=True)
        if str(real(targets.store)) in self._journal.published and targets.store.exists():
            return Store.open(real(targets.store), writable=True)
        for number in list(self._journal.done()):
            self._journal.forget(number)
        try:
            return Store.create(targets.partial, self._survey, self._division.volumes)
        except BaseException:
            with contextlib.suppress(OSError):
                discard(targets.partial)
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
        """Run all that is missing.

        Raises:
            ModelError: the model failed.
            SurveyError: the survey cannot be read any more.
            InputError: the store is damaged.
            OutputError: the disk is full.
            ExecutorError: those who run it are gone.
        """
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
    def telling_what_is_kept(self) -> Iterator[None]:
        """Where the run ends before its time, say that it can go on."""
        try:
            yield
        except BaseException as error:
            slabs = (self._division.slabs[number] for number in self._journal.done())
            if kept := sum(len(slab) for slab in slabs if slab.kind != "mean"):
                self._watcher.kept(self._journal.path, kept, self._division.sections)
            else:
                if isinstance(error, KeyboardInterrupt | SystemExit):
                    self._watcher.note("no slab was finished: the same command begins anew")
                with contextlib.suppress(OSError):
                    discard(self._out.partial)
            raise

    def publish(self, used: Mapping[str, Any]) -> SurveyReport:
        """Write what is made from the volume, put all in place, and say what was done.

        Args:
            used: what the run was carried out with, by name.

        Raises:
            OutputError: the disk is full, or a folder has become read-only.
            SurveyError: the survey cannot be read any more, or was changed since the run began.
        """
        self._check_unchanged()
        started, plan = time.perf_counter(), self._plan
        settings = {**used, "calibration": plan.settings.origin.words}
        counts = counted(self._journal, self._division)
        if plan.if_nothing and not counts.salt:
            self._watcher.note(plan.if_nothing)
        self._store.describe(self._attributes(settings, counts))
        segy, surfaces = (partial(each, settings) for each in (self._segy, self._surfaces))
        self._out.publish(segy, surfaces, self._journal.publishing)
        return self._report(settings, counts, time.perf_counter() - started)

    def _check_unchanged(self) -> None:
        """Probabilities, headers and what they are known again by are to be of one file."""
        try:
            if self._survey.digest() == self._as_begun:
                return
        except OSError as error:
            raise SurveyError(
                f"{self._survey.path} is no longer there ({error.strerror or error}); bring it back"
            ) from error
        self._journal.remove()
        raise SurveyError(
            f"{self._survey.path} was changed or replaced during the run, so that what was found "
            "is of another; nothing of it is kept: run this again when nothing writes to it"
        )

    def _attributes(self, settings: dict[str, Any], counts: Counts) -> dict[str, Any]:
        session = self._executor.model.session
        return {
            "scan": self._survey.scan.to_dict(),
            finished.AMPLITUDES: self._survey.amplitudes(),
            "model": {"sha256": session.sha256, "name": session.path.name},
            "made_with": software(self._executor.model),
            "settings": settings,
            "counts": dataclasses.asdict(counts),
        }

    def _segy(self, settings: dict[str, Any], path: Path) -> None:
        told = text_lines.lines("probability", settings)
        traces = Traces(Store.open(self._store.path))
        write_like(self._survey, path, traces, told, overwrite=True)
        self._check_unchanged()

    def _surfaces(self, settings: dict[str, Any], folder: Path) -> None:
        """Top and base of salt, and a note of traces in which they were not seen."""
        store, work = Store.open(self._store.path), self._work
        for surface in horizons.write(folder, store, self._survey, work.samples, work.threshold):
            if doubt := surface.doubt(settings["times"]):
                self._watcher.note(doubt)
        self._check_unchanged()

    def _report(self, settings: dict[str, Any], counts: Counts, publish_s: float) -> SurveyReport:
        return SurveyReport(
            out=str(self._out.store),
            sections=self._division.sections,
            resumed=self._resumed,
            counts=counts,
            timing=self._clock.timing(self.startup_s, publish_s),
            engine=self._executor.about(),
            model=ModelReport.of(self._executor.model),
            provenance=Provenance.of(
                str(real(self._survey.path)), self._executor.model, self.began
            ),
            settings=settings,
            origin=self._plan.settings.origin.brief,
            warnings=self._plan.warnings,
            notes=self._survey.scan.notes,
        )


def _remove_halves(store: Path) -> None:
    """Of the chunks that were being written when a run was killed: Zarr writes them under another
    name, which would be published.
    """
    for half in store.rglob("*.partial"):
        discard(half)
