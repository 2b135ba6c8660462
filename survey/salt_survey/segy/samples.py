"""Samples of traces by number, and of all traces in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from salt_survey.segy import formats, headers
from salt_survey.segy.layout import HEADER, Layout
from salt_survey.segy.order import Endian
from salt_survey.segy.raw import RawFile

_CHUNK = 4 << 20  # bytes read at a time
_GAP = 64 << 10  # bytes that are read in vain rather than read twice


class Portion(NamedTuple):
    """Some traces.

    Attributes:
        samples: float32 [n, samples]; not finite where the file is so.
        dead: bool [n], said to be dead.
    """

    samples: npt.NDArray[np.float32]
    dead: npt.NDArray[np.bool_]


def sweep(file: RawFile, layout: Layout) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """All traces in order: number of the first, and uint8 [n, pitch], headers and samples."""
    for traces in portions(layout):
        first, count = int(traces[0]), len(traces)
        raw = file.read(layout.offset(first), count * layout.pitch)
        yield first, raw.reshape(count, layout.pitch)


def portions(layout: Layout) -> Iterator[npt.NDArray[np.int64]]:
    """Numbers of all traces, int64 [n], as many at a time as are read at once."""
    step = max(1, _CHUNK // layout.pitch)
    for first in range(0, layout.traces, step):
        yield np.arange(first, min(first + step, layout.traces), dtype=np.int64)


def read(
    file: RawFile,
    layout: Layout,
    reading: int,
    endian: Endian,
    traces: npt.NDArray[np.integer],
) -> Portion:
    """Some traces.

    Args:
        file: the file.
        layout: where its traces are.
        reading: code of the format that the samples are in.
        endian: their byte order.
        traces: integers [n], numbers, each once.

    Returns:
        them in the order of ``traces``.
    """
    out, dead = np.empty((len(traces), layout.samples), np.float32), np.empty(len(traces), bool)
    traces = traces.astype(np.int64)  # as numbers of traces times bytes are calculated
    order = np.argsort(traces, kind="stable")
    for part in _runs(traces[order], layout):
        rows = order[part]
        numbers = traces[rows]
        begin = layout.offset(int(numbers[0]))
        end = layout.offset(int(numbers[-1])) + layout.pitch
        raw = file.read(begin, end - begin)
        # A row for each trace from the first to the last; what lies between them is left out.
        rows_of = raw.reshape(-1, layout.pitch)[numbers - numbers[0]]
        out[rows] = formats.decode(rows_of[:, layout.head :], reading, endian)
        dead[rows] = headers.are_dead(rows_of[:, :HEADER], layout)
    return Portion(out, dead)


def _runs(ordered: npt.NDArray[np.integer], layout: Layout) -> Iterator[slice]:
    """Parts of ascending numbers that are read at once: near each other, and not too many."""
    if not len(ordered):
        return
    most = max(1, _CHUNK // layout.pitch)
    start = 0
    for at in range(1, len(ordered) + 1):
        ends = at == len(ordered)
        if not ends:
            far = (ordered[at] - ordered[at - 1] - 1) * layout.pitch > _GAP
            ends = far or ordered[at] - ordered[start] >= most
        if ends:
            yield slice(start, at)
            start = at
