"""Surveys as arrays: ``.npy``, and Zarr of version 2 or 3; [inline, crossline, sample] each, or in
``.npy`` one line, [trace, sample].
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from salt_infer.errors import PackageError, one_line
from salt_survey.errors import SurveyError
from salt_survey.reading import dimensions, time_axis, unsupported
from salt_survey.reading.chunks import Pieces
from salt_survey.reading.packing import AS_KEPT, Packing
from salt_survey.reading.time_axis import Times
from salt_survey.scan import geometry, times
from salt_survey.scan.findings import Found, Said, of_samples, tell_spikes
from salt_survey.scan.geometry import Grid
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import Scan
from salt_survey.scan.statistics import Gatherer, Stats
from salt_survey.segy.samples import Portion

OURS = "salt-survey"  # attribute of a group that salt-survey run has written
_NAMES = ("amplitude", "data", "seismic")  # of the volume, in a Zarr group
# A Zarr may claim any shape and hold nothing; what is read at a time has to fit into memory.
_MOST_TRACES = 1 << 26
_ROUNDED, _MOST = 1e-3, 1 << 31  # of line numbers that are floats
_MOST_AT_ONCE = 1 << 27  # samples of an inline, or of a chunk

Tell = Callable[[int], object]


def is_array(path: Path) -> bool:
    """A folder, or ``.npy``: not SEG-Y."""
    return path.suffix.lower() == ".npy" or path.is_dir()


@dataclasses.dataclass(frozen=True)
class _Volume:
    """An array and what numbers its lines."""

    kind: Any  # "npy" or "zarr"
    data: Any  # [I, X, S], sliced as numpy's
    inlines: npt.NDArray[np.int64]
    crosslines: npt.NDArray[np.int64]
    times: Any  # of the samples, as they are kept, not read yet; None if there are none
    times_name: str = ""
    is_line: bool = False  # [X, S] in the file
    packing: Packing = AS_KEPT

    def axis(self, path: Path) -> Times:
        """When samples are by the axis beside it; 0 and 0 without one."""
        if self.times is None:
            return Times(0.0, 0.0)
        return time_axis.read(path, self.times, self.data.shape[2], self.times_name)


class ArraySource:
    """Traces of an array, numbered inline by inline."""

    def __init__(self, path: Path) -> None:
        self._path = path
        volume = _open(path)
        self._data, self._packing = data, _ = volume.data, volume.packing
        self._pieces = Pieces.of(data.shape, getattr(data, "chunks", None))

    def read(self, traces: npt.NDArray[np.integer]) -> Portion:
        """Some traces; none is said to be dead."""
        out = np.empty((len(traces), self._data.shape[2]), np.float32)
        for which, (places, rows, columns) in self._pieces.parts(traces):
            kept = np.asarray(self._data[rows, columns])[tuple(places)]
            out[which] = self._packing.unpacked(kept)
        return Portion(out, np.zeros(len(traces), bool))

    def portions(self) -> Iterator[npt.NDArray[np.int64]]:
        """Numbers of all traces."""
        return self._pieces.all()

    def digest(self) -> str:
        """Of the names, sizes and times of change of its files."""
        files = sorted(self._path.rglob("*")) if self._path.is_dir() else [self._path]
        told = hashlib.sha256()
        for file in files:
            if file.is_file():
                status = os.stat(file)
                name = file.relative_to(self._path.parent)
                told.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
        return told.hexdigest()

    def close(self) -> None:
        """Nothing is held."""


def scan(path: Path, overrides: Overrides, known: Scan | None, tell: Tell) -> Found:
    """Scan an array; see :func:`salt_survey.reading.survey.scanned`."""
    volume = _open(path)
    rows, columns, samples = volume.data.shape
    when = _times(path, volume, overrides.over(known) if known else overrides)
    numbers = np.arange(rows * columns, dtype=np.int32)
    grid = Grid(
        inlines=volume.inlines,
        crosslines=volume.crosslines,
        traces=numbers.reshape(rows, columns),
        places=numbers,
        duplicates=0,
        order="line" if volume.is_line else "inline",
    )
    said = Said(notes=list(volume.packing.words()))
    if known is not None:
        _tell_of_scan(path, volume, when, overrides, said)
    if volume.is_line:
        said.notes.append(
            f"a 2-D array: one line of {columns} traces of {samples} samples; if its rows are the "
            "samples, save it transposed"
        )
    stats = None if known else _gather(ArraySource(path), rows * columns, samples, tell)
    if stats and stats.recorded < 2:
        said.faults.append("fewer than two live traces, expected two at least")
    if stats:
        tell_spikes(stats, said)
    if not when.interval_ms:
        said.questions.append("an array has no sample interval; give it with --interval-ms")
    times.tell_unlikely(when.interval_ms, said, volume.times_name)
    found = Scan(
        kind=volume.kind,
        size=0 if volume.kind == "zarr" else path.stat().st_size,
        samples=samples,
        interval_ms=when.interval_ms,
        delay_ms=when.delay_ms,
        traces=rows * columns,
        inlines=None if volume.is_line else geometry.lines_of(volume.inlines),
        crosslines=None if volume.is_line else geometry.lines_of(volume.crosslines),
        cdp=geometry.lines_of(volume.crosslines) if volume.is_line else None,
        order=grid.order,
        lines_from="traces",
        **of_samples(stats, known),
        **said.fields(),
    )
    return Found(found, grid=grid, silent=stats.silent if stats else None)


def _times(path: Path, volume: _Volume, said: Overrides) -> Times:
    """What is said of them, and the rest by the volume's axis, which is read only where it counts;
    an interval of 0 is not known.
    """
    if said.interval_ms is not None and said.delay_ms is not None:
        return Times(said.interval_ms, said.delay_ms)
    axis = volume.axis(path)
    return Times(
        axis.interval_ms if said.interval_ms is None else said.interval_ms,
        axis.delay_ms if said.delay_ms is None else said.delay_ms,
    )


def _tell_of_scan(path: Path, volume: _Volume, taken: Times, asked: Overrides, said: Said) -> None:
    """Warn where a scan has other times than the axis; what is asked for now is no contradiction,
    and an axis that cannot be read no word on them.
    """
    if volume.times is None:
        return
    try:
        axis = volume.axis(path)
    except SurveyError:
        return
    by_scan = (
        taken.interval_ms if asked.interval_ms is None else axis.interval_ms,
        taken.delay_ms if asked.delay_ms is None else axis.delay_ms,
    )
    times.tell_of_scan(by_scan, axis, said, volume.times_name)


def _gather(source: ArraySource, traces: int, samples: int, tell: Tell) -> Stats:
    found = Gatherer(traces, samples)
    for numbers in source.portions():
        found.take(numbers, *source.read(numbers))
        tell(len(numbers))
    return found.result()


def _open(path: Path) -> _Volume:
    is_npy = path.suffix.lower() == ".npy" and not path.is_dir()
    try:
        if not is_npy and (why := unsupported.no_zarr(path)):
            raise SurveyError(why)
        volume = _open_npy(path) if is_npy else _open_zarr(path)
    except FileNotFoundError as error:
        raise SurveyError(f"{path} cannot be read ({error.strerror or error})") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = f"{path} cannot be read as a survey ({one_line(error)})"
        raise SurveyError(unsupported.no_survey(path, said)) from error
    shape, kind = volume.data.shape, np.dtype(volume.data.dtype).kind
    if len(shape) != 3 or kind not in "fiu" or 0 in shape:
        raise SurveyError(
            f"{path} is an array {list(shape)} of {volume.data.dtype}, expected numbers "
            "[inline, crossline, sample], or in .npy those of one line [trace, sample]"
        )
    chunk = math.prod(getattr(volume.data, "chunks", (1,)))
    if shape[0] * shape[1] > _MOST_TRACES or max(chunk, shape[1] * shape[2]) > _MOST_AT_ONCE:
        raise SurveyError(
            f"{path} claims {list(shape)} samples in chunks of {chunk}, more than are read here: "
            f"expected at most {_MOST_TRACES} traces, and {_MOST_AT_ONCE} samples an inline and a "
            "chunk"
        )
    for name, numbers, length in (
        ("inline", volume.inlines, shape[0]),
        ("crossline", volume.crosslines, shape[1]),
    ):
        if len(numbers) != length or np.any(np.diff(numbers) <= 0):
            raise SurveyError(
                f"{path} has {len(numbers)} {name} numbers for {length} lines, expected as many, "
                "rising"
            )
    return volume


def _open_npy(path: Path) -> _Volume:
    data = np.load(path, mmap_mode="r", allow_pickle=False)
    is_line = data.ndim == 2
    if is_line:
        data = data[None]
    rows, columns = (*data.shape, 0, 0)[:2]
    numbers = np.arange(1, rows + 1), np.arange(1, columns + 1)
    return _Volume("npy", data, *numbers, None, is_line=is_line)


def _open_zarr(path: Path) -> _Volume:
    try:
        import zarr
    except ModuleNotFoundError as error:
        raise PackageError("zarr is not installed; pip install 'salt-toolkit[survey]'") from error
    node: Any = zarr.open(str(path), mode="r")
    if OURS in node.attrs:
        raise SurveyError(
            f"{path} holds probabilities of salt, which salt-survey wrote, and is no survey; name "
            f"the survey itself, and to see what was found: look IN --volume {path}"
        )
    if isinstance(node, zarr.Array):
        data, group = node, None
    else:
        named = [name for name in _NAMES if name in node]
        named = named or [name for name, each in node.arrays() if len(each.shape) == 3]
        if len(named) != 1:
            raise SurveyError(
                f"{path} holds {len(named)} arrays that could be the survey, expected one, named "
                f"{' or '.join(_NAMES)}"
            )
        data, group = node[named[0]], node
    dimensions.check(path, data)
    rows, columns = (*data.shape, 0, 0)[:2]
    axis = dimensions.coordinate(group, time_axis.NAMES, data.shape[-1])
    return _Volume(
        "zarr",
        data,
        _coordinate(group, dimensions.INLINE, rows),
        _coordinate(group, dimensions.CROSSLINE, columns),
        group[axis] if group is not None and axis else None,
        axis or "",
        packing=Packing.of(data),
    )


def _coordinate(group: Any, names: Sequence[str], length: int) -> npt.NDArray[np.int64]:
    name = dimensions.coordinate(group, names, length)
    if name is None:
        return np.arange(1, length + 1, dtype=np.int64)
    return _whole(np.asarray(group[name]), name)


def _whole(numbers: npt.NDArray[Any], name: str) -> npt.NDArray[np.int64]:
    """Line numbers that may be written as floats; raises SurveyError where one is no whole one."""
    if numbers.dtype.kind in "iu":
        return np.asarray(numbers, np.int64)
    if numbers.dtype.kind != "f":
        raise SurveyError(f"numbers of {name}s are {numbers.dtype}, expected whole numbers")
    nearest = np.rint(numbers.astype(np.float64))
    with np.errstate(invalid="ignore"):  # written so that what is not finite is refused
        fine = (np.abs(numbers - nearest) <= _ROUNDED) & (np.abs(nearest) < _MOST)
    if not fine.all():
        raise SurveyError(
            f"numbers of {name}s are such as {float(numbers[~fine][0])!r}, expected whole numbers"
        )
    return nearest.astype(np.int64)
