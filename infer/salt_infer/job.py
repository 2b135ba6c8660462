"""One run of ``salt-infer``, from paths to a published file."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from pathlib import Path
from typing import Literal

import numpy as np

from salt_infer import labels, metric, pipeline, rle
from salt_infer.errors import BadTilesError
from salt_infer.pipeline import MaskedBatch, RunOptions, StageClock
from salt_infer.progress import Watcher
from salt_infer.report import RunReport, describe_model
from salt_infer.session import ModelSession, available_cpus, default_model
from salt_infer.submission import Submission, check_writable, write_whole
from salt_infer.tiles import BadTile, TileSource, open_tiles
from salt_infer.views import Tta

OnError = Literal["stop", "skip", "empty"]


@dataclasses.dataclass(frozen=True)
class Job:
    """What was asked for; None means the model's own default.

    Attributes:
        images: directory or zip of tiles.
        out: the CSV to write.
        model: model file; the shipped one if None.
        batch_size: tiles a batch.
        decode_workers: threads that decode; one for each CPU if None.
        tta, threshold, gate: override the model's contract.
        on_error: what a bad tile does: end the run, be left out, or get an empty mask.
        overwrite: replace files that exist.
        report: where to write the report as JSON.
        labels: true masks to score against: CSV, directory or zip.
    """

    images: Path
    out: Path
    model: Path | None = None
    batch_size: int = 32
    decode_workers: int | None = None
    tta: Tta | None = None
    threshold: float | None = None
    gate: float | None = None
    on_error: OnError = "skip"
    overwrite: bool = False
    report: Path | None = None
    labels: Path | None = None


def run(job: Job, watcher: Watcher) -> RunReport:
    """Carry out a job; the output is published whole or not at all.

    Raises:
        UsageError: the input or output cannot be used.
        ModelError: the model cannot be loaded or fails.
        BadTilesError: a tile is bad and ``on_error`` is ``stop``; no output is written.
        LabelError: labels are missing or malformed.
    """
    started = time.perf_counter()
    submission = Submission(job.out, job.overwrite)
    if job.report:
        check_writable(job.report, job.overwrite)
    with open_tiles(job.images) as source:
        model = ModelSession(job.model or default_model())
        options = _options(job, model)
        run = _Run(job, options, model, submission, len(source.tiles), watcher)
        run.startup_s = time.perf_counter() - started
        return run.carry_out(source)


class _Run:
    """A job under way."""

    def __init__(
        self, job: Job, options: RunOptions, model: ModelSession, submission: Submission,
        tiles: int, watcher: Watcher,
    ) -> None:  # fmt: skip
        self.job, self.options, self.model = job, options, model
        self.submission, self.tiles, self.watcher = submission, tiles, watcher
        self.clock = StageClock()
        self.bad: list[BadTile] = []
        self.with_salt = 0
        self.startup_s = self.wall_s = 0.0

    def carry_out(self, source: TileSource) -> RunReport:
        """Run all batches, publish, report."""
        self.watcher.started(self.tiles)
        started = time.perf_counter()
        # Closed at once where a signal arrives in this loop: what is in flight is dropped.
        with contextlib.closing(
            pipeline.masks_of(source, self.model, self.options, self.clock)
        ) as batches:
            for batch in batches:
                self._take(batch)
        self.wall_s = time.perf_counter() - started
        report = self._report(str(self.job.out))
        self.submission.publish()
        self._write(report)
        return report

    def _take(self, batch: MaskedBatch) -> None:
        self.submission.add(batch.ids, batch.rle)
        self.with_salt += sum(1 for text in batch.rle if text)
        for bad in batch.bad:
            self.bad.append(bad)
            self.watcher.bad(bad)
        self.watcher.advanced(len(batch.ids) + len(batch.bad))
        if batch.bad and self.job.on_error == "stop":
            self._write(self._report(None))
            raise BadTilesError(
                f"stopped at {len(batch.bad)} bad tile(s), no output written; mend them, or use "
                "--on-error skip or empty"
            )
        if self.job.on_error == "empty":
            # A name that no CSV can hold cannot get a row either; the report still names it.
            writable = [bad.tile.id for bad in batch.bad if bad.tile.id.isprintable()]
            self.submission.add(writable, [""] * len(writable))

    def _report(self, out: str | None) -> RunReport:
        score, empty = self._score() if out and self.job.labels else (None, None)
        return RunReport(
            out=out,
            tiles=self.tiles,
            rows=len(self.submission),
            with_salt=self.with_salt,
            bad=tuple(self.bad),
            startup_s=self.startup_s,
            wall_s=self.wall_s,
            busy_s=dict(self.clock.busy_s),
            model=describe_model(
                str(self.model.path), self.model.sha256, self.model.provider, self.model.contract
            ),
            options=dataclasses.asdict(self.options) | {"on_error": self.job.on_error},
            score=score,
            empty_score=empty,
        )

    def _score(self) -> tuple[float, float]:
        assert self.job.labels is not None
        rows = self.submission.rows
        truth = labels.read_labels(self.job.labels, list(rows))
        predicted = np.stack([rle.decode(text) for text in rows.values()])
        return metric.score(truth, predicted).mean, metric.score(truth, predicted * 0).mean

    def _write(self, report: RunReport) -> None:
        if self.job.report:
            write_whole(self.job.report, report.to_json(), self.job.overwrite)


def _options(job: Job, model: ModelSession) -> RunOptions:
    contract = model.contract
    return RunOptions(
        threshold=contract.threshold if job.threshold is None else job.threshold,
        gate=contract.gate if job.gate is None else job.gate,
        tta=job.tta or contract.tta,
        batch_size=job.batch_size,
        decode_workers=job.decode_workers or available_cpus(),
    )
