"""Trace headers: raw bytes, and columns of numbers out of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from salt_survey.segy.layout import HEADER, Layout
from salt_survey.segy.order import dtype
from salt_survey.segy.raw import RawFile

OFFSET, SCALAR, DELAY, INTERVAL, TRACE_KIND, TIME_SCALAR = 37, 71, 109, 117, 29, 215
COORDINATE_UNITS = 89
DEAD = 2  # as TRACE_KIND

# Bytes from 1, and the types of what is no 4-byte integer.
KINDS = {
    TRACE_KIND: "i2", SCALAR: "i2", COORDINATE_UNITS: "i2", DELAY: "i2", 115: "u2",
    INTERVAL: "i2", TIME_SCALAR: "i2",
}  # fmt: skip

_CHUNK = 4 << 20  # bytes read at a time
_FAR = 16 << 10  # a header each is read of traces longer than this, else all of them

Headers = npt.NDArray[np.uint8]  # [n, HEADER]
Column = npt.NDArray[np.signedinteger]  # [n], int32 or int16


def read(file: RawFile, layout: Layout, first: int, count: int, width: int = HEADER) -> Headers:
    """Headers of consecutive traces, uint8 [count, width]; all of them are ``layout.head`` wide."""
    if layout.pitch <= _FAR and not layout.offsets:
        raw = file.read(layout.offset(first), count * layout.pitch)
        return np.ascontiguousarray(raw.reshape(count, layout.pitch)[:, :width])
    headers = np.empty((count, width), np.uint8)
    for row in range(count):
        file.read_into(headers[row].data, layout.offset(first + row))
    return headers


def chunks(layout: Layout) -> Iterator[tuple[int, int]]:
    """(first, count) of the traces that are read at a time; all together, all traces."""
    step = max(1, _CHUNK // min(layout.pitch, _FAR))
    for first in range(0, layout.traces, step):
        yield first, min(step, layout.traces - first)


def column(headers: Headers, byte: int, layout: Layout, width: int = 4) -> Column:
    """Numbers at a byte, counted from 1, of headers, int32; ``width`` bytes of what has no width by
    the standard.
    """
    kind = dtype(KINDS.get(byte, f"i{width}"), layout.endian)
    part = headers[:, byte - 1 : byte - 1 + kind.itemsize]
    return np.ascontiguousarray(part).view(kind)[:, 0].astype(np.int32)


def are_dead(headers: Headers, layout: Layout) -> npt.NDArray[np.bool_]:
    """Which traces are said to be dead, by their headers; bool [n]. None are where this is said of
    all, as it then means nothing.
    """
    if not layout.dead_flags:
        return np.zeros(len(headers), bool)
    return np.asarray(column(headers, TRACE_KIND, layout) == DEAD)


def columns(
    file: RawFile,
    layout: Layout,
    bytes_: Sequence[int],
    widths: Mapping[int, int] = MappingProxyType({}),
) -> dict[int, Column]:
    """Numbers at some bytes of all traces, ``widths`` other than 4; of memory, as many bytes."""
    found: dict[int, Column] = {byte: _empty(layout.traces, byte, widths) for byte in bytes_}
    for first, count in chunks(layout):
        headers = read(file, layout, first, count)
        for byte, values in found.items():
            values[first : first + count] = column(headers, byte, layout, widths.get(byte, 4))
    return found


def _empty(traces: int, byte: int, widths: Mapping[int, int]) -> Column:
    if KINDS.get(byte, f"i{widths.get(byte, 4)}") == "i2":
        return np.empty(traces, np.int16)
    return np.empty(traces, np.int32)


def some(file: RawFile, layout: Layout, most: int) -> list[Headers]:
    """Headers of all traces, or of ``most`` in a few runs of consecutive ones."""
    if layout.traces <= most:
        runs = [(0, layout.traces)]
    else:
        length = most // 4
        starts = np.linspace(0, layout.traces - length, 4).astype(int)
        runs = [(int(start), length) for start in starts]
    return [
        np.concatenate([read(file, layout, *part) for part in _parts(layout, first, count)])
        for first, count in runs
        if count
    ]


def _parts(layout: Layout, first: int, count: int) -> Iterator[tuple[int, int]]:
    step = max(1, _CHUNK // min(layout.pitch, _FAR))
    for at in range(first, first + count, step):
        yield at, min(step, first + count - at)
