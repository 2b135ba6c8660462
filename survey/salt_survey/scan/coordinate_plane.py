"""The plane through the coordinates of a grid's traces."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from salt_survey.scan.coordinates import Points, Positions
from salt_survey.scan.geometry import Grid
from salt_survey.scan.trace_pieces import pieces

_SOME = 1 << 16  # traces by which a plane is found that wrong coordinates have no say in
_NEAR = 4  # times as far from it as half of them: those of which the plane is made
_ENOUGH = 0.1  # of these, that have another so many places on
_LOST = 0.1  # of the grid's extent: where half of the traces are farther away, it is no grid


def bin_size(plane: Points) -> float:
    """The smaller side of a bin."""
    return min((float(each) for each in np.linalg.norm(plane[:2], axis=1) if each > 0), default=1.0)


class Traces:
    """Places and coordinates of a grid's traces, gone through in pieces.

    Attributes:
        count: traces, without those at 0, 0 where others are not.
    """

    def __init__(self, grid: Grid, positions: Positions) -> None:
        self._grid, self._positions = grid, positions
        self._middle = (np.array(grid.traces.shape) - 1) / 2
        self._half = np.maximum(self._middle, 1)  # places are -1..1, which keeps digits
        self._everywhere = not positions.anywhere()
        self.count = sum(len(points) for _, points in self._pieces())

    def are_apart(self) -> bool:
        """Whether there are two that do not lie in one place."""
        first = next(self._pieces(), None)
        return first is not None and any(
            bool(np.any(points != first[1][0])) for _, points in self._pieces()
        )

    def _pieces(self, somewhere: bool = True) -> Iterator[tuple[Points, Points]]:
        """Places, [n, 3] with a 1 last, and coordinates, [n, 2], of traces that are somewhere, or
        of the others.
        """
        flat = self._grid.traces.ravel()
        for part in pieces(flat.size):
            there = np.flatnonzero(flat[part] >= 0) + part.start
            if len(there):
                known, points = self._at(there, flat[there])
                wanted = self._is_somewhere(points) == somewhere
                if wanted.any():
                    yield known[wanted], points[wanted]

    def _at(
        self, there: npt.NDArray[np.integer], traces: npt.NDArray[np.integer]
    ) -> tuple[Points, Points]:
        rows, columns = np.divmod(there, len(self._grid.crosslines))
        return np.stack([rows, columns, np.ones(len(rows))], axis=1), self._positions.at(traces)

    def _is_somewhere(self, points: Points) -> npt.NDArray[np.bool_]:
        return np.asarray(points.any(axis=-1) | self._everywhere)

    @functools.cached_property
    def whole(self) -> tuple[Points, Points]:
        """All pieces of a lone line."""
        known, points = zip(*self._pieces(), strict=True)
        return np.concatenate(known), np.concatenate(points)

    def _around(self, known: Points) -> Points:
        ones = known[:, 2:]
        return np.concatenate([(known[:, :2] - self._middle) / self._half, ones], axis=1)

    def fitted(self, near: Points | None = None, limit: float = np.inf) -> Points:
        """x and y for a row more, for a column more, and of the first of both; float64 [3, 2]: the
        least squares of all traces, or of those that are so near to another such plane.
        """
        squares, products = np.zeros((3, 3)), np.zeros((3, 2))
        first: Points | None = None
        for known, points in self._pieces():
            if near is not None:
                inside = _distances(known, points, near) <= limit
                known, points = known[inside], points[inside]
            if first is None and len(points):
                first = points[0]
            around = self._around(known)
            squares += around.T @ around
            products += around.T @ (points - (0 if first is None else first))
        assert first is not None
        fit = np.linalg.lstsq(squares, products, rcond=None)[0]
        steps = fit[:2] / self._half[:, None]
        return np.vstack([steps, fit[2] + first - self._middle @ steps])

    def away(self, plane: Points, limit: float, somewhere: bool = True) -> int:
        """Traces that are farther than this from their place, of those that are somewhere, or of
        the others.
        """
        return sum(
            int(np.count_nonzero(_distances(known, points, plane) > limit))
            for known, points in self._pieces(somewhere)
        )

    def robust(self) -> Points | None:
        """A plane as :meth:`fitted` gives it, in which the coordinates of up to a quarter of the
        traces have no say where they are not those of their place; None if there is no such plane.
        """
        down, along = self._step(0), self._step(1)
        if down is None or along is None:  # as where no line has two traces
            return self.fitted()
        slopes = np.stack([down, along])
        known, points, _ = self._some(0, 0)
        plane = np.vstack([slopes, np.median(points - known[:, :2] @ slopes, axis=0)])
        usual = float(np.median(_distances(known, points, plane)))
        if usual > _LOST * np.linalg.norm(2 * self._middle @ np.abs(slopes)):
            return None
        return self.fitted(plane, max(bin_size(plane) / 2, _NEAR * usual))

    def _step(self, axis: int) -> Points | None:
        """The median of x and y for a place more along an axis, of traces as far apart as enough
        are; None if no two share a line.
        """
        found, (known, _, _) = None, self._some(0, 0)
        apart = self._grid.traces.shape[axis] // 2
        while apart:
            _, points, others = self._some(*((apart, 0) if axis == 0 else (0, apart)))
            if len(points):
                found = np.median(others - points, axis=0) / apart
            if len(points) > _ENOUGH * len(known):
                break
            apart //= 2
        return found

    def _some(self, down: int, along: int) -> tuple[Points, Points, Points]:
        """Places and coordinates of some traces, all over the grid, that are somewhere, and
        coordinates of those so many places on.
        """
        shape = self._grid.traces.shape[0] - down, self._grid.traces.shape[1] - along
        size = shape[0] * shape[1]
        some = np.linspace(0, size - 1, min(size, _SOME)).astype(np.int64)
        rows, columns = np.divmod(some, shape[1])
        traces = self._grid.traces[rows, columns], self._grid.traces[rows + down, columns + along]
        both = (traces[0] >= 0) & (traces[1] >= 0)
        points, others = (self._positions.at(each[both]) for each in traces)
        known = np.stack([rows, columns, np.ones(size if size < _SOME else _SOME)], axis=1)[both]
        there = self._is_somewhere(points) & self._is_somewhere(others)
        return known[there], points[there], others[there]


def _distances(known: Points, points: Points, plane: Points) -> Points:
    """Of coordinates from where a plane has them, [n]."""
    return np.asarray(np.linalg.norm(points - known @ plane, axis=1))
