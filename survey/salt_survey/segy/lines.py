"""Which bytes of the trace headers number the lines: found by what makes a grid."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from salt_survey.segy import headers
from salt_survey.segy.headers import Column, Headers
from salt_survey.segy.layout import HEADER, Layout

MOST = 40_000  # headers that are looked at

# Where programs put them, the commonest first: inline, crossline.
USUAL = ((189, 193), (9, 21), (5, 21), (221, 225), (181, 185))
_SOURCE_X, _SOURCE_Y, _X, _Y = 73, 77, 181, 185
# Offset and coordinates, and whether a trace is dead.
_NEVER = {headers.OFFSET, _SOURCE_X, _SOURCE_Y, 81, 85, headers.TRACE_KIND}
_COUNTERS = {1, 5, 25}  # numbers of traces, which may count along a line
_IN_RECORD = 13  # number of a trace in its record: the crossline, or a counter likewise
_WORDS = _COUNTERS | _NEVER | {_X, _Y}  # have 4 bytes, whatever line numbers have
# Where line numbers of 2 bytes may be: not in what is something else by the standard.
_HALVES = (*range(9, 25, 2), *range(189, HEADER, 2))
_CDP = (21, 193, 189, 17, 197, 5, 1, 25, 13)  # where a 2-D line's numbers may be
_GUESS = "they make a grid"  # why two bytes were chosen that nothing else speaks for
_LARGEST = 10_000_000  # no line is numbered higher,
_WRONG, _ANYWAY = 0.001, 3  # but in headers that are wrong: a share of them, and in any file
_FULL = 0.2  # share of the places of a grid that have a trace, at least
_USUAL_FULL = 0.02  # likewise where the bytes are usual ones
_TEXT_FULL = 0.02
SINGLE = 0.9  # share of the traces that are alone in their place, of numbers of two bytes


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two bytes that could number the lines.

    Attributes:
        inline, crossline: where, counted from 1.
        full: share of the grid's places that have a trace.
        single: share of the traces that are the only one in their place.
        shape: lines each way, of the traces looked at.
        why: how it was chosen, for people.
    """

    inline: int
    crossline: int
    full: float
    single: float
    shape: tuple[int, int]
    why: str = ""

    @property
    def score(self) -> float:
        return self.full * self.single

    @property
    def is_grid(self) -> bool:
        return min(self.shape) > 1

    @property
    def is_guess(self) -> bool:
        """Nothing but the grid speaks for them."""
        return self.why == _GUESS

    def words(self) -> str:
        """Such as ``9 and 21 (23 x 18)``."""
        return f"{self.inline} and {self.crossline} ({self.shape[0]} x {self.shape[1]})"


class Candidates:
    """Bytes that vary, as numbers of the traces looked at."""

    def __init__(self, runs: list[Headers], layout: Layout, width: int = 4) -> None:
        """``width``: bytes of a line number."""
        self._layout, self.width = layout, width
        self._headers = np.concatenate(runs) if runs else np.empty((0, HEADER), np.uint8)
        self._places: dict[int, tuple[npt.NDArray[np.int64], int]] = {}
        varying = dict(self._varying())
        self.numbers: Mapping[int, Column] = _whole_words(varying) if width == 4 else varying

    def column(self, byte: int) -> Column:
        width = 4 if byte in _WORDS else self.width
        return headers.column(self._headers, byte, self._layout, width)

    @property
    def share(self) -> float:
        """Of the file's traces that are looked at."""
        return len(self._headers) / max(1, self._layout.traces)

    def words(self) -> list[int]:
        """Bytes of whole words of which, as numbers of two bytes, both halves vary."""
        return [byte for byte in self.numbers if byte % 4 == 1 and byte + 2 in self.numbers]

    def _varying(self) -> Iterator[tuple[int, Column]]:
        varies = np.flatnonzero((self._headers != self._headers[:1]).any(axis=0))
        for byte in range(1, HEADER - 2) if self.width == 4 else _HALVES:
            if np.any((varies >= byte - 1) & (varies < byte - 1 + self.width)):
                values = self.column(byte)
                if _may_number(values):
                    yield byte, values

    def place(self, byte: int) -> tuple[npt.NDArray[np.int64], int]:
        """Place of each trace among the distinct numbers at a byte, and how many these are."""
        if byte not in self._places:
            distinct, places = np.unique(self.column(byte), return_inverse=True)
            self._places[byte] = places.astype(np.int64), len(distinct)
        return self._places[byte]

    def pair(self, inline: int, crossline: int, why: str = "") -> Pair:
        """How well two bytes make a grid."""
        (row, rows), (column, columns) = self.place(inline), self.place(crossline)
        taken = len(np.unique(row * columns + column))
        return Pair(
            inline,
            crossline,
            taken / (rows * columns),
            taken / max(1, len(row)),
            (rows, columns),
            why,
        )

    def is_inline(self, one: int, other: int) -> bool:
        """The numbers at one byte are the inlines, at another the crosslines: these are what traces
        are counted along; or in a sorted file, what changes more often.
        """
        along = self.counted_along(one, other)
        if along is not None:
            return along == other
        changes = [np.count_nonzero(np.diff(self.place(byte)[0])) for byte in (one, other)]
        return bool(changes[0] < changes[1] / 2)

    def counted_along(self, one: int, other: int) -> int | None:
        """Which of two bytes the traces are counted along, line by line; None if not told."""
        for counter in sorted(_COUNTERS & self.numbers.keys() - {one, other}):
            along = [byte for byte in (one, other) if self._go_together(counter, byte)]
            if len(along) == 1:
                return along[0]
        return None

    def _go_together(self, one: int, other: int) -> bool:
        """Each number at one byte comes with one at another alone."""
        (row, rows), (column, columns) = self.place(one), self.place(other)
        return rows == columns == len(np.unique(row * columns + column))


def most_wrong(traces: int) -> float:
    """How many of so many traces may have line numbers that are wrong, at most."""
    return max(_ANYWAY, _WRONG * traces)


def _may_number(values: Column) -> bool:
    distinct, counts = np.unique(values.astype(np.int64), return_counts=True)
    fit = np.abs(distinct) <= _LARGEST
    steps = np.diff(distinct[fit])
    if not len(steps) or counts[~fit].sum() > most_wrong(len(values)):
        return False
    # Bytes of a neighbour: its numbers, shifted.
    return bool(np.gcd.reduce(steps) % 256)


def _whole_words(numbers: dict[int, Column]) -> dict[int, Column]:
    """Without what overlaps a number or coordinate at a whole word, of which it would be a part."""
    whole = {byte for byte in numbers if byte % 4 == 1} | {_X, _Y} | _NEVER
    return {
        byte: values
        for byte, values in numbers.items()
        if byte in whole or not any(abs(byte - other) < 4 for other in whole)
    }


def find(candidates: Candidates, hint: tuple[int, int] | None) -> Pair | None:
    """The bytes of inline and crossline numbers; None where no two make a grid or a single line."""
    usual = _usual(candidates)
    if hint and (pair := _told(candidates, hint)):
        return pair
    traces = len(candidates.column(1))
    grids = [
        pair
        for pair in usual
        if pair.is_grid and pair.full >= _USUAL_FULL and _is_product(pair, traces)
    ]
    best = max((pair.score for pair in grids), default=0.0)
    for pair in grids:
        if pair.score >= best / 2:
            return pair
    return next(iter(others(candidates)), None) or next(
        (pair for pair in usual if not pair.is_grid), None
    )


def _usual(candidates: Candidates) -> list[Pair]:
    found = []
    for inline, crossline in USUAL:
        if (inline, crossline) == (_X, _Y) and not _coordinates_elsewhere(candidates):
            continue
        constant = [byte for byte in (inline, crossline) if byte not in candidates.numbers]
        # One line of a volume has its number in all traces; zeros are no number.
        told = all(_is_one_number(candidates.column(byte)) for byte in constant)
        if len(constant) < 2 and told:
            found.append(candidates.pair(inline, crossline, "the usual bytes"))
    return found


def _is_one_number(values: Column) -> bool:
    return bool(values[0] != 0 and abs(int(values[0])) <= _LARGEST and np.all(values == values[0]))


def _told(candidates: Candidates, hint: tuple[int, int]) -> Pair | None:
    """The bytes that the text header names, if they make a grid of what can be line numbers."""
    if any(byte not in candidates.numbers for byte in hint):
        return None
    pair = candidates.pair(*hint, why="as the text header says")
    is_full = pair.full >= _TEXT_FULL and _is_product(pair, len(candidates.column(1)))
    return pair if pair.is_grid and is_full else None


def _coordinates_elsewhere(candidates: Candidates) -> bool:
    """Coordinates are those of the source, so that 181 and 185 may be anything else."""
    return any(
        source in candidates.numbers
        and not np.array_equal(candidates.column(source), candidates.column(midpoint))
        for source, midpoint in ((_SOURCE_X, _X), (_SOURCE_Y, _Y))
    )


def others(candidates: Candidates, but: Collection[int] = ()) -> list[Pair]:
    """Any two bytes that make a grid, the fullest first, where what may count traces is worth half;
    of those as full, no counters, and whole words. None of ``but``.
    """
    never = _NEVER | (set() if _coordinates_elsewhere(candidates) else {_X, _Y}) | set(but)
    bytes_ = [byte for byte in candidates.numbers if byte not in never]
    found = []
    for at, one in enumerate(bytes_):
        for other in bytes_[at + 1 :]:
            if other - one < candidates.width or not _may_fill(candidates, one, other):
                continue
            # As programs put them: the inline first.
            bytes_of = (other, one) if candidates.is_inline(other, one) else (one, other)
            pair = candidates.pair(*bytes_of, _GUESS)
            if pair.is_grid and pair.full >= _FULL and _is_product(pair, len(candidates.column(1))):
                found.append(pair)
    return sorted(found, key=_rank)


def halves(candidates: Candidates, running: Collection[int] = ()) -> Pair | None:
    """Where line numbers of 2 bytes are; None where no two make a grid of lines without gaps.

    Args:
        candidates: of two bytes.
        running: words that number something else, so that their halves are no numbers.
    """
    but = {byte + half for byte in running for half in (0, 2)}
    for pair in others(candidates, but):
        if pair.single >= SINGLE and all(
            _is_dense(candidates.numbers[byte]) for byte in (pair.inline, pair.crossline)
        ):
            return pair
    return None


def runs_on(words: Column) -> bool:
    """Numbers of four bytes go on where their upper half changes, as those do that are one number
    each. Of two numbers, the lower leaves a gap for each of the upper: no survey has more lines
    than half of what two bytes hold.
    """
    distinct = np.unique(words).astype(np.int64)
    uppers = len(np.unique(distinct >> 16)) - 1
    return bool(np.count_nonzero(np.diff(distinct) >= 1 << 15) < uppers / 2)


def _is_dense(numbers: Column) -> bool:
    """Most numbers from the least to the greatest are there, in equal steps."""
    distinct = np.unique(numbers).astype(np.int64)
    span = (distinct[-1] - distinct[0]) // np.gcd.reduce(np.diff(distinct)) + 1
    return bool(len(distinct) >= span / 2)


def _may_fill(candidates: Candidates, one: int, other: int) -> bool:
    """There are traces enough for a grid of these two, whatever they are like."""
    places = candidates.place(one)[1] * candidates.place(other)[1]
    return _FULL * places <= len(candidates.column(1))


def _is_product(pair: Pair, traces: int) -> bool:
    """More places are taken than there are lines either way: neither number follows the other."""
    return pair.single * traces > max(pair.shape) and pair.single > 1 / 64


def _rank(pair: Pair) -> tuple[float, int, bool, int, int]:
    bytes_ = (pair.inline, pair.crossline)
    counters = sum(byte in _COUNTERS for byte in bytes_)
    in_record = _IN_RECORD in bytes_
    # Traces that are counted leave no gaps where some are missing: these grids are fuller.
    score = pair.score / 2 if counters or in_record else pair.score
    odd = sum(byte % 4 != 1 for byte in bytes_)
    return (-round(score, 1), counters, in_record, odd, pair.inline)


def cdp(candidates: Candidates) -> int | None:
    """Where a 2-D line's traces are numbered, each by its own number; None if nowhere."""
    traces = len(candidates.column(1))
    for byte in _CDP:
        if byte in candidates.numbers and candidates.place(byte)[1] >= 0.9 * traces:
            return byte
    return None
