"""New SEG-Y files: headers of revision 1, samples in any format that is read here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from salt_survey.segy import headers
from salt_survey.segy.binary import FORMAT_BYTE, HEAD, STACKED, TEXT
from salt_survey.segy.formats import FORMATS, IBM
from salt_survey.segy.layout import HEADER, SAMPLES_BYTE
from salt_survey.segy.order import Endian, dtype

_SCALAR = -10  # coordinates are written in tenths


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a file is to be like.

    Attributes:
        samples: of a trace.
        interval_ms: between them.
        delay_ms: of the first.
        format: code of the samples' format.
        endian: byte order.
        inline_byte, crossline_byte: where the line numbers go.
        text: lines of the text header, 76 characters each at most.
    """

    samples: int
    interval_ms: float = 4.0
    delay_ms: int = 0
    format: int = IBM
    endian: Endian = "big"
    inline_byte: int = 189
    crossline_byte: int = 193
    text: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Traces:
    """Some traces.

    Attributes:
        inlines, crosslines: integers [n], or one for all.
        x, y: floats [n].
        amplitudes: float32 [n, samples].
    """

    inlines: npt.ArrayLike
    crosslines: npt.ArrayLike
    x: npt.ArrayLike
    y: npt.ArrayLike
    amplitudes: npt.NDArray[np.float32]


def write(target: BinaryIO, kind: Kind, portions: Iterable[Traces]) -> int:
    """Write a file, portion by portion.

    Returns:
        how many traces.
    """
    target.write(_head(kind))
    count = 0
    for traces in portions:
        target.write(_block(kind, traces, count))
        count += len(traces.amplitudes)
    return count


def encode(amplitudes: npt.NDArray[np.float32], code: int, endian: Endian) -> npt.NDArray[np.uint8]:
    """Samples as bytes, uint8 [n, samples x width]; rounded, and held to what integers can hold."""
    if code == IBM:
        words = to_ibm(amplitudes).astype(dtype("u4", endian))
    elif FORMATS[code].kind.startswith("f"):
        words = amplitudes.astype(dtype(FORMATS[code].kind, endian))
    else:
        limits = np.iinfo(FORMATS[code].kind)
        most = float(limits.max)
        if limits.bits == 64:  # as float64, the greatest integer is one too many
            most = float(np.nextafter(most, 0))
        held = np.clip(np.round(amplitudes.astype(np.float64)), limits.min, most)
        words = held.astype(dtype(FORMATS[code].kind, endian))
    return np.ascontiguousarray(words).view(np.uint8)


def to_ibm(amplitudes: npt.NDArray[np.float32]) -> npt.NDArray[np.uint32]:
    """Floats as words of IBM System/360, rounded to their 21 to 24 bits; finite ones alone."""
    size = np.abs(amplitudes.astype(np.float64))
    exponent = np.frexp(size)[1]
    power = -(-exponent // 4)  # of 16
    fraction = np.round(np.ldexp(size, 24 - 4 * power)).astype(np.int64)
    carried = fraction >> 24  # rounded up to the next power
    power, fraction = power + carried, np.where(carried, 1 << 20, fraction)
    words = np.signbit(amplitudes).astype(np.int64) << 31 | (power + 64) << 24 | fraction
    return np.where(fraction == 0, 0, words).astype(np.uint32)


def _head(kind: Kind) -> bytes:
    lines = [f"C{number + 1:2d}" for number in range(40)]
    for number, line in enumerate(kind.text):
        lines[number] = f"{lines[number]} {line}"
    text = "".join(line[:80].ljust(80) for line in lines)
    head = bytearray(text.encode("cp037", errors="replace").ljust(HEAD, b"\0"))
    interval = round(1000 * kind.interval_ms)
    numbers = {
        3213: 1, 3217: interval, 3221: kind.samples, FORMAT_BYTE: kind.format, 3229: STACKED,
        3255: 1, 3503: 1,
    }  # fmt: skip
    for byte, number in numbers.items():
        head[byte - 1 : byte + 1] = np.array([number]).astype(dtype("u2", kind.endian)).tobytes()
    head[TEXT + 300] = 1  # revision 1.0
    return bytes(head)


def _block(kind: Kind, traces: Traces, before: int) -> bytes:
    count = len(traces.amplitudes)
    block = np.zeros((count, HEADER), np.uint8)
    numbers = before + 1 + np.arange(count)
    fields: dict[int, npt.ArrayLike] = {
        1: numbers, 5: numbers, headers.TRACE_KIND: 1, headers.SCALAR: _SCALAR,
        headers.DELAY: kind.delay_ms, SAMPLES_BYTE: kind.samples,
        headers.INTERVAL: round(1000 * kind.interval_ms),
        181: _tenths(traces.x), 185: _tenths(traces.y),
        kind.inline_byte: traces.inlines, kind.crossline_byte: traces.crosslines,
    }  # fmt: skip
    for byte, values in fields.items():
        put(block, byte, values, kind.endian)
    samples = encode(traces.amplitudes, kind.format, kind.endian)
    return np.concatenate([block, samples], axis=1).tobytes()


def put(block: npt.NDArray[np.uint8], byte: int, values: npt.ArrayLike, endian: Endian) -> None:
    """Put numbers at a byte of headers, uint8 [n, 240], counted from 1; in place."""
    kind = dtype(headers.KINDS.get(byte, "i4"), endian)
    filled = np.broadcast_to(np.asarray(values), (len(block),)).astype(kind)
    block[:, byte - 1 : byte - 1 + kind.itemsize] = filled[:, None].view(np.uint8)


def _tenths(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.round(np.asarray(values, np.float64) * -_SCALAR)
