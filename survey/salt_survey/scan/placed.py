"""Which traces have a place in the grid: not those without line numbers, nor a few whose numbers
are wrong.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from salt_survey.segy.headers import Column
from salt_survey.segy.lines import most_wrong

_ENDS = 0.01  # share of the numbers at either end that do not tell where the others are
_FAR = 3  # ranges of the other numbers that a stray lies beyond these
_NEAR = 64  # lines that are not far, however few others there are
_EMPTY = 5  # places a trace, above which a grid is looked at for strays
_LOOKED_AT = 100_000  # numbers that tell where the others are

Mask = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class Placed:
    """Traces with and without a place.

    Attributes:
        mask: bool [traces], those that have one; None if all do.
        blank: how many have no numbers: 0 and 0, which no other has.
        strays: numbers of those whose line numbers are far from all others, counted from 0.
    """

    mask: Mask | None = None
    blank: int = 0
    strays: tuple[int, ...] = ()


def find(inlines: Column, crosslines: Column) -> Placed:
    """Tell them apart by the line numbers of all traces, integers [traces] each.

    A number may be far from the others and right, as of a lone line in a file of its own. It counts
    as wrong only where it would make a grid of little but empty places, and few have such.
    """
    there = _with_numbers(inlines, crosslines)
    blank = 0 if there is None else int(len(there) - np.count_nonzero(there))
    told = slice(None) if there is None else there
    if _places(inlines[told], crosslines[told]) <= _EMPTY * len(inlines):
        return Placed(there, blank)
    far = _far(inlines, inlines[told]) | _far(crosslines, crosslines[told])
    if there is not None:
        far &= there
    strays = np.flatnonzero(far)
    if not 0 < len(strays) <= most_wrong(len(inlines)):
        return Placed(there, blank)
    return Placed(~far if there is None else there & ~far, blank, tuple(strays.tolist()))


def _with_numbers(inlines: Column, crosslines: Column) -> Mask | None:
    """None if all have some. Zeros are none where no other trace has a 0."""
    blank = (inlines == 0) & (crosslines == 0)
    others = ~blank
    if not blank.any() or not others.any():
        return None
    if np.any(inlines[others] == 0) or np.any(crosslines[others] == 0):
        return None
    return np.asarray(others)


def _places(inlines: Column, crosslines: Column) -> int:
    """Of a grid of all lines from the first to the last; a line number in each step of 1."""
    return int(np.prod([int(each.max()) - int(each.min()) + 1 for each in (inlines, crosslines)]))


def _far(numbers: Column, told: Column) -> Mask:
    """Which numbers are far from where nearly all of those that count are; bool [traces]."""
    some = told[:: max(1, len(told) // _LOOKED_AT)]
    first = np.quantile(some, _ENDS, method="higher")
    last = np.quantile(some, 1 - _ENDS, method="lower")
    reach = max(_FAR * (last - first), _NEAR)
    return np.asarray((numbers < first - reach) | (numbers > last + reach))
