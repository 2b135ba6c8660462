"""The file header: text and 400 binary bytes, as SEG-Y revision 0 to 2.1 has them (SEG, 2023)."""

from __future__ import annotations

import dataclasses
from typing import Self

import numpy as np

from salt_survey.errors import ForeignError, SurveyError
from salt_survey.segy.formats import FORMATS
from salt_survey.segy.order import Endian, dtype
from salt_survey.segy.raw import RawFile

TEXT = 3200  # bytes of a text header
HEAD = TEXT + 400
FORMAT_BYTE = 3225
STACKED = 4
_ORDER_MARK = 0x01020304  # at byte 3297, since revision 2
_MOST_EXTENDED = 1000  # text headers that are looked through
_END = "((seg:endtext))"
_FEET = 2  # code of the measurement system


@dataclasses.dataclass(frozen=True)
class FileHeader:
    """What the binary header says; nothing of it is checked against the file.

    Attributes:
        endian: byte order.
        format: code of the sample format.
        samples: of a trace; 0 if not said.
        interval_us: between samples; 0 if not said, negative as it is.
        revision: major and minor.
        sorting: code of the traces' order; STACKED is one.
        in_feet: lengths are said to be in feet, not in metres.
        extended: text headers after it; -1: as many as there are before the one that says so.
        extra: headers of 240 bytes after each trace's own.
        trailer: bytes after the last trace; -1: as many as there are.
        traces: how many there are; 0 if not said.
        first: offset of the first in bytes; 0 if not said.
    """

    endian: Endian
    format: int
    samples: int
    interval_us: float
    revision: tuple[int, int]
    sorting: int
    in_feet: bool
    extended: int
    extra: int
    trailer: int
    traces: int = 0
    first: int = 0

    @classmethod
    def read(cls, file: RawFile, endian: Endian | None = None, reading: int | None = None) -> Self:
        """Read it.

        Args:
            file: SEG-Y.
            endian: byte order; found by the format code if None.
            reading: code to read the samples by, if the header's need not be one.

        Raises:
            ForeignError: this is no SEG-Y file.
        """
        if file.size < HEAD:
            raise ForeignError(
                f"{file.path} has {file.size} bytes and is no SEG-Y: expected {HEAD} of headers at "
                "least; name a SEG-Y file"
            )
        head = file.read(0, HEAD).tobytes()
        order = endian or _order(head)
        if order is None and reading is None:
            raise ForeignError(_no_format(file, head, endian))
        header = cls._of(head, order or "big")
        if header.format not in FORMATS and reading is None:
            raise ForeignError(_no_format(file, head, endian))
        return header

    @classmethod
    def _of(cls, head: bytes, endian: Endian) -> Self:
        major, minor = head[3500], head[3501]
        if major == 0 and minor in (1, 2):  # written as a word in the other byte order
            major, minor = minor, 0
        modern = 2 <= major < 4
        samples = _number(head, 3221, "u2", endian)
        interval = float(_number(head, 3217, "i2", endian))
        if modern:
            samples = _number(head, 3269, "u4", endian) or samples
            precise = float(np.frombuffer(head, dtype("f8", endian), 1, 3272)[0])
            interval = precise if 0 < precise < 1e9 else interval
        return cls(
            endian=endian,
            format=_number(head, FORMAT_BYTE, "i2", endian),
            samples=samples,
            interval_us=interval,
            revision=(major, minor) if major < 4 else (0, 0),
            sorting=_number(head, 3229, "i2", endian),
            in_feet=_number(head, 3255, "i2", endian) == _FEET,
            extended=_number(head, 3505, "i2", endian),
            extra=max(0, _number(head, 3507, "i2", endian)) if modern else 0,
            trailer=_trailer(_number(head, 3529, "i4", endian)) if modern else 0,
            traces=_number(head, 3513, "u8", endian) if modern else 0,
            first=_number(head, 3521, "u8", endian) if modern else 0,
        )


def extended_text(file: RawFile, declared: int) -> int:
    """How many extended text headers there are, where ``declared`` may be -1: up to the one that
    says it is the last.

    Raises:
        SurveyError: none says so.
    """
    if declared != -1:
        return max(0, declared)
    blocks = min(_MOST_EXTENDED, (file.size - HEAD) // TEXT)
    for number in range(blocks):
        data = file.read(HEAD + number * TEXT, TEXT).tobytes()
        if any(_END in data.decode(code).replace(" ", "").lower() for code in _CODES):
            return number + 1
    raise SurveyError(
        f"{file.path} says that extended text headers go on until one with ((SEG: EndText)), and "
        "none of them is it; the file is cut or no SEG-Y"
    )


def text_trailer(file: RawFile, start: int, pitch: int) -> int:
    """Bytes of text after the last trace, where the header leaves open how many: such as begin like
    text of that kind behind whole traces; 0 if there are none.

    Args:
        file: SEG-Y.
        start: of the first trace.
        pitch: bytes from a trace to the next.
    """
    for count in range(1, min(_MOST_EXTENDED, (file.size - start) // TEXT) + 1):
        at = file.size - count * TEXT
        begins = file.read(at, len(_BEGIN)).tobytes()
        if (at - start) % pitch == 0 and any(begins.decode(code) == _BEGIN for code in _CODES):
            return count * TEXT
    return 0


def _trailer(blocks: int) -> int:
    return -1 if blocks == -1 else TEXT * max(0, blocks)


_CODES = ("cp037", "latin-1")
_BEGIN = "((SEG"


def _order(head: bytes) -> Endian | None:
    """Byte order, by the format code: none is one in both."""
    orders: tuple[Endian, ...] = ("big", "little")
    for each in orders:
        if _number(head, FORMAT_BYTE, "i2", each) in FORMATS:
            return each
    return next((o for o in orders if _number(head, 3297, "u4", o) == _ORDER_MARK), None)


def _number(head: bytes, byte: int, kind: str, endian: Endian) -> int:
    return int(np.frombuffer(head, dtype(kind, endian), 1, byte - 1)[0])


def _no_format(file: RawFile, head: bytes, endian: Endian | None) -> str:
    code = _number(head, FORMAT_BYTE, "i2", endian or "big")
    known = ", ".join(map(str, FORMATS))
    seen = f"{file.path} has the sample format code {code} at byte {FORMAT_BYTE}"
    other = _order(head)
    if endian is not None and other not in (None, endian):
        right = _number(head, FORMAT_BYTE, "i2", other or "big")
        return (
            f"{seen} when it is read {endian} endian, expected one of {known}; {other} endian it "
            f"is {right}: leave --endian {endian} out, or give the code with --format"
        )
    return (
        f"{seen}, expected one of {known} in either byte order: this is no SEG-Y file, or --format "
        "and --endian have to say what it is"
    )
