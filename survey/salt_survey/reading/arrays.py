"""Surveys as arrays: what a scan says of them, and their traces by number."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from salt_infer.system.callbacks import Advance
from salt_survey.errors import SurveyError
from salt_survey.reading import damage, zarr_chunks
from salt_survey.reading.chunks import Pieces
from salt_survey.reading.time_axis import Axis, Times
from salt_survey.reading.volume import Volume, opened
from salt_survey.scan import geometry, times
from salt_survey.scan.findings import Found, Said, of_samples, tell_missing, tell_of
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import Scan
from salt_survey.scan.statistics import Gatherer, Stats
from salt_survey.segy.samples import Portion


def is_array(path: Path) -> bool:
    """A folder, or ``.npy``: not SEG-Y."""
    return path.suffix.lower() == ".npy" or path.is_dir()


class ArraySource:
    """Traces of an array, numbered inline by inline."""

    def __init__(self, path: Path) -> None:
        self._path, self._volume = path, opened(path)
        self._data = data = self._volume.data
        self._pieces = Pieces.of(data.shape, getattr(data, "chunks", None))

    def read(self, traces: npt.NDArray[np.integer]) -> Portion:
        """Some traces; none is said to be dead.

        Raises:
            SurveyError: they cannot be read.
        """
        out = np.empty((len(traces), self._data.shape[2]), np.float32)
        for which, (places, rows, columns) in self._pieces.parts(traces):
            with damage.raised_as(functools.partial(self._damaged, rows, columns)):
                kept = zarr_chunks.read(self._data, rows, columns, slice(None))[tuple(places)]
            out[which] = self._volume.packing.unpacked(kept)
        return Portion(out, np.zeros(len(traces), bool))

    def _damaged(self, rows: slice, columns: slice, seen: str) -> SurveyError:
        (first, last), (left, right) = (
            numbers[part][[0, -1]]
            for numbers, part in (
                (self._volume.inlines, rows), (self._volume.crosslines, columns)
            )
        )  # fmt: skip
        return SurveyError(
            f"{self._path}: inlines {first} to {last} and crosslines {left} to {right} cannot be "
            f"read ({seen}): the array is damaged; copy or write it anew"
        )

    def portions(self) -> Iterator[npt.NDArray[np.int64]]:
        """Numbers of all traces."""
        return self._pieces.all()

    def digest(self) -> str:
        """Of the names, sizes and times of change of its files."""
        files = sorted(self._path.rglob("*")) if self._path.is_dir() else [self._path]
        digest = hashlib.sha256()
        for file in files:
            if file.is_file():
                status = os.stat(file)
                name = file.relative_to(self._path.parent)
                digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def close(self) -> None:
        """Nothing is held."""


def scan(path: Path, overrides: Overrides, known: Scan | None, advance: Advance) -> Found:
    """Scan an array; see :func:`salt_survey.reading.survey.scanned`."""
    volume = opened(path)
    rows, columns, samples = volume.data.shape
    when = _times(path, volume, overrides.over(known) if known else overrides)
    grid = _grid(volume)
    said = Said(notes=list(volume.packing.words()))
    if known is not None:
        _tell_of_scan(path, volume, when, overrides, said)
    tell_missing(grid, said)
    if volume.is_line:
        said.notes.append(
            f"a 2-D array: one line of {columns} traces of {samples} samples; if its rows are the "
            "samples, save it transposed"
        )
    stats = None if known else _gather(ArraySource(path), rows * columns, samples, advance)
    if stats:
        tell_of(stats, rows * columns, said)
    if known:
        said.repeat(known, others=False)
    _tell_times(volume, when, overrides, known, said)
    found = Scan(
        kind=volume.kind,
        size=0 if volume.kind == "zarr" else path.stat().st_size,
        samples=samples,
        interval_ms=when.interval_ms,
        delay_ms=when.delay_ms,
        traces=rows * columns,
        **_lines_of(volume),
        order=grid.order,
        missing=grid.missing,
        lines_from="traces",
        **of_samples(stats, known),
        **said.fields(),
    )
    return Found(found, grid=grid, silent=stats.silent if stats else None)


def _grid(volume: Volume) -> geometry.Grid:
    grid = geometry.of_array(volume.inlines, volume.crosslines)
    return dataclasses.replace(grid, order="line") if volume.is_line else grid


def _lines_of(volume: Volume) -> dict[str, Any]:
    """In the fields of a :class:`Scan`."""
    crosslines = geometry.lines_of(volume.crosslines)
    if volume.is_line:
        return {"cdp": crosslines}
    return {"inlines": geometry.lines_of(volume.inlines), "crosslines": crosslines}


def _times(path: Path, volume: Volume, overrides: Overrides) -> Times:
    """What is said of them, and the rest by the volume's axis, which is read only where it counts;
    an interval of 0 is not known.
    """
    if overrides.interval_ms is not None and overrides.delay_ms is not None:
        return Times(overrides.interval_ms, overrides.delay_ms)
    axis = volume.axis(path)
    return Times(
        axis.interval_ms if overrides.interval_ms is None else overrides.interval_ms,
        axis.delay_ms if overrides.delay_ms is None else overrides.delay_ms,
    )


def _name(volume: Volume) -> str:
    """Of the axis that times are read by."""
    return volume.times.name if volume.times is not None and volume.times.counts else ""


def _no_interval(axis: Axis | None) -> str:
    line = "an array has no sample interval"
    if axis is None or not axis.words():
        return f"{line}; give it with --interval-ms"
    return (
        f"{line}; it has {axis.words()}: give --interval-ms and --delay-ms, or, if these are "
        "milliseconds, rename it twt or give it units"
    )


def _tell_times(
    volume: Volume, taken: Times, asked: Overrides, known: Scan | None, said: Said
) -> None:
    """What there is to ask and to doubt about them."""
    if not taken.interval_ms:
        said.questions.append(_no_interval(volume.times))
    if volume.times is not None:
        _tell_unit(volume.times, taken, asked, known, said)
    times.tell_unlikely(taken.interval_ms, said, _name(volume))


def _tell_unit(axis: Axis, taken: Times, asked: Overrides, known: Scan | None, said: Said) -> None:
    """Warn where numbers whose unit is not known were taken for times, or may be the times that
    nobody gave. What is asked for now is not doubted, nor what a scan was made with that was.
    """
    lines = []
    if (
        axis.counts
        and not axis.is_known
        and axis.unit
        and None in (asked.interval_ms, asked.delay_ms)
    ):
        lines.append(
            f"{axis.name} is in '{axis.unit}', which is not known: taken for milliseconds "
            "(--interval-ms and --delay-ms to decide)"
        )
    if not axis.counts and axis.ends and axis.ends[0] and asked.delay_ms is None:
        lines.append(
            f"there is {axis.words()}: times are taken to begin at {taken.delay_ms:g} ms "
            "(--delay-ms to decide)"
        )
    for line in lines:
        new = known is None or known.questions or line in known.warnings
        if taken.interval_ms and new:
            said.warnings.append(line)


def _tell_of_scan(path: Path, volume: Volume, taken: Times, asked: Overrides, said: Said) -> None:
    """Warn where a scan has other times than the axis; what is asked for now is no contradiction,
    and an axis that cannot be read no word on them.
    """
    if volume.times is None or not volume.times.counts:
        return
    try:
        axis = volume.axis(path)
    except SurveyError:
        return
    by_scan = (
        taken.interval_ms if asked.interval_ms is None else axis.interval_ms,
        taken.delay_ms if asked.delay_ms is None else axis.delay_ms,
    )
    times.tell_of_scan(by_scan, axis, said, volume.times.name)


def _gather(source: ArraySource, traces: int, samples: int, advance: Advance) -> Stats:
    found = Gatherer(traces, samples)
    for numbers in source.portions():
        found.take(numbers, *source.read(numbers))
        advance(len(numbers))
    return found.result()
