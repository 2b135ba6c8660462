"""What a Zarr says its axes are, as xarray and others write it.

An array whose axes lie otherwise is refused, as its sections would be of something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from salt_survey.errors import SurveyError

INLINE = ("inline", "iline", "inlines", "ilines", "il", "inline_3d")
CROSSLINE = ("crossline", "xline", "crosslines", "xlines", "xl", "crossline_3d")
SAMPLE = ("time_ms", "twt", "time", "depth", "sample", "samples", "z")
_AXES = (INLINE, CROSSLINE, SAMPLE)


def names(array: Any) -> tuple[str | None, ...]:
    """Of a Zarr array's axes, in small letters; none where it does not say."""
    told = getattr(array.metadata, "dimension_names", None)  # of version 3
    if told is None:
        told = array.attrs.get("_ARRAY_DIMENSIONS")  # of version 2, by xarray
    if not isinstance(told, Sequence) or isinstance(told, str) or len(told) != len(array.shape):
        return ()
    return tuple(each.lower() if isinstance(each, str) else None for each in told)


def check(path: Path, array: Any) -> None:
    """Refuse an array whose axes are others than inline, crossline and sample.

    Raises:
        SurveyError: one is named as another is to be.
    """
    said = names(array)
    meant = [_axis(name) for name in said]
    if any(axis not in (None, place) for place, axis in enumerate(meant)):
        raise SurveyError(
            f"{path}: the axes are {', '.join(map(str, said))}, expected inline, crossline and "
            "sample, in this order; write it transposed (xarray: ds.transpose(...))"
        )


def coordinate(group: Any, axis: Sequence[str], length: int) -> str | None:
    """The array of a group that has an axis's numbers; None without one.

    Args:
        group: of a Zarr; None where an array lies alone.
        axis: names for it. An array of the first has to be it; one of another, in letters of any
            size, is it if it has a number for each place.
        length: of the axis.
    """
    if group is None:
        return None
    if axis[0] in group:
        return axis[0]
    return next(fitting(group, axis, length), None)


def fitting(group: Any, axis: Sequence[str], length: int) -> Iterator[str]:
    """Arrays of a group that have one of these names, and a number for each place of an axis."""
    found = {key.lower(): key for key, array in group.arrays() if array.shape == (length,)}
    return (found[name] for name in axis if name in found)


def _axis(name: str | None) -> int | None:
    """Which axis a name stands for; None of one that may be any."""
    return next((at for at, known in enumerate(_AXES) if name in known), None)
