"""Traces of an array in pieces, each of which is read at once.

A chunk of a Zarr holds parts of many lines, so that line by line it would be unpacked again for
every line. A piece is the traces that go through one chunk, with all of their samples, or as many
of them as :data:`MOST` allows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

MOST = 32 << 20  # bytes of a piece, as float32, but for a single trace

Numbers = npt.NDArray[np.integer]
Part = tuple[Numbers, slice, slice]


@dataclasses.dataclass(frozen=True)
class Pieces:
    """How the traces of an array, numbered inline by inline, are divided.

    Attributes:
        lines: inlines and crosslines.
        size: of a piece, likewise.
    """

    lines: tuple[int, int]
    size: tuple[int, int]

    @classmethod
    def of(cls, shape: tuple[int, int, int], chunk: tuple[int, int, int] | None) -> Pieces:
        """Of an array [I, X, S].

        Args:
            shape: of it.
            chunk: likewise; None where lines are not kept in chunks.
        """
        rows, columns = (chunk or shape)[:2]
        most = max(1, MOST // (4 * shape[2]))  # traces
        columns = min(columns, shape[1], most)
        return cls(shape[:2], (max(1, min(rows, shape[0], most // columns)), columns))

    def all(self) -> Iterator[npt.NDArray[np.int64]]:
        """Numbers of all traces, int64 [n], a piece at a time."""
        rows, columns = self.lines
        for row in range(0, rows, self.size[0]):
            for column in range(0, columns, self.size[1]):
                down = np.arange(row, min(row + self.size[0], rows))
                along = np.arange(column, min(column + self.size[1], columns))
                yield (down[:, None] * columns + along).ravel()

    def parts(self, traces: Numbers) -> Iterator[tuple[Numbers, Part]]:
        """Some traces, integers [n], divided into pieces.

        Yields:
            Which of them, int64 [m]; then the box around these: place of each within it, int64
            [2, m], and its inlines and crosslines.
        """
        places = np.stack(np.divmod(traces, self.lines[1])).astype(np.int64)
        down, along = (each // size for each, size in zip(places, self.size, strict=True))
        piece = down * -(-self.lines[1] // self.size[1]) + along
        order = np.argsort(piece, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(piece[order])) + 1):
            if len(part):
                first, last = places[:, part].min(axis=1), places[:, part].max(axis=1) + 1
                box = slice(int(first[0]), int(last[0])), slice(int(first[1]), int(last[1]))
                yield part, (places[:, part] - first[:, None], *box)
