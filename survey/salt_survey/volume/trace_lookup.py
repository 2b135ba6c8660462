"""Traces of a stored volume by their places, in the order that a file has them in.

A chunk holds many lines, so that line by line each would be unpacked again for every line. Here the
chunks around the traces asked for are kept until others are needed, as much of them as
:data:`MOST` allows, whichever way the file is sorted.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from salt_survey.sections.tiling import WHITE, Floats, Grey
from salt_survey.volume.store import Store

MOST = 192 << 20  # bytes of the volume that are kept, but for a single chunk

Places = npt.NDArray[np.int64]
Box = tuple[int, int, int, int]  # first inline and the one after the last; of crosslines likewise


class Traces:
    """Looks traces up; memory is bounded by :data:`MOST`."""

    def __init__(self, store: Store, name: str = "probability", most: int = MOST) -> None:
        """Use a store's volume of some name; keep at most so many bytes of it."""
        self._store, self._name, self._most = store, name, most
        self._lines = store.shape[:2]
        self._chunk = store.chunk(name)
        self._box: Box = (0, 0, 0, 0)
        self._salt: Grey = np.empty((0, 0, store.shape[2]), np.uint8)

    def __call__(self, rows: Places, columns: Places) -> Floats:
        """Probabilities 0..1, float32 [n, samples].

        Args:
            rows: int64 [n], places of inlines.
            columns: of crosslines, likewise.

        Raises:
            InputError: a chunk cannot be read.
        """
        found = np.empty((len(rows), self._store.shape[2]), np.float32)
        # A line that does not fit as a whole begins with what is kept of the line before.
        parts = sorted(self._parts(rows, columns), key=lambda each: not self._has(each[1]))
        for part, box in parts:
            self._keep(box)
            at = rows[part] - self._box[0], columns[part] - self._box[2]
            found[part] = self._salt[at] / np.float32(WHITE)
        return found

    def _parts(self, rows: Places, columns: Places) -> Iterator[tuple[Places, Box]]:
        """The traces in groups, each with the chunks around it, that fit."""
        waiting = [np.arange(len(rows))] if len(rows) else []
        while waiting:
            part = waiting.pop()
            places = rows[part], columns[part]
            box = self._around(*places)
            if self._fits(box):
                yield part, box
                continue
            axis, edge = self._middle(box)
            before = places[axis] < edge
            waiting += [part[~before], part[before]]

    def _around(self, rows: Places, columns: Places) -> Box:
        edges: list[int] = []
        for places, chunk, lines in zip((rows, columns), self._chunk, self._lines, strict=True):
            first, last = int(places.min()), int(places.max())
            edges += [first - first % chunk, min(lines, last - last % chunk + chunk)]
        return edges[0], edges[1], edges[2], edges[3]

    def _fits(self, box: Box) -> bool:
        lines = box[1] - box[0], box[3] - box[2]
        alone = all(have <= chunk for have, chunk in zip(lines, self._chunk, strict=True))
        size = lines[0] * lines[1] * self._store.shape[2]
        return alone or self._has(box) or size <= self._most

    def _middle(self, box: Box) -> tuple[int, int]:
        """Which way a box of several chunks is halved, 0 for inlines, and where."""
        chunks = [-(-(box[2 * a + 1] - box[2 * a]) // self._chunk[a]) for a in (0, 1)]
        axis = int(chunks[1] > chunks[0])
        return axis, box[2 * axis] + chunks[axis] // 2 * self._chunk[axis]

    def _has(self, box: Box) -> bool:
        mine = self._box
        return mine[0] <= box[0] and box[1] <= mine[1] and mine[2] <= box[2] and box[3] <= mine[3]

    def _keep(self, box: Box) -> None:
        if not self._has(box):
            self._box = (0, 0, 0, 0)
            self._salt = np.empty((0, 0, 0), np.uint8)  # first: two would be twice the memory
            inlines, crosslines = slice(box[0], box[1]), slice(box[2], box[3])
            self._salt = self._store.block(self._name, inlines, crosslines)
            self._box = box
