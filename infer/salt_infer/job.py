"""One run of ``salt-infer``, from paths to a published file."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np
import numpy.typing as npt

from salt_infer import metric, pipeline, rle
from salt_infer.errors import BadTilesError, LabelError
from salt_infer.files import check_output, write_whole
from salt_infer.labels import Labels
from salt_infer.machine import available_cpus
from salt_infer.model import SaltModel
from salt_infer.pipeline import MaskedBatch, RunOptions, StageClock
from salt_infer.place import Place
from salt_infer.progress import Watcher
from salt_infer.providers import ProviderRequest
from salt_infer.report import RunReport, describe_model
from salt_infer.submission import Submission
from salt_infer.tiles import BadTile, TileSource, open_tiles
from salt_infer.views import Tta

OnError = Literal["stop", "skip", "empty"]

SCORED_AT_ONCE = 1024  # tiles; true and predicted masks of these are in memory together


@dataclasses.dataclass(frozen=True)
class Job:
    """What was asked for; None means the model's own default.

    Attributes:
        images: directory, zip or list of tiles, or a URL of the first two.
        out: the CSV to write.
        model: model file; the one that ships for the provider if None.
        batch_size: tiles a batch.
        decode_workers: threads that decode; one for each CPU if None.
        tta, threshold, gate: override the model's contract.
        on_error: what a bad tile does: end the run, be left out, or get an empty mask.
        overwrite: replace files that exist.
        report: where to write the report as JSON.
        labels: true masks to score against: CSV, directory or zip.
        details: write each tile's salt probability and confidence into the CSV.
        provider: what is to run the model.
    """

    images: Place
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
    details: bool = False
    provider: ProviderRequest = dataclasses.field(default_factory=ProviderRequest)


def run(job: Job, watcher: Watcher) -> RunReport:
    """Carry out a job; the output is published whole or not at all.

    Raises:
        UsageError: the input or output cannot be used.
        ModelError: the model cannot be loaded or fails.
        BadTilesError: a tile is bad and ``on_error`` is ``stop``; no output is written.
        LabelError: labels are missing or malformed.
    """
    started = time.perf_counter()
    _check_outputs(job)
    submission = Submission(job.out, job.overwrite)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open_tiles(job.images))
        labels = stack.enter_context(Labels(job.labels)) if job.labels else None
        if labels:
            labels.check([tile.id for tile in source.tiles])
        model = _load(job, watcher)
        run = _Run(job, model, submission, watcher)
        run.startup_s = time.perf_counter() - started
        run.carry_out(source)
        digest = submission.publish(job.details)
        report = dataclasses.replace(run.report(len(source.tiles)), out_sha256=digest)
        _write(report, job)
        if labels and report.rows:
            score, empty = _score(labels, submission)
            report = dataclasses.replace(report, score=score, empty_score=empty)
            _write(report, job, again=True)
    return report


def build(job: Job, watcher: Watcher) -> str:
    """Load the model as a run would, with the engine that TensorRT needs for it, and tell in a
    line what is ready; raises ModelError.
    """
    session = _load(job, watcher).session
    return f"{session.path.name} is ready on {session.provider} ({session.placement.line()} nodes)"


def _load(job: Job, watcher: Watcher) -> SaltModel:
    return SaltModel.load(
        job.model, threshold=job.threshold, gate=job.gate, tta=job.tta,
        provider=job.provider, batch_size=job.batch_size, tell=watcher.note,
    )  # fmt: skip


def _check_outputs(job: Job) -> None:
    inputs = (job.images, job.labels, job.model)
    check_output(job.out, ".csv", inputs, job.overwrite)
    if job.report:
        check_output(job.report, ".json", inputs, job.overwrite)


class _Run:
    """A job under way: what has been done so far."""

    def __init__(
        self, job: Job, model: SaltModel, submission: Submission, watcher: Watcher
    ) -> None:
        self.job, self.model, self.submission, self.watcher = job, model, submission, watcher
        self.options = _options(job)
        self.clock = StageClock()
        self.bad: list[BadTile] = []
        self.read = self.with_salt = 0
        self.startup_s = self.wall_s = 0.0

    def carry_out(self, source: TileSource) -> None:
        """Run all batches."""
        self.watcher.started(len(source.tiles))
        started = time.perf_counter()
        # Closed at once where a signal arrives in this loop: what is in flight is dropped.
        with contextlib.closing(
            pipeline.masks_of(source, self.model, self.options, self.clock)
        ) as batches:
            for batch in batches:
                self._take(batch)
                if batch.bad and self.job.on_error == "stop":
                    self.wall_s = time.perf_counter() - started
                    self._stop(len(source.tiles))
        self.wall_s = time.perf_counter() - started

    def _take(self, batch: MaskedBatch) -> None:
        self.submission.add(batch.ids, batch.rle)
        if batch.decided is not None and batch.confidence is not None:
            self.submission.add_details(batch.ids, batch.decided.salt, batch.confidence)
        self.read += len(batch.ids)
        self.with_salt += sum(1 for text in batch.rle if text)
        for bad in batch.bad:
            self.bad.append(bad)
            self.watcher.bad(bad)
        if self.job.on_error == "empty":
            # A name that no CSV can hold cannot get a row either; the report still names it.
            writable = [bad.tile.id for bad in batch.bad if bad.tile.id.isprintable()]
            self.submission.add(writable, [""] * len(writable))
        self.watcher.advanced(len(batch.ids) + len(batch.bad))

    def _stop(self, tiles: int) -> NoReturn:
        _write(dataclasses.replace(self.report(tiles), out=None, rows=0), self.job)
        raise BadTilesError(
            f"stopped at {len(self.bad)} bad tile(s), no output written; mend them, or use "
            "--on-error skip or empty"
        )

    def report(self, tiles: int) -> RunReport:
        """What was done, of so many tiles; not scored."""
        return RunReport(
            out=str(self.job.out),
            tiles=tiles,
            read=self.read,
            rows=len(self.submission),
            with_salt=self.with_salt,
            bad=tuple(self.bad),
            startup_s=self.startup_s,
            wall_s=self.wall_s,
            busy_s=dict(self.clock.busy_s),
            model=describe_model(self.model),
            options=dataclasses.asdict(self.model.settings)
            | dataclasses.asdict(self.options)
            | {"on_error": self.job.on_error},
        )


def _score(labels: Labels, submission: Submission) -> tuple[float, float]:
    """Score of the rows as written, and of all-empty masks, in bounded memory."""
    rows = list(submission.rows.items())
    mine, empty = [], []
    for start in range(0, len(rows), SCORED_AT_ONCE):
        part = rows[start : start + SCORED_AT_ONCE]
        truth = _truth(labels, [name for name, _ in part], submission)
        predicted = np.stack([rle.decode(text) for _, text in part])
        mine.append(metric.score(truth, predicted).per_tile)
        empty.append(metric.score(truth, np.zeros_like(truth)).per_tile)
    return float(np.concatenate(mine).mean()), float(np.concatenate(empty).mean())


def _truth(labels: Labels, ids: list[str], submission: Submission) -> npt.NDArray[np.uint8]:
    try:
        return labels.masks(ids)
    except LabelError as error:
        raise LabelError(f"{submission.path} is written but has no score: {error}") from error


def _write(report: RunReport, job: Job, again: bool = False) -> None:
    if job.report:
        write_whole(job.report, report.to_json().encode(), job.overwrite or again)


def _options(job: Job) -> RunOptions:
    return RunOptions(job.batch_size, job.decode_workers or available_cpus(), job.details)
