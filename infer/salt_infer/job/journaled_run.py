"""A run under way: what is done goes into the journal and is counted."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from salt_infer.data import oddities
from salt_infer.data.source import BadTile, TileSource
from salt_infer.errors import BadTilesError
from salt_infer.execution import pipeline
from salt_infer.execution.base import Executor
from salt_infer.execution.pipeline import RunOptions
from salt_infer.execution.results import FinishedGroup, Row
from salt_infer.execution.stage_clock import StageClock
from salt_infer.job.journal import Journal
from salt_infer.job.model_report import ModelReport
from salt_infer.job.provenance import Provenance, now
from salt_infer.job.run_report import RunReport
from salt_infer.job.watcher import Watcher
from salt_infer.predictor.settings import Settings
from salt_infer.system import signals

OnError = Literal["stop", "skip", "empty"]


class JournaledRun:
    """Takes tiles from a source to the journal.

    What it keeps in memory is 8 bytes a batch, and the bad tiles.

    Attributes:
        journal: what is done.
        startup_s, publish_s: told by the caller, for the report.
    """

    def __init__(
        self,
        source: TileSource,
        executor: Executor,
        journal: Journal[FinishedGroup],
        options: RunOptions,
        on_error: OnError,
        watcher: Watcher,
    ) -> None:
        """Nothing is run yet.

        Args:
            source: the tiles.
            executor: who runs them.
            journal: of this run; what it has is not run again.
            options: how the work is cut up, and what is kept of it.
            on_error: what a bad tile does: end the run, be left out, or get an empty mask.
            watcher: told of the progress.

        Raises:
            ValueError: the source's tiles are not sorted by id, as rows have to be.
        """
        if any(later.id <= tile.id for tile, later in itertools.pairwise(source.tiles)):
            raise ValueError("a source's tiles must be sorted by id, and each id be there once")
        self._source, self._executor, self._watcher = source, executor, watcher
        self._options, self._on_error = options, on_error
        self.journal, self.clock = journal, StageClock()
        self.startup_s = self.publish_s = 0.0
        self.images, self.began = "", now()
        self._written = self._read = self._resumed = self._with_salt = 0
        self._bad: list[BadTile] = []
        self._odd: dict[str, list[str]] = {}

    @property
    def settings(self) -> Settings:
        """What the model decides by."""
        return self._executor.model.settings

    def resume(self, retry_bad: bool) -> None:
        """Count what the journal has.

        A group is run again if one of its tiles was changed since, since an unbroken run would
        give the rows of the file as it is now; and, if asked for, if one could not be read.
        """
        # A run that stops at a bad tile is run again once that was mended.
        again = retry_bad or self._on_error == "stop"
        tiles = changed = 0
        done, options = self.journal.done(), self._options
        with signals.deferred_signals() as check:
            for number, stamp in pipeline.stamps_of(self._source, done, options, check):
                group = self.journal[number]
                if group.stamp != stamp or (group.bad and again):
                    self.journal.forget(number)
                    changed += group.tiles
                else:
                    self._count(group)
                    tiles += group.tiles
        self._resumed = self._read
        if tiles or changed:
            self._watcher.resumed(self.journal.path, tiles, len(self._source.tiles), changed)
        self._watcher.started(len(self._source.tiles), tiles)

    def carry_out(self) -> None:
        """Run all that is missing.

        Raises:
            BadTilesError: a tile is bad and the run is to stop there.
            ModelError: the model failed.
            ExecutorError: those who run the tiles are gone.
            OutputError: the journal cannot be written.
        """
        self._stop_if_bad()
        with signals.deferred_signals() as check, self.clock.running():
            groups = self._executor.finished(
                self._source, self._options, self.clock, self.journal.missing(), check
            )
            # Closed at once where a signal ends this loop: what is in flight is dropped.
            with contextlib.closing(groups):
                for group in groups:
                    self._take(group)

    def _take(self, group: FinishedGroup) -> None:
        with self.clock("journal"):
            self.journal.append(group)
        self.clock.finished(len(group.ids))
        self._count(group)
        self._watcher.advanced(group.tiles)
        self._stop_if_bad()

    def rows(self) -> Iterator[Row]:
        """All rows, sorted by id: groups are cut from a sorted list."""
        for group in self.journal:
            yield from group.entries(self._on_error == "empty")

    @contextlib.contextmanager
    def telling_what_is_kept(self) -> Iterator[None]:
        """Where the run ends before its time, say that it can go on."""
        try:
            yield
        except BaseException:
            if len(self.journal):
                done = self._read + len(self._bad)
                self._watcher.kept(self.journal.path, done, len(self._source.tiles))
            raise

    def report(self, out: Path | None = None, sha256: str = "") -> RunReport:
        """What was done, and published if it was; not scored."""
        return RunReport(
            out=str(out) if out else None,
            tiles=len(self._source.tiles),
            read=self._read,
            resumed=self._resumed,
            rows=self._written if out else 0,
            with_salt=self._with_salt,
            bad=tuple(sorted(self._bad)),  # groups may have come in any order
            timing=self.clock.timing(self.startup_s, self.publish_s),
            engine=self._executor.about(),
            model=ModelReport.of(self._executor.model),
            provenance=Provenance.of(self.images, self._executor.model, self.began),
            options=dataclasses.asdict(self.settings)
            | dataclasses.asdict(self._options)
            | {"on_error": self._on_error},
            out_sha256=sha256,
            warnings=oddities.lines(self._odd, self._read),
            odd={kind: sorted(ids) for kind, ids in self._odd.items()},
        )

    def _count(self, group: FinishedGroup) -> None:
        self._read += len(group.ids)
        self._with_salt += sum(1 for text in group.rle if text)
        for kind, ids in group.odd.items():
            self._odd.setdefault(kind, []).extend(ids)
        self._written += len(group.ids)
        if self._on_error == "empty":
            self._written += sum(1 for bad in group.bad if bad.tile.id.isprintable())
        for bad in group.bad:
            self._bad.append(bad)
            self._watcher.bad(bad)

    def _stop_if_bad(self) -> None:
        if self._bad and self._on_error == "stop":
            raise self._stopped(
                f"stopped at {len(self._bad)} bad tile(s), no output written; mend them and go "
                "on, use --on-error skip or empty, or remove them and begin anew with --restart"
            )

    def stop_if_none(self) -> None:
        """Raise BadTilesError where all is done and no tile could be read."""
        if not self._read:
            raise self._stopped(
                f"none of the {len(self._source.tiles)} tiles could be read, no output written; "
                f"{self._source.advice}"
            )

    def _stopped(self, why: str) -> BadTilesError:
        """Ends the run; where no tile could be read, there is nothing to go on from."""
        if not self._read:
            self.journal.remove()
        return BadTilesError(why)
