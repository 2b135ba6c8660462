"""How a Zarr's numbers stand for amplitudes, by its attributes, which xarray and others write, and
those of the axes beside it for lines and times.

Those of the CF conventions: what was kept times ``scale_factor`` plus ``add_offset``, and of
integers ``_Unsigned``, where those of the other kind could not be kept;
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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from salt_survey.errors import SurveyError
from salt_survey.reading import zarr_chunks

_NULLS, _VOLUME = ("_FillValue", "missing_value"), "volume"


@dataclasses.dataclass(frozen=True)
class Scaling:
    """What numbers that were kept stand for; those of most arrays for themselves.

    Attributes:
        scale, offset: times the one plus the other, numbers are what is meant.
        kind: ``u`` where integers with a sign are meant without, ``i`` the other way; else empty.
    """

    scale: float = 1.0
    offset: float = 0.0
    kind: str = ""

    @classmethod
    def of(cls, said: Mapping[str, Any], dtype: Any, what: str) -> Self:
        """As the attributes of an array of that type say; ``what`` it is, for errors.

        Raises:
            SurveyError: they say it in a way that is not known here.
        """
        scale, offset = _one(said, "scale_factor", 1.0, what), _one(said, "add_offset", 0.0, what)
        if scale == 0:
            raise _unknown("scale_factor", 0, what)
        return cls(scale, offset, _other_kind(said, np.dtype(dtype).kind, what))

    def __bool__(self) -> bool:
        return self != Scaling()

    def signed(self, kept: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Numbers as they were kept, but with a sign, or without one, as they are meant."""
        return kept.view(kept.dtype.str[0] + self.kind + kept.dtype.str[2:]) if self.kind else kept

    def numbers(self, kept: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What is meant; float64 where anything is scaled or added."""
        kept = self.signed(kept)
        if (self.scale, self.offset) == (1, 0):
            return kept
        return np.asarray(kept * np.float64(self.scale) + self.offset)

    def words(self) -> Iterator[str]:
        """A line each for what is not as usual, of amplitudes."""
        if self.kind:
            yield f"integers are {'un' * (self.kind == 'u')}signed ones, by _Unsigned"
        if (self.scale, self.offset) != (1, 0):
            yield f"numbers are kept, and amplitudes are {self.scale:g} times these" + (
                f", plus {self.offset:g}" if self.offset else ""
            )


def numbers(path: Path, stored: Any, what: str) -> npt.NDArray[Any]:
    """All that an array beside the volume says, such as line numbers.

    Args:
        path: of the Zarr, for errors.
        stored: the array, not read yet.
        what: it is, for errors.

    Raises:
        SurveyError: its attributes are not known here.
    """
    kept = zarr_chunks.read(stored)
    try:
        return Scaling.of(getattr(stored, "attrs", {}), kept.dtype, what).numbers(kept)
    except SurveyError as error:
        raise SurveyError(f"{path}: {error}") from error


@dataclasses.dataclass(frozen=True)
class Packing:
    """What to do with amplitudes that were kept; with those of most arrays nothing.

    Attributes:
        nulls: kept where nothing was recorded.
        scaling: of the others.
    """

    nulls: tuple[float, ...] = ()
    scaling: Scaling = Scaling()

    @classmethod
    def of(cls, array: Any) -> Self:
        """As a Zarr array says.

        Raises:
            SurveyError: it says it in a way that is not known here.
        """
        scaling = Scaling.of(array.attrs, array.dtype, _VOLUME)
        said = (null for null in _nulls(array) if null or scaling.offset)
        kept = (_wrapped(null, np.dtype(array.dtype)) if scaling.kind else null for null in said)
        return cls(tuple(dict.fromkeys(kept)), scaling)

    def unpacked(self, kept: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Amplitudes of numbers of any shape; NaN where nothing was recorded."""
        with np.errstate(over="ignore", invalid="ignore"):
            out = self.scaling.numbers(kept).astype(np.float32)
            for null in self.nulls:
                out[kept == (kept.dtype.type(null) if kept.dtype.kind == "f" else null)] = np.nan
        return out

    def words(self) -> Iterator[str]:
        """A line each for what is not as usual."""
        if self.nulls:
            yield f"{' and '.join(f'{each:g}' for each in self.nulls)} stands for nothing recorded"
        yield from self.scaling.words()


AS_KEPT = Packing()


def _nulls(array: Any) -> Iterator[float]:
    for name in _NULLS:
        yield from _numbers(name, array.attrs.get(name, ()), _VOLUME)
    fill = array.fill_value
    if np.dtype(array.dtype).kind in "fiu" and (fill or array.metadata.zarr_format == 2):
        yield from _numbers("fill_value", () if fill is None else fill, _VOLUME)


def _wrapped(null: float, dtype: np.dtype[Any]) -> float:
    """As it is kept, an integer that may be said as it is meant: without a sign, or with one."""
    limits, size = np.iinfo(dtype), 256.0**dtype.itemsize
    if limits.max < null < size:
        return null - size
    return null + size if -size / 2 <= null < limits.min else null


def _other_kind(said: Mapping[str, Any], kind: str, what: str) -> str:
    """The kind of integers that are meant, where it is not theirs."""
    unsigned = "" if said.get("_Unsigned") is None else str(said["_Unsigned"]).lower()
    if unsigned not in ("", "true", "false"):
        raise _unknown("_Unsigned", said["_Unsigned"], what, "true or false")
    meant = {"true": "u", "false": "i"}.get(unsigned, kind)
    return meant if kind in "iu" and meant != kind else ""


def _one(said: Mapping[str, Any], name: str, otherwise: float, what: str) -> float:
    values = list(_numbers(name, said.get(name, otherwise), what))
    if len(values) != 1:
        raise _unknown(name, said[name], what)
    return values[0]


def _numbers(name: str, value: Any, what: str) -> Iterator[float]:
    """One, or a list of them, without those that are not finite, which are no amplitudes anyway."""
    for each in value if isinstance(value, list | tuple) else (value,):
        try:
            number = _of_text(each) if isinstance(each, str) else float(each)
        except (TypeError, ValueError) as error:
            raise _unknown(name, value, what) from error
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


def _unknown(name: str, value: Any, what: str, expected: str = "a number") -> SurveyError:
    anew = ", in amplitudes" if what == _VOLUME else ""
    return SurveyError(
        f"the {what}'s {name} is {ascii(value)[:60]}, expected {expected}; mend this attribute, or "
        f"write the {what} anew{anew}"
    )
