"""One run of ``salt-report``, from paths to a published page."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from pathlib import Path

from salt_infer.data import dataset
from salt_infer.data.probabilities import Probabilities
from salt_infer.errors import UsageError
from salt_infer.masks.metric import NEUTRAL_GATE, NEUTRAL_THRESHOLD
from salt_infer.system.output_checks import check_output
from salt_infer.system.output_locks import writing
from salt_infer.system.text import shown
from salt_infer.system.whole_files import whole_folder, write_together, write_whole
from salt_report.common import reading, tables
from salt_report.common.sources import Source, sources
from salt_report.dataset import page
from salt_report.predictions import corrections
from salt_report.predictions import page as look_page
from salt_report.submission import evaluation
from salt_report.submission import page as evaluation_page
from salt_report.submission.evaluation import Case, Evaluation

NEUTRAL = {"threshold": NEUTRAL_THRESHOLD, "gate": NEUTRAL_GATE}


@dataclasses.dataclass(frozen=True)
class DataJob:
    """A data set to explore.

    Attributes:
        data: what ``salt-train --data`` takes.
        out: page to write.
        depths: CSV of ``id,z``; one in or beside ``data`` if None.
        split: CSV of ``id,fold``.
        overwrite: replace a file that exists.
    """

    data: Path
    out: Path
    depths: Path | None = None
    split: Path | None = None
    overwrite: bool = False


@dataclasses.dataclass(frozen=True)
class LookJob:
    """A submission to look at, without true masks.

    Attributes:
        submission: table of ``id,rle_mask``.
        images: its tiles: directory, zip or list; there may be more.
        out: page to write.
        tiles: pictures a gallery.
        to_correct: folder for the least sure tiles and their masks.
        corrected: data sets of tiles that are not to be corrected again.
        overwrite: replace a page that exists.
    """

    submission: Path
    images: Path
    out: Path
    tiles: int = 24
    to_correct: Path | None = None
    corrected: tuple[Path, ...] = ()
    overwrite: bool = False


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
    partial: bool = False
    worst: int = 12
    overwrite: bool = False


def data(job: DataJob) -> list[str]:
    """Explore a data set; returns the answers for the terminal.

    Raises:
        UsageError: an input or output cannot be used.
        BadTilesError, LabelError, ReportError: the data is faulty; nothing is written.
    """
    check_output(job.out, ".html", (job.data, job.depths, job.split), job.overwrite)
    with writing(job.out) as unlocked:
        return [*_warned(unlocked), *_data(job)]


def _warned(unlocked: str) -> list[str]:
    return [f"warning: {unlocked}"] if unlocked else []


def _data(job: DataJob) -> list[str]:
    root = dataset.find(job.data).root  # the data set may lie in a folder of what was named
    beside = None if job.depths else tables.find_depths(job.data) or tables.find_depths(root)
    made_from = sources((job.out,), data=job.data, depths=job.depths or beside, split=job.split)
    known = reading.labelled_tiles(job.data)
    depth = tables.depths(job.depths, known.ids) if job.depths else None
    said = []
    if beside and (depth := tables.depths_beside(beside, known.ids)) is None:
        said = [f"{shown(str(beside))} has none of these tiles and is left out"]
        made_from = [each for each in made_from if each.path != beside]
    fold = tables.folds(job.split, known.ids, known.classes) if job.split else None
    found = page.explore(known, depth, fold)
    write_whole(job.out, page.render(found, job.data.resolve().name, made_from), job.overwrite)
    return [*page.summary(found), *said, f"-> {job.out}"]


def look(job: LookJob) -> list[str]:
    """Look at a submission; returns the answers for the terminal.

    Raises:
        UsageError: an input or output cannot be used.
        BadTilesError, LabelError, ReportError: an input is faulty, or they do not belong together;
            nothing is written.
    """
    inputs = (job.submission, job.images, *job.corrected)
    check_output(job.out, ".html", inputs, job.overwrite)
    if job.to_correct:
        corrections.check(job.to_correct)
        corrections.check_apart(job.to_correct, (*inputs, job.out))
    with writing(job.out) as unlocked, writing(job.to_correct, replaced=True):
        return [*_warned(unlocked), *_look(job)]


def _look(job: LookJob) -> list[str]:
    made_from = sources((job.out,), submission=job.submission, images=job.images)
    for path in job.corrected:
        made_from += sources((job.out,), corrected=path)
    done = corrections.ids_of(job.corrected)
    with reading.rows(job.submission) as rows:
        ids = reading.all_ids(rows)
        given = reading.submission(rows, ids, confidence=True)
        found = look_page.look(ids, given, job.tiles, done)
        unsure = corrections.chosen(found) if job.to_correct else []
        pixels = reading.tiles(job.images, found.shown, [rows]) if found.shown else ()
    tiles = dict(zip(found.shown, pixels, strict=True))
    html = look_page.render(found, tiles, made_from)
    said = [*look_page.summary(found)]
    if job.to_correct:
        check = functools.partial(corrections.check, job.to_correct)
        with whole_folder(job.to_correct, "salt-report", check) as folder:
            corrections.write(folder, unsure, tiles, found)
            write_whole(job.out, html, job.overwrite)
        said.append(f"to correct: {len(unsure)} tiles and their masks -> {job.to_correct}")
    else:
        write_whole(job.out, html, job.overwrite)
    return [*said, f"-> {job.out}"]


def evaluate(job: EvaluateJob) -> list[str]:
    """Examine a submission; returns the answers for the terminal.

    Raises:
        UsageError: an input or output cannot be used.
        BadTilesError, LabelError, ReportError: an input is faulty, or they do not belong together;
            nothing is written.
    """
    inputs = (job.submission, job.labels, job.images, job.against, job.probabilities)
    check_output(job.out, ".html", inputs, job.overwrite)
    if job.json:
        check_output(job.json, ".json", inputs, job.overwrite)
    _check_tried(job)
    with writing(job.out, job.json) as unlocked:
        return [*_warned(unlocked), *_evaluate(job)]


def _evaluate(job: EvaluateJob) -> list[str]:
    made_from = _sources(job)
    case = _case(job)
    found = evaluation.evaluate(case)
    html = evaluation_page.render(case, found, made_from, job.worst)
    contents = {}
    if job.json:
        numbers = found.to_json([source.to_json() for source in made_from])
        contents[job.json] = numbers.encode()
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
        return Case(
            ids=ids,
            truth=reading.masks(labels, ids),
            submission=reading.submission(rows, ids),
            tiles=reading.tiles(job.images, ids, submissions) if job.images else None,
            other=reading.submission(other, ids) if other else None,
            probabilities=given,
            threshold=_origin(job, given, "threshold")[0],
            gate=_origin(job, given, "gate")[0],
            unscored=len(labels.ids) - len(ids),
            unlabelled=len(
                {name for each in submissions for name in reading.unlabelled(each, labels)}
            ),
        )


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
