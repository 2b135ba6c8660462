"""The grid of a survey: its lines, and the trace in each place."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from salt_survey.errors import SurveyError
from salt_survey.scan.record import Lines, Order

NO_TRACE = -1
_SPARSE = 64  # places for each trace, at most; more come of numbers that are none
_SMALL = 1_000_000  # places that any survey may have

Numbers = npt.NDArray[np.int64]  # [traces], or [lines]


@dataclasses.dataclass(frozen=True)
class Grid:
    """Places of traces.

    Attributes:
        inlines, crosslines: int64 [I] and [X], ascending, in equal steps.
        traces: int64 [I, X], number of the trace in the file; NO_TRACE where none.
        rows, columns: int64 [traces], place of each trace; of duplicates, too; NO_TRACE of those
            that have none.
        duplicates: traces whose place an earlier one has.
        order: how the traces follow each other.
    """

    inlines: Numbers
    crosslines: Numbers
    traces: npt.NDArray[np.int64]
    rows: Numbers
    columns: Numbers
    duplicates: int
    order: Order

    @property
    def missing(self) -> int:
        """Places without a trace."""
        return int(np.count_nonzero(self.traces == NO_TRACE))


def lines_of(numbers: npt.NDArray[np.integer]) -> Lines:
    """First, last and step of line numbers; step 1 where there is one line alone."""
    distinct = np.unique(numbers).astype(np.int64)
    step = int(np.gcd.reduce(np.diff(distinct))) if len(distinct) > 1 else 1
    return int(distinct[0]), int(distinct[-1]), step


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
    which = np.arange(len(inlines)) if placed is None else np.flatnonzero(placed)
    all_numbers = inlines[which], crosslines[which]
    ways = lines_of(all_numbers[0]), lines_of(all_numbers[1])
    shape = tuple((last - first) // step + 1 for first, last, step in ways)
    if shape[0] * shape[1] > max(_SPARSE * len(inlines), _SMALL):
        raise SurveyError(
            f"{len(inlines)} traces with inlines {words(ways[0])} and crosslines {words(ways[1])} "
            f"would fill a grid of {shape[0]} x {shape[1]} by less than a {_SPARSE}th; give the "
            "right bytes with --inline-byte and --crossline-byte"
        )
    rows, columns = (
        (numbers.astype(np.int64) - first) // step
        for numbers, (first, _, step) in zip(all_numbers, ways, strict=True)
    )
    places, firsts = np.unique(rows * shape[1] + columns, return_index=True)
    traces = np.full(shape, NO_TRACE, np.int64)
    traces.flat[places] = which[firsts]
    duplicates = len(which) - len(places)
    order = _order(rows, columns, duplicates)
    of_all = np.full((2, len(inlines)), NO_TRACE, np.int64)
    of_all[:, which] = rows, columns
    return Grid(axis(ways[0]), axis(ways[1]), traces, of_all[0], of_all[1], duplicates, order)


def line(numbers: npt.NDArray[np.integer]) -> Grid:
    """A 2-D line: one inline, numbered 1, and what numbers its traces as crosslines.

    Raises:
        SurveyError: as :func:`grid`.
    """
    found = grid(np.ones(len(numbers), np.int64), numbers)
    return dataclasses.replace(found, order="line")


def words(lines: Lines) -> str:
    """Such as ``111 to 133 step 2``."""
    first, last, step = lines
    if first == last:
        return str(first)
    return f"{first} to {last}" + (f" step {step}" if step != 1 else "")


def _order(rows: Numbers, columns: Numbers, duplicates: int) -> Order:
    """Duplicates may lie anywhere and are no reason to call a file unsorted."""
    if _is_sorted(rows, columns, duplicates):
        return "inline"
    return "crossline" if _is_sorted(columns, rows, duplicates) else "none"


def _is_sorted(slow: Numbers, fast: Numbers, duplicates: int) -> bool:
    """Line after line, up or down, and along each line one way."""
    ways = np.sign(np.diff(slow))
    turns = min(np.count_nonzero(ways > 0), np.count_nonzero(ways < 0))
    along = np.sign(np.diff(fast))[ways == 0]
    # One way along all lines, or to and fro.
    changes = np.count_nonzero(np.diff(along[along != 0]) != 0)
    lines = np.count_nonzero(ways) + 1
    spare = 2 * duplicates
    return bool(
        turns <= spare
        and lines <= len(np.unique(slow)) + spare
        and (changes <= spare or changes <= lines - 1 + spare)
    )
