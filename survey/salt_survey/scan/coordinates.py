"""Coordinates: where a survey's grid lies, and a grid found from coordinates alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from salt_survey.scan.geometry import Grid, lines_of

Points = npt.NDArray[np.float64]  # [n, 2]
_NEAR = 0.25  # of a bin: traces have to lie so near to their place
_FULL = 0.2  # share of the places with a trace, for a grid


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
        corners: inline, crossline, x, y: first and last inline with first and last crossline each.
        bins: distance for one inline number more, and one crossline number.
        off: share of the traces more than half a bin from their place.
    """

    corners: tuple[tuple[int, int, float, float], ...]
    bins: tuple[float, float]
    off: float


def scaled(values: npt.NDArray[np.integer], scalars: npt.NDArray[np.integer]) -> Points:
    """Coordinates of headers: times the scalar, divided by a negative one; 0 means 1."""
    factor = np.where(scalars == 0, 1, scalars).astype(np.float64)
    return np.asarray(values * np.where(factor > 0, factor, 1 / np.abs(factor)), np.float64)


def placing(grid: Grid, x: Points, y: Points) -> Placing | None:
    """Where the grid lies; None if the coordinates are those of one place.

    Args:
        grid: of the traces.
        x: float64 [traces].
        y: likewise.
    """
    rows, columns = np.nonzero(grid.traces >= 0)
    points = np.stack([x, y], axis=1)[grid.traces[rows, columns]]
    if len(points) < 2 or not np.ptp(points, axis=0).any():
        return None
    known = np.stack([rows, columns, np.ones(len(rows))], axis=1)
    plane = np.linalg.lstsq(known, points, rcond=None)[0]
    bins = np.linalg.norm(plane[:2], axis=1)
    away = np.linalg.norm(points - known @ plane, axis=1)
    ends = [(i, c) for i in (0, len(grid.inlines) - 1) for c in (0, len(grid.crosslines) - 1)]
    places = np.round(np.array([[i, c, 1] for i, c in ends]) @ plane, 2).tolist()
    corners = tuple(
        (int(grid.inlines[i]), int(grid.crosslines[c]), place[0], place[1])
        for (i, c), place in zip(ends, places, strict=True)
    )
    size = min((each for each in bins if each > 0), default=1.0)
    steps = [lines_of(lines)[2] for lines in (grid.inlines, grid.crosslines)]
    sizes = round(float(bins[0]) / steps[0], 3), round(float(bins[1]) / steps[1], 3)
    return Placing(corners, sizes, float(np.mean(away > size / 2)))


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
