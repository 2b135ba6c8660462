"""One run of ``salt-infer``, from paths to published files."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from pathlib import Path

from salt_infer.backends.providers import BATCH, ProviderRequest
from salt_infer.data.dataset import open_images, open_labels
from salt_infer.data.probabilities import MAX_TILES
from salt_infer.data.source import TileSource
from salt_infer.errors import BadTilesError, LabelError, UsageError
from salt_infer.execution.base import Executor, ModelRequest
from salt_infer.execution.factory import open_executor
from salt_infer.execution.pipeline import RunOptions, group_count
from salt_infer.execution.request import DecodeIn, ExecutorRequest
from salt_infer.execution.results import FinishedGroup
from salt_infer.job import scoring
from salt_infer.job.fingerprint import Fingerprint
from salt_infer.job.journal import Journal, path_beside
from salt_infer.job.journaled_run import JournaledRun, OnError
from salt_infer.job.provenance import now
from salt_infer.job.publish import Outputs
from salt_infer.job.run_report import RunReport
from salt_infer.job.watcher import Watcher
from salt_infer.modelfile import checksum
from salt_infer.modelfile.contract import Tta
from salt_infer.modelfile.learnt import Learnt
from salt_infer.modelfile.onnx_reader import learnt_of
from salt_infer.system import location
from salt_infer.system.cpu import decoders_here
from salt_infer.system.location import Location, real
from salt_infer.system.locks import NO_LOCKS
from salt_infer.system.output_checks import check_writable
from salt_infer.system.output_locks import writing
from salt_infer.system.whole_files import write_whole


@dataclasses.dataclass(frozen=True)
class Job:
    """What was asked for; None means the model's own default.

    Attributes:
        images: directory, zip or list of tiles, or a URL of the first two.
        out: the submission to write: ``.csv``, ``.csv.gz`` or ``.parquet``.
        model: model file; the one that ships for the provider if None.
        batch_size: tiles a batch; as many as suit the provider if None.
        decode_workers: threads, or Ray's tasks, that decode; as suits the machine if None.
        decode_in: whether threads decode themselves, or processes for them.
        tta, threshold, gate: override the model's contract.
        min_area: pixels; a mask with fewer becomes empty.
        on_error: what a bad tile does: end the run, be left out, or get an empty mask.
        overwrite: replace files that exist.
        restart: discard what an interrupted run has left.
        retry_bad: try the bad tiles of an interrupted run again.
        report: where to write the report as JSON.
        labels: true masks to score against: CSV, directory or zip.
        partial: score the tiles that have a label, though others have none.
        details: write each tile's salt probability and confidence into the submission.
        masks: folder to write masks into.
        probabilities: ``.npz`` or folder to write probabilities into.
        provider: what is to run the model.
        executor: who is to carry it out, this process or Ray.
    """

    images: Location
    out: Path
    model: Path | None = None
    batch_size: int | None = None
    decode_workers: int | None = None
    decode_in: DecodeIn = "auto"
    tta: Tta | None = None
    threshold: float | None = None
    gate: float | None = None
    min_area: int = 0
    on_error: OnError = "skip"
    overwrite: bool = False
    restart: bool = False
    retry_bad: bool = False
    report: Path | None = None
    labels: Path | None = None
    partial: bool = False
    details: bool = False
    masks: Path | None = None
    probabilities: Path | None = None
    provider: ProviderRequest = dataclasses.field(default_factory=ProviderRequest)
    executor: ExecutorRequest = dataclasses.field(default_factory=ExecutorRequest)


def run(job: Job, watcher: Watcher) -> RunReport:
    """Carry out a job; its outputs are published whole or not at all.

    What is finished is in the journal beside the output, see :mod:`salt_infer.job.journal`: the
    same job goes on from there if it is ended before its time, by whatever it is.

    Raises:
        UsageError: the input or output cannot be used, or the journal is another run's.
        OutputError: the disk is full, or a folder cannot be written to.
        ModelError: the model cannot be loaded or fails.
        PackageError: Ray is to run it and is not installed.
        ExecutorError: Ray's cluster cannot be reached, has no room, or is gone.
        BadTilesError: a tile is bad and ``on_error`` is ``stop``; no output is written.
        LabelError: labels are missing or malformed.
    """
    started, began = time.perf_counter(), now()
    if job.partial and not job.labels:
        raise UsageError("--partial needs --labels: it scores only the labelled tiles")
    outputs = _outputs(job)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open_images(job.images))
        outputs.check_names(source.tiles)
        for line in (*source.notes, *_too_many(job, len(source.tiles))):
            watcher.note(line)
        labels = stack.enter_context(open_labels(job.labels)) if job.labels else None
        # A list, or a link, may lead to tiles and masks anywhere.
        for folder in source.folders() | (labels.folders() if labels else set()):
            outputs.check_apart_from(folder)
        truth = None
        if labels:
            truth = scoring.read(labels, [tile.id for tile in source.tiles], job.partial)
        # The journal keeps other runs from ``out``; these they could have in common besides.
        others = (job.masks, job.probabilities, job.report)
        unlocked = stack.enter_context(writing(*others, replaced=True))
        executor = stack.enter_context(_executor(job, source, watcher))
        done = stack.enter_context(_journal(job, executor, source, watcher))
        if done.local or unlocked:
            watcher.note(f"{done.path}: {NO_LOCKS}" if done.local else unlocked)
        outputs.check(done.published)
        run = JournaledRun(source, executor, done, _options(job, executor), job.on_error, watcher)
        run.images, run.began = location.absolute(job.images), began
        with run.telling_what_is_kept():
            run.resume(job.retry_bad)
            run.startup_s = time.perf_counter() - started
            _carry_out(run, job)
            digest = _publish(run, outputs)
            report = _report(run, job, truth, digest)
        done.remove()
        return report


def build(job: Job, watcher: Watcher) -> str:
    """Load the model as a run would, with the engine that TensorRT needs for it, and tell in a
    line what is ready.

    Raises:
        UsageError: it is not for this process.
        ModelError: the model cannot be loaded.
    """
    if job.executor.name != "local":
        raise UsageError("--build-only is for the machine it runs on; leave --engine out")
    session = _request(job).load(watcher.note).session
    return f"{session.path.name} is ready on {session.provider} ({session.placement.line()} nodes)"


def _request(job: Job) -> ModelRequest:
    return ModelRequest(
        path=job.model, threshold=job.threshold, gate=job.gate, tta=job.tta,
        min_area=job.min_area, provider=job.provider, batch_size=job.batch_size,
    )  # fmt: skip


def _executor(job: Job, source: TileSource, watcher: Watcher) -> Executor:
    groups = group_count(len(source.tiles), job.batch_size or BATCH)
    return open_executor(job.executor, _request(job), job.decode_workers, watcher.note, groups)


def _outputs(job: Job) -> Outputs:
    outputs = Outputs(
        job.out, job.masks, job.probabilities, job.report, (job.images, job.labels, job.model),
        details=job.details, overwrite=job.overwrite,
    )  # fmt: skip
    # What is there may be ours, if the last run was ended as it put its outputs in place: the
    # journal will tell.
    begun = os.access(path_beside(job.out), os.F_OK)  # false of names that are too long, too
    outputs.check(outputs.paths if begun else frozenset())
    return outputs


def _too_many(job: Job, tiles: int) -> list[str]:
    """That nothing here reads so many probabilities, before hours are spent on them."""
    if job.probabilities is None or job.probabilities.suffix != ".npz" or tiles <= MAX_TILES:
        return []
    return [
        f"{job.probabilities} will be of {tiles} tiles: salt-report and salt-train read "
        f"{MAX_TILES} at most, so run parts of the tiles if it is for these"
    ]


def _journal(
    job: Job, executor: Executor, source: TileSource, watcher: Watcher
) -> Journal[FinishedGroup]:
    options = _options(job, executor)
    mine = Fingerprint.of(executor.model, options, location.absolute(job.images), source.tiles)
    groups = group_count(len(source.tiles), options.batch_size)
    done = Journal(path_beside(job.out), mine, groups, FinishedGroup.unpack, job.restart)
    if done.damaged:
        watcher.note(
            f"{done.damaged} bytes of {done.path} are damaged and passed over; what they alone "
            "held is run again"
        )
    return done


def _options(job: Job, executor: Executor) -> RunOptions:
    return RunOptions(
        executor.model.batch_size, job.decode_workers or decoders_here(), job.decode_in,
        details=job.details, probabilities=job.probabilities is not None,
        checksums=job.details or job.labels is not None,
    )  # fmt: skip


def _carry_out(run: JournaledRun, job: Job) -> None:
    try:
        run.carry_out()
        run.stop_if_none()
    except BadTilesError:
        _write(run.report(), run.journal, job)
        raise


def _publish(run: JournaledRun, outputs: Outputs) -> str:
    started = time.perf_counter()
    digest = outputs.publish(run.rows, run.journal.publishing, run.settings)
    run.publish_s = time.perf_counter() - started
    return digest


def _report(run: JournaledRun, job: Job, truth: scoring.Truth | None, digest: str) -> RunReport:
    """What was done, as the report says it; scored if there are labels, with a doubt about them."""
    report = run.report(job.out, digest)
    unproven = checksum.doubt(Path(report.model.path))
    report = _warning(report, unproven, truth.doubt if truth else "")
    _write(report, run.journal, job)
    if truth and report.rows:
        learnt = learnt_of(Path(report.model.path), report.model.sha256)
        score = _score(run, job, truth, learnt)
        report = dataclasses.replace(
            report, score=score.mean, empty_score=score.empty, scored=score.tiles,
            scored_learnt=score.learnt,
        )  # fmt: skip
        doubt = f"{job.labels}: {score.doubt}" if score.doubt else ""
        report = _warning(report, doubt, score.flattered())
        _write(report, run.journal, job)
    return report


def _warning(report: RunReport, *lines: str) -> RunReport:
    """The report with these warnings too, as far as there is something in them."""
    return dataclasses.replace(report, warnings=(*report.warnings, *filter(None, lines)))


def _score(run: JournaledRun, job: Job, truth: scoring.Truth, learnt: Learnt) -> scoring.Score:
    try:
        return scoring.score(truth, run.rows(), job.out, learnt)
    except LabelError:
        run.journal.remove()  # the outputs are there, and the same command would end the same
        raise


def _write(report: RunReport, done: Journal[FinishedGroup], job: Job) -> None:
    if job.report is None:
        return
    path = str(real(job.report))
    allowed = job.overwrite or path in done.published
    check_writable(job.report, allowed)
    done.publishing([path])  # a resumed run, or the same with its score, may replace it
    write_whole(job.report, report.to_json().encode(), allowed)
