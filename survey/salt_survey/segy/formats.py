"""Sample formats: their codes, widths, and how samples become float32."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from salt_survey.segy.order import Endian, dtype

IBM, IEEE = 1, 5

Bytes = npt.NDArray[np.uint8]
Samples = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Format:
    """A sample format.

    Attributes:
        code: in the binary header.
        name: for people.
        width: bytes a sample.
        kind: of numpy, without a byte order; empty of IBM floats and of what is not read.
        readable: is there a way to floats here.
    """

    code: int
    name: str
    width: int
    kind: str = ""
    readable: bool = True


FORMATS = {
    each.code: each
    for each in (
        Format(IBM, "IBM float", 4),
        Format(2, "32-bit integer", 4, "i4"),
        Format(3, "16-bit integer", 2, "i2"),
        Format(4, "fixed point with gain", 4, readable=False),
        Format(IEEE, "IEEE float", 4, "f4"),
        Format(6, "64-bit IEEE float", 8, "f8"),
        Format(7, "24-bit integer", 3, readable=False),
        Format(8, "8-bit integer", 1, "i1"),
        Format(9, "64-bit integer", 8, "i8"),
        Format(10, "unsigned 32-bit integer", 4, "u4"),
        Format(11, "unsigned 16-bit integer", 2, "u2"),
        Format(12, "unsigned 64-bit integer", 8, "u8"),
        Format(15, "unsigned 24-bit integer", 3, readable=False),
        Format(16, "unsigned 8-bit integer", 1, "u1"),
    )
}

# Of an exponent, what the 24-bit fraction is multiplied with.
_IBM_SCALE = 16.0 ** (np.arange(128) - 64) / 2.0**24


def named(code: int) -> str:
    """A format in words, such as ``1 (IBM float)``."""
    return f"{code} ({FORMATS[code].name})" if code in FORMATS else str(code)


def decode(raw: Bytes, code: int, endian: Endian) -> Samples:
    """Samples as floats.

    Args:
        raw: uint8 [n, samples x width], as the file has them.
        code: a readable one of FORMATS.
        endian: their byte order.

    Returns:
        float32 [n, samples]; infinite where a number is too large for it.
    """
    if code == IBM:
        return ibm(words(raw, "u4", endian))
    numbers = words(raw, FORMATS[code].kind, endian)
    with np.errstate(over="ignore", invalid="ignore"):
        return numbers.astype(np.float32)


def words(raw: Bytes, kind: str, endian: Endian) -> npt.NDArray[np.generic]:
    """Bytes as numbers of a numpy kind, [n, samples]."""
    return np.ascontiguousarray(raw).view(dtype(kind, endian))


def ibm(numbers: npt.NDArray[np.generic]) -> Samples:
    """IBM System/360 single precision: uint32 words to float32, exactly where float32 has them."""
    bits = numbers.astype(np.uint32)
    with np.errstate(over="ignore", under="ignore"):
        size = ((bits & 0xFFFFFF) * _IBM_SCALE[(bits >> 24) & 0x7F]).astype(np.float32)
    return np.asarray(np.where(bits >> 31, -size, size))
