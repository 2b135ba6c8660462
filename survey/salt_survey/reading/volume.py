"""An array opened, and what numbers its lines: ``.npy``, and Zarr of version 2 or 3; [inline,
crossline, sample] each, or in ``.npy`` one line, [trace, sample].
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from salt_infer.errors import PackageError
from salt_survey.errors import SurveyError
from salt_survey.reading import damage, dimensions, packing, time_axis, unsupported
from salt_survey.reading.packing import AS_KEPT, Packing
from salt_survey.reading.time_axis import Axis, Times

OURS = "salt-survey"  # attribute of a group that salt-survey run has written
_NAMES = ("amplitude", "data", "seismic")  # of the volume, in a Zarr group
# A Zarr may claim any shape and hold nothing; what is read at a time has to fit into memory.
_MOST_TRACES = 1 << 26
_ROUNDED, _MOST = 1e-3, 1 << 31  # of line numbers that are floats
_COLOURS = (3, 4)  # of a picture in its last axis, and too few for samples
_MOST_AT_ONCE = 1 << 27  # samples of an inline, or of a chunk


@dataclasses.dataclass(frozen=True)
class Volume:
    """An array and what numbers its lines."""

    kind: Any  # "npy" or "zarr"
    data: Any  # [I, X, S], sliced as numpy's
    inlines: npt.NDArray[np.int64]
    crosslines: npt.NDArray[np.int64]
    times: Axis | None  # that times are read by, or that may be one
    is_line: bool = False  # [X, S] in the file
    packing: Packing = AS_KEPT

    def axis(self, path: Path) -> Times:
        """When samples are by the axis beside it; 0 and 0 without one."""
        if self.times is None or not self.times.counts:
            return Times(0.0, 0.0)
        return time_axis.read(path, self.times.stored, self.data.shape[2], self.times.name)


def opened(path: Path) -> Volume:
    """Open an array; of its samples nothing is read.

    Raises:
        SurveyError: it is no survey, or claims more than can be read.
        PackageError: zarr is not installed.
    """
    is_npy = path.suffix.lower() == ".npy" and not path.is_dir()
    if not path.exists():
        raise SurveyError(f"{path} cannot be read (No such file or directory)")
    with damage.raised_as(functools.partial(_no_survey, path)):
        if not is_npy and (why := unsupported.no_zarr(path)):
            raise SurveyError(why)
        volume = _open_npy(path) if is_npy else _open_zarr(path)
    shape, kind = volume.data.shape, np.dtype(volume.data.dtype).kind
    if len(shape) != 3 or kind not in "fiu" or 0 in shape:
        raise SurveyError(
            f"{path} is an array {list(shape)} of {volume.data.dtype}, expected numbers "
            "[inline, crossline, sample], or in .npy those of one line [trace, sample]"
        )
    if is_npy and shape[2] in _COLOURS:
        raise SurveyError(
            f"{path} is an array {list(shape)}, of {shape[2]} samples a trace: a picture with its "
            "colours? save one of them, or its grey values, as [trace, sample]"
        )
    chunk = math.prod(getattr(volume.data, "chunks", (1,)))
    if shape[0] * shape[1] > _MOST_TRACES or max(chunk, shape[1] * shape[2]) > _MOST_AT_ONCE:
        raise SurveyError(
            f"{path} claims {list(shape)} samples in chunks of {chunk}, more than are read here: "
            f"expected at most {_MOST_TRACES} traces, and {_MOST_AT_ONCE} samples an inline and a "
            "chunk"
        )
    return volume


def _no_survey(path: Path, seen: str) -> SurveyError:
    said = f"{path} cannot be read as a survey ({seen})"
    return SurveyError(unsupported.no_survey(path, said))


def _open_npy(path: Path) -> Volume:
    data = np.load(path, mmap_mode="r", allow_pickle=False)
    is_line = data.ndim == 2
    if is_line:
        data = data[None]
    rows, columns = (*data.shape, 0, 0)[:2]
    numbers = np.arange(1, rows + 1), np.arange(1, columns + 1)
    return Volume("npy", data, *numbers, None, is_line=is_line)


def _is_ours(group: Path) -> bool:
    """Whether it is a volume that a run wrote; there need not be any."""
    import zarr

    try:
        return OURS in zarr.open_group(str(group), mode="r").attrs
    except damage.KINDS:  # there is none, or another's, which need not be sound
        return False


def _open_zarr(path: Path) -> Volume:
    try:
        import zarr
    except ModuleNotFoundError as error:
        raise PackageError("zarr is not installed; pip install 'salt-toolkit[survey]'") from error
    node: Any = zarr.open(str(path), mode="r")
    ours = path if OURS in node.attrs else None
    if isinstance(node, zarr.Array) and _is_ours(path.absolute().parent):
        ours = path.absolute().parent
    if ours:
        raise SurveyError(
            f"{ours} holds probabilities of salt, which salt-survey wrote, and is no survey; name "
            f"the survey itself, and to see what was found: look IN --volume {ours}"
        )
    if isinstance(node, zarr.Array):
        data, group = node, None
    else:
        data, group = _only(path, node), node
    dimensions.check(path, data)
    rows, columns = (*data.shape, 0, 0)[:2]
    return Volume(
        "zarr",
        data,
        _coordinate(path, group, dimensions.INLINE, rows),
        _coordinate(path, group, dimensions.CROSSLINE, columns),
        time_axis.find(group, data.shape[-1]),
        packing=Packing.of(data),
    )


def _only(path: Path, group: Any) -> Any:
    """The array of a group that is the survey."""
    arrays = dict(group.arrays())
    named = [name for name in _NAMES if name in arrays]
    named = named or [name for name, each in arrays.items() if len(each.shape) == 3]
    if len(named) == 1:
        return arrays[named[0]]
    inside = ", ".join(
        [f"array {name} {list(each.shape)}" for name, each in sorted(arrays.items())]
        + [f"group {name}" for name in sorted(group.group_keys())]
    )
    raise SurveyError(
        f"{path} holds {len(named)} arrays that could be the survey ({inside or 'it is empty'}), "
        f"expected one, named {' or '.join(_NAMES)}; where it is in a group, give that: "
        f"{path}/GROUP"
    )


def _coordinate(path: Path, group: Any, names: Sequence[str], length: int) -> npt.NDArray[np.int64]:
    name = dimensions.coordinate(group, names, length)
    if name is None:
        return np.arange(1, length + 1, dtype=np.int64)
    shape = getattr(group[name], "shape", None)
    if shape != (length,):
        seen = "is a group" if shape is None else f"has shape {list(shape)}"
        raise SurveyError(
            f"{name} {seen}, expected {length} numbers, one for each line; give it another name, "
            "or remove it where lines need no numbers"
        )
    numbers = _whole(packing.numbers(path, group[name], name), name)
    if np.any(np.diff(numbers) <= 0):
        repeat = len(np.unique(numbers)) < length
        mend = f'leave out all but one (xarray: ds.drop_duplicates("{name}"))'
        sort = f'sort the volume by them (xarray: ds.sortby("{name}"))'
        raise SurveyError(
            f"{path} has {name} numbers that {'repeat' if repeat else 'do not rise'}, expected "
            f"rising ones; {mend if repeat else sort}"
        )
    return numbers


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
