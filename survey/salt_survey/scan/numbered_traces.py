"""Which traces have a place in the grid: not those without line numbers, nor a few whose numbers
are wrong.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from salt_survey.scan.geometry import counted
from salt_survey.segy.headers import Column
from salt_survey.segy.lines import most_wrong

_GAP = 4  # steps from line to line, at most, that are no gap beside the lines
_SPARSE_GAP = 64  # likewise where lines have few traces, and may be far apart
_FULL = 10  # traces that a line has, where a lone one beside it is out of place

Mask = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class NumberedTraces:
    """Traces with and without a place.

    Attributes:
        mask: bool [traces], those that have one; None if all do.
        blank: how many have no numbers: 0 and 0, which no other has.
        strays: numbers of those whose line numbers are away from all others, counted from 0.
    """

    mask: Mask | None = None
    blank: int = 0
    strays: tuple[int, ...] = ()


def find(inlines: Column, crosslines: Column) -> NumberedTraces:
    """Tell them apart by the line numbers of all traces, integers [traces] each.

    A few traces beyond a gap at the end of the lines are strays: their headers are damaged, as no
    survey has a line of a trace or two away from the others, and each such would be run as one.
    """
    there = _with_numbers(inlines, crosslines)
    blank = 0 if there is None else int(len(there) - np.count_nonzero(there))
    away = _away(inlines, there) | _away(crosslines, there)
    strays = np.flatnonzero(away if there is None else away & there)
    if not 0 < len(strays) <= _few(len(inlines)):
        return NumberedTraces(there, blank)
    return NumberedTraces(~away if there is None else there & ~away, blank, tuple(strays.tolist()))


def _with_numbers(inlines: Column, crosslines: Column) -> Mask | None:
    """None if all have some. Zeros are none where no other trace has a 0."""
    blank = (inlines == 0) & (crosslines == 0)
    others = ~blank
    if not blank.any() or not others.any():
        return None
    if np.any(inlines[others] == 0) or np.any(crosslines[others] == 0):
        return None
    return np.asarray(others)


def _away(numbers: Column, there: Mask | None) -> Mask:
    """Which numbers are beyond the lines of those that count; bool [traces]."""
    lines, counts = counted(numbers if there is None else numbers[there])
    if len(lines) < 2:
        return np.zeros(len(numbers), bool)
    steps = np.diff(lines)
    apart = steps > np.median(steps) * (_GAP if np.median(counts) >= _FULL else _SPARSE_GAP)
    few = _few(len(numbers))
    # The innermost gap beyond which there are no more traces than may be wrong, at either end.
    before = np.flatnonzero(apart & (np.cumsum(counts)[:-1] <= few))
    after = np.flatnonzero(apart & (np.cumsum(counts[::-1])[::-1][1:] <= few))
    first = int(lines[before[-1] + 1] if len(before) else lines[0])
    last = int(lines[after[0]] if len(after) else lines[-1])
    return np.asarray((numbers < first) | (numbers > last))


def _few(traces: int) -> float:
    """How many of so many traces are few."""
    return min(most_wrong(traces), traces // 10)
