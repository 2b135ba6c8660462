"""Coordinates of traces, and a grid found from them alone."""

from __future__ import annotations

import dataclasses
import math
from typing import Self

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]  # [n, 2]
_NEAR = 0.25  # of a bin: traces have to lie so near to their place
_FULL = 0.2  # share of the places with a trace, for a grid
_SCATTERS = (0.2, 0.05)  # of a bin along the line: what lies so near is of one line
_FAR = 5  # usual steps: no step within a line
_BESIDE = 1.5  # traces beside each other; of one line, which decimals scatter, it is 1


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


def lattice(x: Points, y: Points, share: float = 1.0) -> Lattice | None:
    """Number lines from coordinates: traces in the order of lines on a grid of right angles, turned
    any way.

    Args:
        x: of each trace.
        y: likewise.
        share: of a file's traces that these are; the others fill places, too.

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
    for scatter in _SCATTERS:
        bin_across = _spacing(offsets[:, 1], scatter * bin_along)
        if bin_across is None:
            continue
        places = np.round(offsets / [bin_along, bin_across]).astype(np.int64)
        found = _numbered(points, _refined(points, places), share)
        if found is not None:
            return found
    return None


def is_path(x: Points, y: Points) -> bool:
    """Traces follow each other at about equal distances, as those of a 2-D line do."""
    steps = np.hypot(np.diff(x), np.diff(y))
    return bool(len(steps) and steps.min() > 0 and steps.max() <= 3 * np.median(steps))


def goes_on(x: Points, y: Points) -> bool:
    """Such a path that hardly ever turns, and never back: no grid is sailed so, not even to and
    fro.
    """
    points = np.stack([x, y], axis=1)
    turned, back = _turns(points) < 0.5, _turns(points, 2) < -0.5
    return is_path(x, y) and bool(turned.sum() < 2 and not back.any())


def jumps_back(x: Points, y: Points) -> bool:
    """Far back towards where it came from, again and again, as traces do at the end of each line of
    several. Neither traces at 0, 0 have a say in it, nor a lone one far from those beside it.
    """
    points = np.stack([x, y], axis=1)
    points = points[points.any(axis=1)]
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    if not np.any(steps > 0):
        return False
    far = steps > _FAR * np.median(steps[steps > 0])
    alone = far[1:-1] & ~far[:-2] & ~far[2:]
    return bool((alone & (_turns(points)[:-1] < -0.5)).sum() > 1)


def _turns(points: Points, later: int = 1) -> Points:
    """Cosine of the angle between each step and one so many steps before, float64 [n - 1 - later];
    1 where there is no step.
    """
    steps = np.diff(points, axis=0)
    sizes = np.linalg.norm(steps, axis=1)
    both = sizes[later:] * sizes[:-later]
    along = np.einsum("ij,ij->i", steps[later:], steps[:-later])
    return np.asarray(np.divide(along, both, out=np.ones_like(both), where=both > 0))


def _step(points: Points) -> Points | None:
    """The commonest step from trace to trace, whichever way."""
    steps = np.diff(points, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    if not np.any(lengths > 0):
        return None
    steps, lengths = steps[lengths > 0], lengths[lengths > 0]
    median = np.percentile(lengths, 50, method="lower")  # one that there is
    usual = steps[np.abs(lengths - median) <= 0.1 * median]
    same = usual @ usual[0] > 0.9 * median**2
    back = usual @ usual[0] < -0.9 * median**2
    together = np.concatenate([usual[same], -usual[back]])
    if len(together) < len(points) / 4:
        return None
    return np.asarray(together.mean(axis=0))


def _spacing(offsets: Points, scatter: float) -> float | None:
    """Distance of lines, from the distances of traces from the first line, which decimals scatter
    by so much about each.
    """
    rising = np.sort(offsets)
    starts = np.flatnonzero(np.diff(rising, prepend=-np.inf) > scatter)
    lines = np.add.reduceat(rising, starts) / np.diff(starts, append=len(rising))
    gaps = np.diff(lines)
    if not len(gaps):
        return None
    return float(gaps[gaps < 1.5 * gaps.min()].mean())


def _refined(points: Points, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Small errors of the steps add up over long lines: fit, and number again."""
    for _ in range(3):
        known = np.column_stack([places, np.ones(len(places))])
        plane = np.linalg.lstsq(known, points, rcond=None)[0]
        if abs(np.linalg.det(plane[:2])) < 1e-9:
            break
        places = np.round((points - plane[2]) @ np.linalg.inv(plane[:2])).astype(np.int64)
    return places


def _numbered(points: Points, places: npt.NDArray[np.int64], share: float) -> Lattice | None:
    known = np.column_stack([places, np.ones(len(places))])
    plane = np.linalg.lstsq(known, points, rcond=None)[0]
    bins = np.linalg.norm(plane[:2], axis=1)
    away = np.linalg.norm(points - known @ plane, axis=1)
    shape = np.ptp(places, axis=0) + 1
    taken = len(np.unique(places, axis=0))
    fewest = share * max(_FULL * shape.prod(), _BESIDE * shape.max())
    if away.max() > _NEAR * bins.min() or taken < fewest or shape.min() < 2:
        return None
    up = np.where(places[-1] >= places[0], 1, -1)  # numbers rise as the file goes on
    numbers = places * up
    numbers = numbers - numbers.min(axis=0) + 1
    return Lattice(numbers[:, 1], numbers[:, 0], (float(bins[1]), float(bins[0])))
