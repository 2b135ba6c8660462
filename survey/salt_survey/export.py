"""A stored volume written as SEG-Y beside its survey."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from salt_infer.errors import UsageError
from salt_survey import said
from salt_survey.scan import Overrides, Scan
from salt_survey.segy.write import check, write_like
from salt_survey.store import Store
from salt_survey.survey import Survey


def export(
    volume: Path,
    like: Path,
    out: Path,
    overrides: Overrides,
    name: str = "probability",
    overwrite: bool = False,
    drop_extended: bool = False,
) -> str:
    """Write it.

    Args:
        volume: a Zarr that a run wrote.
        like: the survey it was made of.
        out: to write.
        overrides: what the user says of the survey; else it is read as the run read it.
        name: of the array.
        overwrite: replace ``out``.
        drop_extended: leave out extended text headers.

    Returns:
        What was done, in a line.

    Raises:
        UsageError: one of the files is not what it should be, or they do not belong together.
        OutputError: the disk is full.
    """
    check(out, like, overwrite)
    store = Store.open(volume)
    if not store.has(name):
        raise UsageError(f"{volume} has no array {name}; a run with --sections both writes all")
    with Survey.open(like, _scan(store.attributes), overrides) as survey:
        _check_same(store, survey, volume)
        told = said.lines(name, store.attributes.get("settings") or {})
        write_like(
            survey, out, lambda row: store.section(row, name), told, overwrite, drop_extended
        )
        return f"{out}: {survey.scan.traces} traces of {survey.scan.samples} samples, {name} 0..1"


def _scan(attributes: Any) -> Scan | None:
    """How the run read its survey."""
    kept = attributes.get("scan")
    return Scan.from_json(json.dumps(kept)) if kept else None


def _check_same(store: Store, survey: Survey, volume: Path) -> None:
    shape = (len(survey.inlines), len(survey.crosslines), len(survey.times_ms))
    same = store.shape == shape and all(
        np.array_equal(store.array(name), mine)
        for name, mine in (("inline", survey.inlines), ("crossline", survey.crosslines))
    )
    if not same:
        raise UsageError(
            f"{volume} is {' x '.join(map(str, store.shape))}, {survey.path} is "
            f"{' x '.join(map(str, shape))}, with the same line numbers or others: give the survey "
            "that the volume was made of to --like"
        )
