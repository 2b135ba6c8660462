"""Traces of an array in pieces, each of which is read at once.

A chunk of a Zarr holds parts of many lines, so that line by line it would be unpacked again for
every line. A piece is as many whole chunks as :data:`MOST` allows, with all samples of their
traces; where not even one fits, part of one, which is then unpacked for each of its parts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

MOST = 32 << 20  # bytes of a piece, as float32, but for a single trace

Numbers = npt.NDArray[np.integer]
Indices = npt.NDArray[np.int64]
Part = tuple[Indices, slice, slice]


@dataclasses.dataclass(frozen=True, eq=False)
class Pieces:
    """How the traces of an array, numbered inline by inline, are divided.

    Attributes:
        lines: inlines and crosslines.
        starts: where pieces begin along either, int64.
    """

    lines: tuple[int, int]
    starts: tuple[Indices, Indices]

    @classmethod
    def of(cls, shape: tuple[int, int, int], chunk: tuple[int, int, int] | None) -> Pieces:
        """Of an array [I, X, S].

        Args:
            shape: of it.
            chunk: likewise; None where lines are not kept in chunks.
        """
        unit = min((chunk or (1,))[0], shape[0]), min((chunk or shape)[1], shape[1])
        most = max(1, MOST // (4 * shape[2]))  # traces
        columns = _fitting(unit[1], shape[1], most // unit[0])
        # More lines only where those that are there are whole.
        rows = _fitting(unit[0], shape[0] if columns >= shape[1] else unit[0], most // columns)
        starts = _starts(shape[0], unit[0], rows), _starts(shape[1], unit[1], columns)
        return cls(shape[:2], starts)

    def all(self) -> Iterator[Indices]:
        """Numbers of all traces, int64 [n], a piece at a time."""
        rows, columns = (
            np.split(np.arange(count), starts[1:])
            for count, starts in zip(self.lines, self.starts, strict=True)
        )
        for down in rows:
            for along in columns:
                yield (down[:, None] * self.lines[1] + along).ravel()

    def parts(self, traces: Numbers) -> Iterator[tuple[Indices, Part]]:
        """Some traces, integers [n], divided into pieces.

        Yields:
            Which of them, int64 [m]; then the box around these: place of each within it, int64
            [2, m], and its inlines and crosslines.
        """
        places = np.stack(np.divmod(traces, self.lines[1])).astype(np.int64)
        down, along = (
            np.searchsorted(starts, each, "right")
            for starts, each in zip(self.starts, places, strict=True)
        )
        piece = down * (len(self.starts[1]) + 1) + along
        order = np.argsort(piece, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(piece[order])) + 1):
            if len(part):
                first, last = places[:, part].min(axis=1), places[:, part].max(axis=1) + 1
                box = slice(int(first[0]), int(last[0])), slice(int(first[1]), int(last[1]))
                yield part, (places[:, part] - first[:, None], *box)


def _fitting(unit: int, lines: int, most: int) -> int:
    """How many lines a piece has: of the unit's so many as divide it, or so many whole ones; as
    many as are allowed, one at least.
    """
    if most >= unit:
        return unit * min(most // unit, -(-lines // unit))
    return -(-unit // -(-unit // max(1, most)))


def _starts(lines: int, unit: int, size: int) -> Indices:
    """Where pieces begin: anew with each unit where they are parts of it."""
    step = max(unit, size)
    inner = np.arange(0, step, size)
    starts = (np.arange(0, lines, step)[:, None] + inner).ravel()
    return starts[starts < lines]
