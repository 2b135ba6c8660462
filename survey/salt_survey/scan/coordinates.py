"""Coordinates: where a survey's grid lies, and a grid found from coordinates alone."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator
from typing import Self

import numpy as np
import numpy.typing as npt

from salt_survey.scan.geometry import Grid, lines_of
from salt_survey.scan.pieces import pieces

Points = npt.NDArray[np.float64]  # [n, 2]
_NEAR = 0.25  # of a bin: traces have to lie so near to their place
_FULL = 0.2  # share of the places with a trace, for a grid
_FOOT_M = 0.3048


@dataclasses.dataclass(frozen=True)
class Lattice:
    """Lines numbered from coordinates, from 1 in the order of the file.

    Attributes:
        inlines, crosslines: int64 [traces].
        bins: distance between neighbouring inlines, and crosslines.
    """

    inlines: npt.NDArray[np.int64]
    crosslines: npt.NDArray[np.int64]
    bins: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Placing:
    """The plane that fits the coordinates of a grid best.

    Attributes:
        corners: inline, crossline, x, y: first and last inline with first and last crossline each,
            by the plane; of a lone line, which may bend, as its first and last trace have them.
        bins: distance for one inline number more, and one crossline number; of a lone line the
            usual one of its steps. None where the coordinates are no lengths.
        off: share of the traces more than half a bin from their place.
        nowhere: traces at 0, 0 which is not their place; those at 0, 0 have no say in it.
    """

    corners: tuple[tuple[int, int, float, float], ...]
    bins: tuple[float, float] | None
    off: float
    nowhere: int = 0

    def of_feet(self) -> Self:
        """With bins in metres, of coordinates in feet; corners stay as they are."""
        bins = self.bins and (round(self.bins[0] * _FOOT_M, 3), round(self.bins[1] * _FOOT_M, 3))
        return dataclasses.replace(self, bins=bins)


@dataclasses.dataclass(frozen=True)
class Positions:
    """Coordinates of all traces, as their headers have them: 8 bytes of memory for each.

    Attributes:
        x, y: integers [traces].
        scalars: likewise, or one for all.
    """

    x: npt.NDArray[np.signedinteger]
    y: npt.NDArray[np.signedinteger]
    scalars: npt.NDArray[np.signedinteger]

    @classmethod
    def of(
        cls,
        x: npt.NDArray[np.signedinteger],
        y: npt.NDArray[np.signedinteger],
        scalars: npt.NDArray[np.signedinteger],
    ) -> Self:
        """With one scalar where it is the same for all."""
        return cls(x, y, scalars if np.ptp(scalars.astype(np.int32)) else scalars[:1].copy())

    @property
    def decimals(self) -> int:
        """That coordinates are to be written with."""
        return decimals(int(self.scalars.min()))

    def anywhere(self) -> bool:
        """Whether one is not at 0, 0."""
        return bool(self.x.any() or self.y.any())

    def at(self, traces: npt.NDArray[np.integer] | slice) -> Points:
        """Of some traces, float64 [n, 2]."""
        scalars = self.scalars if len(self.scalars) == 1 else self.scalars[traces]
        return np.stack([scaled(each[traces], scalars) for each in (self.x, self.y)], axis=-1)


def decimals(scalar: int) -> int:
    """That a coordinate has by its scalar, 2 at least: -10000, as of degrees, leaves four."""
    return max(2, math.ceil(math.log10(max(1, -scalar))))


def scaled(values: npt.NDArray[np.integer], scalars: npt.NDArray[np.integer]) -> Points:
    """Coordinates of headers: times the scalar, divided by a negative one; 0 means 1."""
    factor = np.where(scalars == 0, 1, scalars).astype(np.float64)
    return np.asarray(values * np.where(factor > 0, factor, 1 / np.abs(factor)), np.float64)


def placing(grid: Grid, positions: Positions) -> Placing | None:
    """Where the grid lies; None if the coordinates are those of one place."""
    fit = _Fit(grid, positions)
    if fit.count < 2 or not np.any(fit.most > fit.least):
        return None
    plane = fit.plane()
    bins = np.linalg.norm(plane[:2], axis=1)
    ends = [(i, c) for i in (0, len(grid.inlines) - 1) for c in (0, len(grid.crosslines) - 1)]
    lone = 1 in grid.traces.shape
    places = np.array([fit.there(i, c) if lone else [i, c, 1] @ plane for i, c in ends])
    rounded = np.round(places, positions.decimals) + 0.0  # no -0.0
    corners = tuple(
        (int(grid.inlines[i]), int(grid.crosslines[c]), *place)
        for (i, c), place in zip(ends, rounded.tolist(), strict=True)
    )
    size = min((each for each in bins if each > 0), default=1.0)
    steps = [lines_of(lines)[2] for lines in (grid.inlines, grid.crosslines)]
    if lone:
        bins = np.where(np.array(grid.traces.shape) > 1, fit.stride(), 0.0)
    digits = positions.decimals + 1
    sizes = round(float(bins[0]) / steps[0], digits), round(float(bins[1]) / steps[1], digits)
    off = fit.away(plane, size / 2) / fit.count
    return Placing(corners, sizes, off, fit.away(plane, size / 2, somewhere=False))


class _Fit:
    """Fits a plane to the coordinates of a grid's traces, in passes over pieces of it.

    Attributes:
        count: traces, without those at 0, 0 where others are not.
        least, most: of the coordinates, float64 [2] each.
    """

    def __init__(self, grid: Grid, positions: Positions) -> None:
        self._grid, self._positions = grid, positions
        self._middle = (np.array(grid.traces.shape) - 1) / 2
        self._half = np.maximum(self._middle, 1)  # places are -1..1, which keeps digits
        self._everywhere = not positions.anywhere()
        self.count, self.least, self.most = 0, np.full(2, np.inf), np.full(2, -np.inf)
        self._squares, self._products = np.zeros((3, 3)), np.zeros((3, 2))
        self._first: Points | None = None
        for known, points in self._pieces():
            self._take(known, points)

    def _take(self, known: Points, points: Points) -> None:
        self.count += len(points)
        self.least = np.minimum(self.least, points.min(axis=0))
        self.most = np.maximum(self.most, points.max(axis=0))
        if self._first is None:
            self._first = points[0]
        around = self._around(known)
        self._squares += around.T @ around
        self._products += around.T @ (points - self._first)

    def _pieces(self, somewhere: bool = True) -> Iterator[tuple[Points, Points]]:
        """Places, [n, 3] with a 1 last, and coordinates, [n, 2], of traces that are somewhere, or
        of the others.
        """
        flat = self._grid.traces.ravel()
        for part in pieces(flat.size):
            places = np.flatnonzero(flat[part] >= 0) + part.start
            if len(places):
                rows, columns = np.divmod(places, len(self._grid.crosslines))
                known = np.stack([rows, columns, np.ones(len(rows))], axis=1)
                points = self._positions.at(flat[places])
                wanted = self._is_somewhere(points) == somewhere
                if wanted.any():
                    yield known[wanted], points[wanted]

    def _is_somewhere(self, points: Points) -> npt.NDArray[np.bool_]:
        return np.asarray(points.any(axis=-1) | self._everywhere)

    def there(self, row: int, column: int) -> Points:
        """x and y of the trace of a lone line that is at an end of it, or nearest to that."""
        known, points = self._whole
        return np.asarray(points[np.argmin(np.abs(known[:, :2].sum(axis=1) - (row + column)))])

    def stride(self) -> float:
        """Distance of the traces of a lone line for a place more: the median, and the mean where
        that is nothing, as where neighbours share their coordinates.
        """
        known, points = self._whole
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        places = np.diff(known[:, :2].sum(axis=1))
        return float(np.median(steps / places)) or float(steps.sum() / places.sum())

    @functools.cached_property
    def _whole(self) -> tuple[Points, Points]:
        """All pieces of a lone line."""
        known, points = zip(*self._pieces(), strict=True)
        return np.concatenate(known), np.concatenate(points)

    def _around(self, known: Points) -> Points:
        ones = known[:, 2:]
        return np.concatenate([(known[:, :2] - self._middle) / self._half, ones], axis=1)

    def plane(self) -> Points:
        """x and y for a row more, for a column more, and of the first of both; float64 [3, 2]."""
        assert self._first is not None
        around = np.linalg.lstsq(self._squares, self._products, rcond=None)[0]
        steps = around[:2] / self._half[:, None]
        return np.vstack([steps, around[2] + self._first - self._middle @ steps])

    def away(self, plane: Points, limit: float, somewhere: bool = True) -> int:
        """Traces that are farther than this from their place, of those that are somewhere, or of
        the others.
        """
        return sum(
            int(np.count_nonzero(np.linalg.norm(points - known @ plane, axis=1) > limit))
            for known, points in self._pieces(somewhere)
        )


def lattice(x: Points, y: Points) -> Lattice | None:
    """Number lines from coordinates: traces in the order of lines on a grid of right angles, turned
    any way.

    Returns:
        None if they make no such grid.
    """
    points = np.stack([x, y], axis=1)
    along = _step(points)
    if along is None:
        return None
    bin_along = float(np.linalg.norm(along))
    across = np.array([-along[1], along[0]]) / bin_along
    offsets = (points - points[0]) @ np.stack([along / bin_along, across], axis=1)
    bin_across = _spacing(offsets[:, 1], bin_along)
    if bin_across is None:
        return None
    places = np.round(offsets / [bin_along, bin_across]).astype(np.int64)
    places = _refined(points, places)
    return _numbered(points, places)


def is_path(x: Points, y: Points) -> bool:
    """Traces follow each other at about equal distances, as those of a 2-D line do."""
    steps = np.hypot(np.diff(x), np.diff(y))
    return bool(len(steps) and steps.min() > 0 and steps.max() <= 3 * np.median(steps))


def _step(points: Points) -> Points | None:
    """The commonest step from trace to trace, whichever way."""
    steps = np.diff(points, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    if not np.any(lengths > 0):
        return None
    steps, lengths = steps[lengths > 0], lengths[lengths > 0]
    near = np.abs(lengths - np.median(lengths)) <= 0.1 * np.median(lengths)
    usual = steps[near]
    same = usual @ usual[0] > 0.9 * np.median(lengths) ** 2
    back = usual @ usual[0] < -0.9 * np.median(lengths) ** 2
    together = np.concatenate([usual[same], -usual[back]])
    if len(together) < len(points) / 4:
        return None
    return np.asarray(together.mean(axis=0))


def _spacing(offsets: Points, bin_along: float) -> float | None:
    """Distance of lines, from the distances of traces from the first line."""
    gaps = np.diff(np.sort(offsets))
    gaps = gaps[gaps > 0.2 * bin_along]
    if not len(gaps):
        return None
    least = gaps.min()
    return float(gaps[gaps < 1.5 * least].mean())


def _refined(points: Points, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Small errors of the steps add up over long lines: fit, and number again."""
    for _ in range(3):
        known = np.column_stack([places, np.ones(len(places))])
        plane = np.linalg.lstsq(known, points, rcond=None)[0]
        if abs(np.linalg.det(plane[:2])) < 1e-9:
            break
        places = np.round((points - plane[2]) @ np.linalg.inv(plane[:2])).astype(np.int64)
    return places


def _numbered(points: Points, places: npt.NDArray[np.int64]) -> Lattice | None:
    known = np.column_stack([places, np.ones(len(places))])
    plane = np.linalg.lstsq(known, points, rcond=None)[0]
    bins = np.linalg.norm(plane[:2], axis=1)
    away = np.linalg.norm(points - known @ plane, axis=1)
    shape = np.ptp(places, axis=0) + 1
    taken = len(np.unique(places, axis=0))
    if away.max() > _NEAR * bins.min() or taken < _FULL * shape.prod() or shape.min() < 2:
        return None
    up = np.where(places[-1] >= places[0], 1, -1)  # numbers rise as the file goes on
    numbers = places * up
    numbers = numbers - numbers.min(axis=0) + 1
    return Lattice(numbers[:, 1], numbers[:, 0], (float(bins[1]), float(bins[0])))
