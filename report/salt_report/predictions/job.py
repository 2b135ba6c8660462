"""``salt-report look``, from paths to a published page, and a data set to correct."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

from salt_infer.data.ids import Known
from salt_infer.system.output_checks import check_output
from salt_infer.system.output_locks import writing
from salt_infer.system.whole_files import whole_folder, write_whole
from salt_report.common import reading
from salt_report.common.outputs import warned
from salt_report.common.sources import sources
from salt_report.predictions import corrections, overview, page


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


def run(job: LookJob) -> list[str]:
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
        return [*warned(unlocked), *_run(job)]


def _run(job: LookJob) -> list[str]:
    made_from = sources((job.out,), submission=job.submission, images=job.images)
    for path in job.corrected:
        made_from += sources((job.out,), corrected=path)
    done = corrections.ids_of(job.corrected)
    with reading.rows(job.submission) as rows:
        ids = reading.all_ids(rows)
        done = Known(ids).found(done)
        given = reading.submission(rows, ids, confidence=True)
        found = overview.look(ids, given, job.tiles, done)
        unsure = corrections.chosen(found) if job.to_correct else []
        pixels = reading.tiles(job.images, found.shown, [rows]) if found.shown else ()
    tiles = dict(zip(found.shown, pixels, strict=True))
    html = page.render(found, tiles, made_from)
    said = [*overview.summary(found)]
    if job.to_correct:
        check = functools.partial(corrections.check, job.to_correct)
        with whole_folder(job.to_correct, "salt-report", check) as folder:
            corrections.write(folder, unsure, tiles, found)
            write_whole(job.out, html, job.overwrite)
        said.append(f"to correct: {len(unsure)} tiles and their masks -> {job.to_correct}")
    else:
        write_whole(job.out, html, job.overwrite)
    return [*said, f"-> {job.out}"]
