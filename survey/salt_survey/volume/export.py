"""A finished run's volume in the files of interpretation programs: SEG-Y, and horizons."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

from salt_infer.errors import UsageError
from salt_infer.system import output_checks
from salt_infer.system.callbacks import Tell
from salt_infer.system.location import real
from salt_infer.system.whole_files import whole_folder
from salt_survey.reading.arrays import is_array
from salt_survey.reading.survey import Survey
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import Scan
from salt_survey.segy.write import check, no_headers, write_like
from salt_survey.volume import finished, horizons, kept_headers, text_lines
from salt_survey.volume.array_headers import array_of, doubts, settings_of_array
from salt_survey.volume.store import Store
from salt_survey.volume.trace_lookup import Traces


def as_segy(
    volume: Path,
    like: Path,
    out: Path,
    overrides: Overrides,
    name: str = "probability",
    overwrite: bool = False,
    drop_extended: bool = False,
    tell: Tell = lambda line: None,
) -> str:
    """Write it.

    Args:
        volume: a Zarr that a run wrote.
        like: the survey it was made of; of an array, a SEG-Y that is the same one.
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
    store = _holding(volume, name)
    if is_array(like):
        raise no_headers(like)
    array, settings = array_of(store, like), store.attributes.get("settings") or {}
    with (
        finished.survey_of(store, like, overrides)
        if array is None
        else Survey.open(like, None, overrides)
    ) as survey:
        for line in _doubts(store, survey, array):
            tell(line)
        told = text_lines.lines(name, settings if array is None else settings_of_array(settings))
        write_like(survey, out, Traces(store, name), told, overwrite, drop_extended)
        return f"{out}: {survey.scan.traces} traces of {survey.scan.samples} samples, {name} 0..1"


def as_horizons(
    survey: Path,
    volume: Path,
    out: Path,
    overrides: Overrides,
    threshold: float | None = None,
    overwrite: bool = False,
    tell: Tell = lambda line: None,
) -> str:
    """Write top and base of salt, a file each, as a run writes them.

    Args:
        survey: that the volume was made of.
        volume: a Zarr that a run wrote.
        out: folder to write, see :mod:`salt_survey.volume.horizons`.
        overrides: what the user says of the survey; else it is read as the run read it.
        threshold: salt is above it; the run's own if None.
        overwrite: replace the files that are there.
        tell: is told what there is to warn of, in a line.

    Returns:
        What was done, in a line.

    Raises:
        UsageError: one of the files is not what it should be, or they do not belong together.
        OutputError: the disk is full.
    """
    check = functools.partial(check_folder, out, survey, volume, overwrite)
    check()
    store = Store.open(volume)
    threshold = finished.threshold_of(store) if threshold is None else threshold
    with (
        finished.survey_of(store, survey, overrides) as opened,
        whole_folder(out, "salt-survey", check) as folder,
    ):
        finished.check_lies_on(store, opened)
        samples = finished.ran(store, opened).samples
        top, base = horizons.write(folder, store, opened, samples, threshold)
        doubts = [finished.doubt(store, opened)]
    doubts += [surface.doubt(finished.times_of(store)) for surface in (top, base)]
    for doubt in filter(None, doubts):
        tell(doubt)
    return f"{out}: top of {top.traces} traces, base of {base.traces}, at threshold {threshold:g}"


def check_folder(out: Path, survey: Path, volume: Path, overwrite: bool) -> None:
    """Fail where horizons cannot be written into a folder, before its lock is held.

    Raises:
        UsageError: it is within what is read, holds anything but text, or its own is missing.
    """
    for path in (survey, volume):
        if real(path) in (real(out), *real(out).parents):
            raise UsageError(f"{out} would be written within {path}, which is read; name another")
    output_checks.check_folder(out, ".txt", overwrite)


def _holding(volume: Path, name: str) -> Store:
    """The Zarr, where it has an array of that name."""
    store = Store.open(volume)
    if not store.has(name):
        raise UsageError(
            f"{volume} has no volume {name!r}, expected one of probability, p_inline, p_crossline, "
            "disagreement; a run with --sections both writes all four"
        )
    return store


def _doubts(store: Store, survey: Survey, array: Scan | None) -> Iterator[str]:
    """What to warn of, a line each; raises UsageError where the two do not belong together."""
    if array is not None:
        yield from doubts(store, survey, array)
    else:
        finished.check_lies_on(store, survey)
        if other := finished.doubt(store, survey):
            yield other
    yield from kept_headers.doubts(survey)
