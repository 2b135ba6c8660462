"""``salt-report evaluate``, from paths to a published page."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from salt_infer.data import dataset
from salt_infer.data.labels import Labels
from salt_infer.data.probabilities import Probabilities
from salt_infer.errors import UsageError
from salt_infer.masks.metric import NEUTRAL_GATE, NEUTRAL_THRESHOLD
from salt_infer.masks.rle import TILE_SHAPE
from salt_infer.system.output_checks import check_output
from salt_infer.system.output_locks import writing
from salt_infer.system.whole_files import write_together
from salt_report.common import reading
from salt_report.common.kinds import Images
from salt_report.common.outputs import warned
from salt_report.common.reading import Submission
from salt_report.common.sources import Source, sources
from salt_report.submission import evaluation, page
from salt_report.submission.evaluation import Case, Evaluation

UNREAD = 128  # grey, and not black as some tiles are
NEUTRAL = {"threshold": NEUTRAL_THRESHOLD, "gate": NEUTRAL_GATE}


@dataclasses.dataclass(frozen=True)
class EvaluateJob:
    """A submission to examine.

    Attributes:
        submission: table of ``id,rle_mask``.
        labels: true masks: table, directory or zip.
        out: page to write.
        images: the tiles: directory or zip.
        against: another submission.
        probabilities: ``.npz`` of ids, probability and salt.
        threshold, gate: the pair that sweeps vary one of, 0..1; None is that of the probabilities'
            file, or NEUTRAL where it has none.
        json: where to write the numbers.
        csv: where to write a row a tile.
        partial: score the tiles only that have both a row and a label.
        worst: pictures a gallery.
        overwrite: replace files that exist.
    """

    submission: Path
    labels: Path
    out: Path
    images: Path | None = None
    against: Path | None = None
    probabilities: Path | None = None
    threshold: float | None = None
    gate: float | None = None
    json: Path | None = None
    csv: Path | None = None
    partial: bool = False
    worst: int = 12
    overwrite: bool = False


def run(job: EvaluateJob) -> list[str]:
    """Examine a submission; returns the answers for the terminal.

    Raises:
        UsageError: an input or output cannot be used.
        BadTilesError, LabelError, ReportError: an input is faulty, or they do not belong together;
            nothing is written.
    """
    inputs = (job.submission, job.labels, job.images, job.against, job.probabilities)
    for path, ending in ((job.out, ".html"), (job.json, ".json"), (job.csv, ".csv")):
        if path:
            check_output(path, ending, inputs, job.overwrite)
    _check_tried(job)
    with writing(job.out, job.json, job.csv) as unlocked:
        return [*warned(unlocked), *_run(job)]


def _run(job: EvaluateJob) -> list[str]:
    made_from = _sources(job)
    case = _case(job)
    found = evaluation.evaluate(case)
    html = page.render(case, found, made_from, job.worst)
    contents = {}
    if job.json:
        numbers = found.to_json([source.to_json() for source in made_from])
        contents[job.json] = numbers.encode()
    if job.csv:
        contents[job.csv] = found.to_csv().encode()
    write_together({**contents, job.out: html}, job.overwrite)
    return [*evaluation.summary(found), *_tried_from(job, case, found), f"-> {job.out}"]


def _check_tried(job: EvaluateJob) -> None:
    given = [f"--{name}" for name in NEUTRAL if getattr(job, name) is not None]
    if given and not job.probabilities:
        raise UsageError(f"{' and '.join(given)} are tried with --probabilities, which is missing")


def _case(job: EvaluateJob) -> Case:
    """Read everything and see that it belongs together."""
    with contextlib.ExitStack() as stack:
        labels = stack.enter_context(dataset.open_labels(job.labels))
        rows = stack.enter_context(reading.rows(job.submission))
        other = stack.enter_context(reading.rows(job.against)) if job.against else None
        ids = reading.scored_ids(rows, labels, job.partial, other)
        submissions = [rows, other] if other else [rows]
        given = Probabilities.load(job.probabilities, ids) if job.probabilities else None
        drawn = reading.submission(rows, ids)
        return Case(
            ids=ids,
            truth=reading.masks(labels, ids),
            submission=drawn,
            tiles=_tiles(job.images, ids, drawn, submissions) if job.images else None,
            other=reading.submission(other, ids) if other else None,
            probabilities=given,
            threshold=_origin(job, given, "threshold")[0],
            gate=_origin(job, given, "gate")[0],
            unscored=len(labels.ids) - len(ids),
            unlabelled=len(
                {name for each in submissions for name in reading.unlabelled(each, labels)}
            ),
        )


def _tiles(
    images: Path, ids: Sequence[str], drawn: Submission, submissions: Sequence[Labels]
) -> Images:
    """Those that the model has seen; the others, which could not be read, are grey."""
    seen = np.ones(len(ids), np.bool_) if drawn.salt is None else ~np.isnan(drawn.salt)
    tiles = np.full((len(ids), *TILE_SHAPE), UNREAD, np.uint8)
    names = [name for name, known in zip(ids, seen, strict=True) if known]
    tiles[seen] = reading.tiles(images, names, submissions)
    return tiles


def _origin(job: EvaluateJob, given: Probabilities | None, name: str) -> tuple[float, str]:
    """The threshold or gate that others are compared with, and who says so."""
    for value, origin in (
        (getattr(job, name), f"--{name}"),
        (getattr(given, name, None), f"of {job.probabilities}"),
    ):
        if value is not None:
            return value, origin
    return NEUTRAL[name], f"the neutral one, as {job.probabilities} has none"


def _tried_from(job: EvaluateJob, case: Case, found: Evaluation) -> list[str]:
    if (given := case.probabilities) is None or found.sweep is None:
        return []
    used = {name: _origin(job, given, name) for name in NEUTRAL}
    said = (f"{name} {value:.3g} ({origin})" for name, (value, origin) in used.items())
    doubt = found.sweep.doubt(found.headline.score)
    return [f"others were tried from {', '.join(said)}{f'; {doubt}' if doubt else ''}"]


def _sources(job: EvaluateJob) -> list[Source]:
    return sources(
        (job.out, job.json),
        submission=job.submission,
        labels=job.labels,
        images=job.images,
        against=job.against,
        probabilities=job.probabilities,
    )
