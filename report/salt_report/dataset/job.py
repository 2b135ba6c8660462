"""``salt-report data``, from paths to a published page."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from salt_infer.data import dataset
from salt_infer.system.output_checks import check_output
from salt_infer.system.output_locks import writing
from salt_infer.system.text import shown
from salt_infer.system.whole_files import write_whole
from salt_report.common import reading, tables
from salt_report.common.outputs import warned
from salt_report.common.sources import sources
from salt_report.dataset import exploration, page


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


def run(job: DataJob) -> list[str]:
    """Explore a data set; returns the answers for the terminal.

    Raises:
        UsageError: an input or output cannot be used.
        BadTilesError, LabelError, ReportError: the data is faulty; nothing is written.
    """
    check_output(job.out, ".html", (job.data, job.depths, job.split), job.overwrite)
    with writing(job.out) as unlocked:
        return [*warned(unlocked), *_run(job)]


def _run(job: DataJob) -> list[str]:
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
    found = exploration.explore(known, depth, fold)
    write_whole(job.out, page.render(found, job.data.resolve().name, made_from), job.overwrite)
    return [*exploration.summary(found), *said, f"-> {job.out}"]
