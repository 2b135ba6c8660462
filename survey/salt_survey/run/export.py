"""A stored volume written as SEG-Y beside its survey."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from salt_infer.errors import UsageError
from salt_survey.reading.survey import Survey
from salt_survey.run import header_times, text_lines
from salt_survey.run.finished import check_lies_on, survey_of
from salt_survey.run.store import Store
from salt_survey.run.trace_lookup import Traces
from salt_survey.scan.record import Overrides
from salt_survey.segy.write import check, write_like


def _others(store: Store, survey: Survey) -> str:
    """What to warn of where a volume, made of an array, has other times than the headers."""
    mine, theirs = store.array("time_ms"), survey.times_ms
    if np.allclose(mine, theirs, rtol=0, atol=0.01 * survey.scan.interval_ms):
        return ""
    first, last = (f"{times[0]:g} to {times[-1]:g} ms" for times in (mine, theirs))
    return f"samples of {store.path} are of {first}, and the headers, which are kept, say {last}"


def export(
    volume: Path,
    like: Path,
    out: Path,
    overrides: Overrides,
    name: str = "probability",
    overwrite: bool = False,
    drop_extended: bool = False,
    tell: Callable[[str], object] = lambda line: None,
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
        tell: is told what there is to warn of, in a line.

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
    with survey_of(store, like, overrides) as survey:
        check_lies_on(store, survey)
        if times := header_times.told(survey) or _others(store, survey):
            tell(times)
        told = text_lines.lines(name, store.attributes.get("settings") or {})
        write_like(survey, out, Traces(store, name), told, overwrite, drop_extended)
        return f"{out}: {survey.scan.traces} traces of {survey.scan.samples} samples, {name} 0..1"
