"""How a Zarr's numbers stand for amplitudes, by its attributes, which xarray and others write.

Those of the CF conventions: what was kept times ``scale_factor`` plus ``add_offset``;
``_FillValue``, ``missing_value`` and the array's own fill value are numbers kept where nothing was
recorded. A 0 is none of these where nothing is added: of zeros it is told by where they are. Nor is
a fill value of 0 in version 3, which every array has that nobody gave one.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import math
import struct
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from salt_survey.errors import SurveyError

_NULLS = ("_FillValue", "missing_value")


@dataclasses.dataclass(frozen=True)
class Packing:
    """What to do with numbers that were kept; with those of most arrays nothing.

    Attributes:
        nulls: kept where nothing was recorded.
        scale, offset: times the one plus the other, numbers are amplitudes.
    """

    nulls: tuple[float, ...] = ()
    scale: float = 1.0
    offset: float = 0.0

    @classmethod
    def of(cls, array: Any) -> Self:
        """As a Zarr array says.

        Raises:
            SurveyError: it says it in a way that is not known here.
        """
        said = array.attrs
        scale, offset = _one(said, "scale_factor", 1.0), _one(said, "add_offset", 0.0)
        if scale == 0:
            raise _unknown("scale_factor", 0)
        nulls = dict.fromkeys(null for null in _nulls(array) if null or offset)
        return cls(tuple(nulls), scale, offset)

    def unpacked(self, kept: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Amplitudes of numbers of any shape; NaN where nothing was recorded."""
        with np.errstate(over="ignore", invalid="ignore"):
            if (self.scale, self.offset) == (1, 0):
                out = kept.astype(np.float32)
            else:
                out = (kept * np.float64(self.scale) + self.offset).astype(np.float32)
            for null in self.nulls:
                out[kept == (kept.dtype.type(null) if kept.dtype.kind == "f" else null)] = np.nan
        return out

    def words(self) -> Iterator[str]:
        """A line each for what is not as usual."""
        if self.nulls:
            yield f"{' and '.join(f'{each:g}' for each in self.nulls)} stands for nothing recorded"
        if (self.scale, self.offset) != (1, 0):
            yield f"numbers are kept, and amplitudes are {self.scale:g} times these" + (
                f", plus {self.offset:g}" if self.offset else ""
            )


AS_KEPT = Packing()


def _nulls(array: Any) -> Iterator[float]:
    for name in _NULLS:
        yield from _numbers(name, array.attrs.get(name, ()))
    fill = array.fill_value
    if np.dtype(array.dtype).kind in "fiu" and (fill or array.metadata.zarr_format == 2):
        yield from _numbers("fill_value", () if fill is None else fill)


def _one(said: Any, name: str, otherwise: float) -> float:
    values = list(_numbers(name, said.get(name, otherwise)))
    if len(values) != 1:
        raise _unknown(name, said[name])
    return values[0]


def _numbers(name: str, value: Any) -> Iterator[float]:
    """One, or a list of them, without those that are not finite, which are no amplitudes anyway."""
    for each in value if isinstance(value, list | tuple) else (value,):
        try:
            number = _of_text(each) if isinstance(each, str) else float(each)
        except (TypeError, ValueError) as error:
            raise _unknown(name, value) from error
        if math.isfinite(number):
            yield number


def _of_text(text: str) -> float:
    """Such as ``NaN``, or eight bytes in base 64, as xarray writes it in version 3."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        (number,) = struct.unpack("<d", base64.b64decode(text, validate=True))
    except (binascii.Error, struct.error) as error:
        raise ValueError(text) from error
    return float(number)


def _unknown(name: str, value: Any) -> SurveyError:
    return SurveyError(
        f"the volume's {name} is {ascii(value)[:60]}, expected a number; mend this attribute, or "
        "write the volume anew, in amplitudes"
    )
