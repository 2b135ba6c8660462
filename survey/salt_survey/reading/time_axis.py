"""When an array's samples are, by the axis that a Zarr has beside it."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from salt_survey.errors import SurveyError
from salt_survey.reading import damage, dimensions, zarr_chunks
from salt_survey.reading.packing import Scaling, numbers

NAMES = ("time_ms", "twt")  # whose numbers are milliseconds, unless they have other units
_OTHERS = tuple(
    name for name in dimensions.SAMPLE if name not in NAMES
)  # milliseconds if they say so
# Times one and over the other are milliseconds; xarray keeps differences of times so. Metres of
# depth stand in their place.
_UNITS = {
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), (1, 1_000_000)),
    **dict.fromkeys(("us", "microsecond", "microseconds"), (1, 1000)),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), (1, 1)),
    **dict.fromkeys(("s", "sec", "second", "seconds"), (1000, 1)),
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), (1, 1)),
}
_UNEVEN = 0.02  # of a step, that a sample may be off its time: decimals are rounded


class Times(NamedTuple):
    """Evenly spaced.

    Attributes:
        interval_ms: from sample to sample; 0 of one sample alone.
        delay_ms: of the first.
    """

    interval_ms: float
    delay_ms: float


@dataclasses.dataclass(frozen=True)
class Axis:
    """An array beside the volume that has a number for each sample.

    Attributes:
        name: of it.
        stored: the numbers, not read yet.
    """

    name: str
    stored: Any

    @property
    def unit(self) -> str | None:
        """As it is said to be in; None where nothing is said."""
        said = getattr(self.stored, "attrs", {}).get("units")
        return None if said is None else ascii(str(said))[1:-1][:40]

    @property
    def is_known(self) -> bool:
        """Whether what its numbers are in is known here, and nothing has to be taken for it."""
        if getattr(getattr(self.stored, "dtype", None), "kind", "") == "m":
            return True
        return str(self.unit).lower() in _UNITS

    @property
    def counts(self) -> bool:
        """Whether times are read by it: the others may be places."""
        return self.is_known or self.name.lower() in NAMES

    @functools.cached_property
    def ends(self) -> tuple[float, float] | None:
        """Its first and last number; None where they are none."""
        try:
            ends = slice(0, 1), slice(-1, None)
            kept = np.concatenate([zarr_chunks.read(self.stored, end) for end in ends])
            said = getattr(self.stored, "attrs", {})
            first, last = map(float, Scaling.of(said, kept.dtype, self.name).numbers(kept))
        except (SurveyError, *damage.KINDS):
            return None
        return first, last

    def words(self) -> str:
        """What there is beside the volume whose unit is not known; empty if it cannot be told."""
        if self.ends is None:
            return ""
        first, last = self.ends
        unit = "without a unit" if self.unit is None else f"in '{self.unit}', which is not known"
        return f"'{self.name}' from {first:g} to {last:g} {unit}"


def find(group: Any, samples: int) -> Axis | None:
    """The axis that a Zarr group has for so many samples: the one that times are read by, else one
    that may be it; None without any, and of an array that lies alone.
    """
    if group is None:
        return None
    if (name := dimensions.coordinate(group, NAMES, samples)) is not None:
        return Axis(name, group[name])
    others = [Axis(each, group[each]) for each in dimensions.fitting(group, _OTHERS, samples)]
    return next((axis for axis in others if axis.is_known), others[0] if others else None)


def read(path: Path, stored: Any, samples: int, name: str = NAMES[0]) -> Times:
    """Read an axis, as it is all that says when samples are: one that has a gap or is another's
    would give wrong times that look right.

    Args:
        path: of the Zarr, for errors.
        stored: the axis, not read yet.
        samples: of a trace.
        name: of the axis, for errors.

    Raises:
        SurveyError: it cannot be read, or is no evenly rising time for each sample.
    """
    shape = getattr(stored, "shape", None)
    if shape != (samples,):  # it may claim any: nothing is read that does not fit
        raise _no_axis(
            path,
            name,
            "is a group" if shape is None else f"has shape {list(shape)}",
            samples,
        )
    with damage.raised_as(lambda seen: _no_axis(path, name, f"cannot be read ({seen})", samples)):
        kept = numbers(path, stored, name)
        times = _milliseconds(kept, getattr(stored, "attrs", {}).get("units"))
    if wrong := _wrong(times, kept.dtype == np.float32):
        raise _no_axis(path, name, wrong, samples)
    interval = (times[-1] - times[0]) / max(1, samples - 1)
    return Times(float(interval), float(times[0]))


def _milliseconds(kept: npt.NDArray[Any], units: object) -> npt.NDArray[np.float64]:
    """Numbers by the units that they are said to be in, and differences of times by their own."""
    if kept.dtype.kind == "m":
        return np.asarray(kept / np.timedelta64(1, "ms"), np.float64)
    if kept.dtype.kind not in "fiu":
        raise TypeError(f"{kept.dtype} are no times of samples")
    times, over = _UNITS.get(str(units).lower(), (1, 1))
    return kept.astype(np.float64) * times / over


def _wrong(times: npt.NDArray[np.float64], are_single: bool) -> str:
    """What is wrong with the numbers, which may have been 32-bit ones; empty if nothing is."""
    if bad := np.count_nonzero(~np.isfinite(times)):
        return f"has {bad} values that are not finite"
    steps = np.diff(times)
    if not len(steps):
        return ""
    even = np.linspace(times[0], times[-1], len(times))
    # Late in long records, 32-bit numbers are farther apart than a share of a short step.
    rounded = float(np.spacing(np.float32(np.abs(times).max()))) if are_single else 0.0
    off = float(np.abs(times - even).max())
    if steps.min() > 0 and off <= max(_UNEVEN * float(steps.mean()), rounded):
        return ""
    return f"has steps of {steps.min():.9g} to {steps.max():.9g} ms"


def _no_axis(path: Path, name: str, seen: str, samples: int) -> SurveyError:
    return SurveyError(
        f"{path}: {name} {seen}, expected {samples} times, one for each sample, that rise evenly; "
        "mend it, or give --interval-ms and --delay-ms, which count in its place"
    )
