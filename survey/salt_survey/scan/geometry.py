"""The grid of a survey: its lines, and the trace in each place."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from salt_survey.errors import SurveyError
from salt_survey.scan.record import Lines, Order
from salt_survey.scan.trace_pieces import pieces

NO_TRACE = -1
_SPARSE = 64  # places for each trace, at most; more come of numbers that are none
_SMALL = 1_000_000  # places that any survey may have

Numbers = npt.NDArray[np.int64]  # [lines], or [traces]
Places = npt.NDArray[np.signedinteger]  # [traces], int32 or int64
_NONE: Numbers = np.empty(0, np.int64)


@dataclasses.dataclass(frozen=True)
class Grid:
    """Places of traces; some 8 bytes of memory for each.

    Attributes:
        inlines, crosslines: int64 [I] and [X], ascending, in equal steps.
        traces: int32 [I, X], number of the trace in the file; NO_TRACE where none.
        places: int32 or int64 [traces], place of each trace in ``traces.flat``; of duplicates, too;
            NO_TRACE of those that have none.
        duplicates: traces whose place an earlier one has.
        order: how the traces follow each other.
    """

    inlines: Numbers
    crosslines: Numbers
    traces: npt.NDArray[np.int32]
    places: Places
    duplicates: int
    order: Order

    @property
    def missing(self) -> int:
        """Places without a trace."""
        return int(np.count_nonzero(self.traces == NO_TRACE))

    @property
    def unplaced(self) -> int:
        """Traces that have no place."""
        return int(np.count_nonzero(self.places == NO_TRACE))

    def first_duplicate(self) -> int:
        """Number of the first trace whose place an earlier one has, counted from 0; for a grid
        with ``duplicates``.
        """
        first = self.traces.ravel()
        for part in pieces(len(self.places)):
            here = self.places[part]
            numbers = np.arange(part.start, part.stop)
            later = (here != NO_TRACE) & (first[here] != numbers)
            if later.any():
                return int(numbers[later][0])
        raise ValueError("no trace lies where an earlier one does")

    def of(self, traces: slice) -> tuple[Numbers, Numbers]:
        """Inline and crossline of consecutive traces, counted from 0; NO_TRACE of those that have
        no place; int64 [n] each.
        """
        places = self.places[traces].astype(np.int64)
        rows, columns = np.divmod(places, len(self.crosslines))
        none = places == NO_TRACE
        rows[none] = columns[none] = NO_TRACE
        return rows, columns


def lines_of(numbers: npt.NDArray[np.integer]) -> Lines:
    """First, last and step of line numbers; step 1 where there is one line alone."""
    distinct, _ = counted(numbers)
    step = int(np.gcd.reduce(np.diff(distinct))) if len(distinct) > 1 else 1
    return int(distinct[0]), int(distinct[-1]), step


def counted(numbers: npt.NDArray[np.integer]) -> tuple[Numbers, Numbers]:
    """Each number once, ascending, and how many have it: of line numbers, which are close, without
    sorting them all; int64 [lines] each.
    """
    first, last = int(numbers.min()), int(numbers.max())
    if last - first > _SMALL:
        distinct, counts = np.unique(numbers, return_counts=True)
        return distinct.astype(np.int64), counts.astype(np.int64)
    counts = np.zeros(last - first + 1, np.int64)
    for part in pieces(len(numbers)):
        counts += np.bincount(numbers[part].astype(np.int64) - first, minlength=len(counts))
    there = np.flatnonzero(counts)
    return there + first, counts[there]


def axis(lines: Lines) -> Numbers:
    """All line numbers from first to last."""
    first, last, step = lines
    return np.arange(first, last + 1, step, dtype=np.int64)


def grid(
    inlines: npt.NDArray[np.integer],
    crosslines: npt.NDArray[np.integer],
    placed: npt.NDArray[np.bool_] | None = None,
) -> Grid:
    """Put traces into their places; of several with one place, the first.

    Args:
        inlines: number of each trace's line, integers [traces], one trace at least.
        crosslines: likewise.
        placed: bool, likewise; the others have no place. All have one if None.

    Raises:
        SurveyError: the grid would be nearly empty: these are no line numbers.
    """
    told = (inlines, crosslines) if placed is None else (inlines[placed], crosslines[placed])
    ways = lines_of(told[0]), lines_of(told[1])
    shape = tuple((last - first) // step + 1 for first, last, step in ways)
    if shape[0] * shape[1] > max(_SPARSE * len(inlines), _SMALL):
        raise SurveyError(
            f"{len(inlines)} traces with inlines {words(ways[0])} and crosslines {words(ways[1])} "
            f"would fill a grid of {shape[0]} x {shape[1]} by less than a {_SPARSE}th; give the "
            "right bytes with --inline-byte and --crossline-byte"
        )
    size = shape[0] * shape[1]
    places: Places = np.empty(len(inlines), np.int32 if size < 1 << 31 else np.int64)
    for part in pieces(len(inlines)):
        row, column = (
            (numbers[part].astype(np.int64) - first) // step
            for numbers, (first, _, step) in zip((inlines, crosslines), ways, strict=True)
        )
        places[part] = row * shape[1] + column
    if placed is not None:
        places[~placed] = NO_TRACE
    traces = _first_traces(places, size).reshape(shape)
    taken = np.count_nonzero(traces != NO_TRACE)
    duplicates = int(np.count_nonzero(places != NO_TRACE) - taken)
    order = _order(places, traces, duplicates)
    return Grid(axis(ways[0]), axis(ways[1]), traces, places, duplicates, order)


def of_array(inlines: Numbers, crosslines: Numbers) -> Grid:
    """The places of an array's traces, which are numbered inline by inline; lines that are not in
    it are between those that are.

    Args:
        inlines: numbers of the array's lines, int64 [I], rising.
        crosslines: likewise, [X].

    Raises:
        SurveyError: the grid would be nearly empty.
    """
    ways = lines_of(inlines), lines_of(crosslines)
    rows, columns = (
        (numbers - first) // step
        for numbers, (first, _, step) in zip((inlines, crosslines), ways, strict=True)
    )
    shape, count = (int(rows[-1]) + 1, int(columns[-1]) + 1), len(rows) * len(columns)
    if shape[0] * shape[1] > max(_SPARSE * count, _SMALL):
        raise SurveyError(
            f"an array of {len(rows)} x {len(columns)} traces with inlines {words(ways[0])} and "
            f"crosslines {words(ways[1])} would fill a grid of {shape[0]} x {shape[1]} by less "
            f"than a {_SPARSE}th; mend its line numbers"
        )
    numbers = np.arange(count, dtype=np.int32)
    if shape == (len(rows), len(columns)):
        return Grid(inlines, crosslines, numbers.reshape(shape), numbers, 0, "inline")
    places = (rows[:, None] * shape[1] + columns).ravel()
    traces = _first_traces(places, shape[0] * shape[1]).reshape(shape)
    return Grid(axis(ways[0]), axis(ways[1]), traces, places, 0, "inline")


def _first_traces(places: Places, size: int) -> npt.NDArray[np.int32]:
    """The first trace in each of so many places, NO_TRACE where none is; int32 [size]."""
    traces = np.full(size, NO_TRACE, np.int32)
    for part in reversed(list(pieces(len(places)))):
        here = places[part][::-1]  # of several with one place the last that is put there stays
        numbers = np.arange(part.stop - 1, part.start - 1, -1, dtype=np.int32)
        told = here != NO_TRACE
        traces[here[told]] = numbers[told]
    return traces


def line(numbers: npt.NDArray[np.integer]) -> Grid:
    """A 2-D line: one inline, numbered 1, and what numbers its traces as crosslines.

    Raises:
        SurveyError: as :func:`grid`.
    """
    found = grid(np.ones(len(numbers), np.int8), numbers)
    return dataclasses.replace(found, order="line")


def words(lines: Lines) -> str:
    """Such as ``111 to 133 step 2``."""
    first, last, step = lines
    if first == last:
        return str(first)
    return f"{first} to {last}" + (f" step {step}" if step != 1 else "")


def ranged(values: Sequence[float] | npt.NDArray[Any]) -> str:
    """Ascending values that need not be evenly apart, such as ``310 to 330 step 20``."""
    span, steps = f"{values[0]:.15g} to {values[-1]:.15g}", np.diff(values)
    if len(steps) and not np.allclose(steps, steps[0], rtol=1e-2, atol=0):  # of float32, too
        return f"{span}, with gaps"
    step = np.median(steps) if len(steps) else 1
    return span if step == 1 else f"{span} step {step:.6g}"


def _order(places: Places, traces: npt.NDArray[np.int32], duplicates: int) -> Order:
    """Duplicates may lie anywhere and are no reason to call a file unsorted."""
    there = traces != NO_TRACE
    by_inline, by_crossline = _Turns(), _Turns()
    for part in pieces(len(places)):
        here = places[part]
        rows, columns = np.divmod(here[here != NO_TRACE].astype(np.int64), traces.shape[1])
        by_inline.take(rows, columns)
        by_crossline.take(columns, rows)
    if by_inline.is_sorted(int(np.count_nonzero(there.any(axis=1))), duplicates):
        return "inline"
    lines = int(np.count_nonzero(there.any(axis=0)))
    return "crossline" if by_crossline.is_sorted(lines, duplicates) else "none"


@dataclasses.dataclass
class _Turns:
    """How traces that follow each other go from line to line, and along a line.

    Attributes:
        up, down: steps to a later line, and to an earlier one.
        changes: times that the way along a line is another than before.
        way: along a line, as it was last: 1, -1, or 0 before any.
        last: numbers of the last trace, none or one of each.
    """

    up: int = 0
    down: int = 0
    changes: int = 0
    way: int = 0
    last: tuple[Numbers, Numbers] = (_NONE, _NONE)

    def take(self, slow: Numbers, fast: Numbers) -> None:
        """Take the traces that follow those before."""
        slow, fast = (np.concatenate(each) for each in zip(self.last, (slow, fast), strict=True))
        self.last = slow[-1:], fast[-1:]
        ways = np.sign(np.diff(slow))
        self.up += int(np.count_nonzero(ways > 0))
        self.down += int(np.count_nonzero(ways < 0))
        along = np.sign(np.diff(fast))[ways == 0]
        along = along[along != 0]
        if len(along):
            self.changes += int(np.count_nonzero(np.diff(along)))
            self.changes += int(self.way not in (0, along[0]))
            self.way = int(along[-1])

    def is_sorted(self, distinct: int, duplicates: int) -> bool:
        """Line after line, up or down, and along each line one way; of so many lines."""
        spare = 2 * duplicates
        lines = self.up + self.down + 1
        # One way along all lines, or to and fro.
        return (
            min(self.up, self.down) <= spare
            and lines <= distinct + spare
            and (self.changes <= spare or self.changes <= lines - 1 + spare)
        )
