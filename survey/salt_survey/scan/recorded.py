"""What of a survey's samples was recorded: the one decision, which scan and run share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

NULL = 1e29  # a number as large stands for nothing recorded
PADDING = np.float32(-999.25)  # what programs put where there is no data; no amplitude is this
FILL = 16  # samples of one value at an end of a trace, from which on they are no amplitudes
_PIECE = 1024  # traces that are looked at closely at a time

Samples = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


class Recorded(NamedTuple):
    """Which samples of some traces were recorded, and what kind of traces have none.

    Attributes:
        there: bool [n, samples]. Not recorded are dead and flat traces; NaN, infinite and null
            values wherever they are; and at both ends of a trace zeros and the survey's fill value,
            and behind these a run of one value that is :data:`FILL` samples long or longer.
        dead: bool [n], of zeros alone, or so flagged.
        flat: bool [n], others of one value alone, as programs write it where there is no data.
        least, most: float32 [n]; NaN where a sample is.
    """

    there: Mask
    dead: Mask
    flat: Mask
    least: Samples
    most: Samples


def recorded(samples: Samples, flagged: Mask, fill: float = 0) -> Recorded:
    """Tell what was recorded.

    Args:
        samples: float32 [n, samples].
        flagged: bool [n], dead as their headers say.
        fill: the value of long runs at the ends of other traces of the survey, which is no
            amplitude at the end of any, as 0 is not.
    """
    with np.errstate(invalid="ignore"):
        least, most = samples.min(axis=1), samples.max(axis=1)
    there = _amplitudes(samples, least, most)
    dead = ((least == 0) & (most == 0)) | flagged
    flat = ~dead & (least == most) & there[:, 0] & (samples.shape[1] > 1)
    there[dead | flat] = False
    alive = ~(dead | flat)
    _cut(samples, there, alive, fill)
    _cut(samples[:, ::-1], there[:, ::-1], alive, fill)
    return Recorded(there, dead, flat, least, most)


def are_null(samples: Samples) -> Mask:
    """Finite, and yet a number that stands for nothing recorded."""
    return np.asarray(((np.abs(samples) >= NULL) | (samples == PADDING)) & np.isfinite(samples))


def _amplitudes(samples: Samples, least: Samples, most: Samples) -> Mask:
    """Where there are numbers that stand for themselves; most traces are told by their range."""
    there = samples != PADDING
    for rows in _pieces(~((least > -NULL) & (most < NULL))):
        there[rows] &= np.abs(samples[rows]) < NULL  # of NaN this is wrong, too
    return np.asarray(there)


def _cut(samples: Samples, there: Mask, alive: Mask, fill: float) -> None:
    """Take from ``there`` what lies before each trace's beginning, where that may be late."""
    first = samples[:, 0]
    late = ~there[:, 0] | (first == 0) | (first == fill)
    if samples.shape[1] >= FILL:
        late |= first == samples[:, FILL - 1]
    for rows in _pieces(late & alive):
        begin = _begin(samples[rows], there[rows], fill)
        there[rows] &= np.arange(samples.shape[1]) >= begin[:, None]


def _begin(samples: Samples, there: Mask, fill: float) -> Places:
    """Where each trace begins, int64 [n]: behind zeros, fill and nulls, and one value repeated."""
    told = there & (samples != 0) & (samples != fill)
    begin = _first(told)
    rows = np.flatnonzero(begin + FILL <= samples.shape[1])
    first, later = begin[rows], begin[rows] + FILL - 1
    rows = rows[samples[rows, first] == samples[rows, later]]
    end = _end(samples[rows], there[rows], begin[rows])
    begin[rows] = np.where(end - begin[rows] >= FILL, end, begin[rows])
    return begin


def _end(samples: Samples, there: Mask, begin: Places) -> Places:
    """Of the run of one value that begins so; int64 [n]."""
    value = np.take_along_axis(samples, begin[:, None], axis=1)
    other = (samples != value) | ~there
    other &= np.arange(samples.shape[1]) >= begin[:, None]
    return _first(other)


def _first(mask: Mask) -> Places:
    """Of each row's places that are so; the row's length where none is."""
    found: Places = np.where(mask.any(axis=1), mask.argmax(axis=1), mask.shape[1])
    return found


def _pieces(chosen: Mask) -> Iterator[Places]:
    """Numbers of chosen traces, some at a time, as little memory is needed for so many."""
    rows = np.flatnonzero(chosen)
    for first in range(0, len(rows), _PIECE):
        yield rows[first : first + _PIECE]
