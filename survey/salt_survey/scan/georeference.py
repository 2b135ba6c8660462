"""Where a survey's grid lies: the plane through the coordinates of its traces."""

from __future__ import annotations

import dataclasses
import math
from typing import Self

import numpy as np

from salt_survey.scan import coordinate_checks
from salt_survey.scan.coordinate_plane import Traces, bin_size
from salt_survey.scan.coordinates import Points, Positions
from salt_survey.scan.findings import Said
from salt_survey.scan.geometry import Grid, lines_of
from salt_survey.scan.lone_line import LoneLine

_FOOT_M = 0.3048
_OFF = 0.05  # share of the traces away from where the grid has them, that is told
_SHEARED = 75  # degrees between inlines and crosslines, below which that is told
_NO_STEP = 1e-6  # of the other step
_FAR = 10  # bins: traces so far from their place have wrong coordinates


@dataclasses.dataclass(frozen=True)
class Georeference:
    """The plane that fits the coordinates of a grid best; those that are wrong have no say in it.

    Attributes:
        corners: inline, crossline, x, y: first and last inline with first and last crossline each,
            by the plane; of a lone line, which may bend, as its first and last trace have them.
            Empty where the coordinates are of no such grid.
        bins: distance for one inline number more, and one crossline number; of a lone line the
            usual one of its steps. None where the coordinates are no lengths, or of no such grid.
        off: share of the traces more than half a bin from their place.
        nowhere: traces at 0, 0 which is not their place; those at 0, 0 have no say in it.
        far: traces whose coordinates are those of another place altogether.
        angle: between inlines and crosslines, 0 to 90 degrees.
    """

    corners: tuple[tuple[int, int, float, float], ...]
    bins: tuple[float, float] | None
    off: float = 0.0
    nowhere: int = 0
    far: int = 0
    angle: float = 90.0

    def of_feet(self) -> Self:
        """With bins in metres, of coordinates in feet; corners stay as they are."""
        bins = self.bins and (round(self.bins[0] * _FOOT_M, 6), round(self.bins[1] * _FOOT_M, 6))
        return dataclasses.replace(self, bins=bins)


_NOT_OF_GRID = Georeference((), None, off=1.0)


def find(
    grid: Grid, positions: Positions, units: int, in_feet: bool, said: Said
) -> Georeference | None:
    """Where the grid lies, in metres where that is known, and what there is to say of it.

    Args:
        grid: places of the traces.
        positions: of all traces.
        units: their code, as the first trace has it.
        in_feet: whether the file header says so.
        said: gets notes and warnings.

    Returns:
        None if the coordinates are those of one place.
    """
    found = georeference(grid, positions)
    if found is None:
        return None
    if not coordinate_checks.are_lengths(positions, units, said):
        found = dataclasses.replace(found, bins=None, angle=90.0)  # degrees are no lengths either
    elif in_feet:
        found = found.of_feet()
        said.notes.append("coordinates are in feet, and stay so in corners and horizons")
    _tell(found, grid, said)
    return found


def _tell(found: Georeference, grid: Grid, said: Said) -> None:
    if found.nowhere:
        said.notes.append(
            f"{found.nowhere} traces have the coordinates 0 0: they have no say in where the "
            "grid lies, and keep them in horizons"
        )
    if not found.corners:
        said.warnings.append(
            "the coordinates are not those of a grid with these lines, so that neither its corners "
            "nor the size of its bins are known (--x-byte and --y-byte to read others)"
        )
    elif found.far:
        said.warnings.append(
            f"{found.far} traces have coordinates far from their place in the grid: they have no "
            "say in where it lies, and keep them in horizons"
        )
    elif found.off > _OFF and grid.order != "line":
        said.warnings.append(
            f"{100 * found.off:.0f} % of the traces have coordinates more than half a bin "
            "from their place in the grid"
        )
    if found.angle < _SHEARED:
        said.warnings.append(
            f"inlines and crosslines lie at {found.angle:.0f} degrees to each other, expected 90: "
            "are these the lines? (--inline-byte and --crossline-byte to decide; --lines-from "
            "traces if it is one line)"
        )


def georeference(grid: Grid, positions: Positions) -> Georeference | None:
    """Where the grid lies; None if the coordinates are those of one place."""
    traces = Traces(grid, positions)
    if not traces.are_apart():
        return None
    if 1 in grid.traces.shape:
        return _of_line(grid, positions, traces)
    plane = traces.fitted()
    if traces.away(plane, bin_size(plane) / 2):
        found = traces.robust()
        if found is None:
            return _NOT_OF_GRID
        plane = found
    rows, columns = (np.array([0, len(lines) - 1]) for lines in (grid.inlines, grid.crosslines))
    ends = np.array([[i, c, 1] @ plane for i in rows for c in columns])
    limit = bin_size(plane) / 2
    bins = np.linalg.norm(plane[:2], axis=1)
    return Georeference(
        _corners(grid, positions, ends),
        _bins(grid, positions, bins),
        traces.away(plane, limit) / traces.count,
        traces.away(plane, limit, somewhere=False),
        traces.away(plane, _FAR * float(bins.max())),
        _angle(plane[:2]),
    )


def _angle(steps: Points) -> float:
    """Between two steps, float64 [2, 2]: 0 to 90 degrees; 90 where coordinates do not vary along
    one of them, as where each line has one position.
    """
    sizes = np.linalg.norm(steps, axis=1)
    if sizes.min() <= _NO_STEP * sizes.max():
        return 90.0
    return math.degrees(math.acos(min(1.0, abs(float(steps[0] @ steps[1])) / float(sizes.prod()))))


def _of_line(grid: Grid, positions: Positions, traces: Traces) -> Georeference:
    line = LoneLine(*traces.whole)
    if line.far > traces.count / 2:  # as of two lines, far from each other
        return _NOT_OF_GRID
    size = np.where(np.array(grid.traces.shape) > 1, line.stride, 0.0)
    last = max(grid.traces.shape) - 1
    ends = np.array([line.there(at) for at in (0, 0, last, last)])
    if len(grid.inlines) == 1:
        ends = ends[[0, 2, 0, 2]]
    plane = traces.fitted()
    nowhere = traces.away(plane, bin_size(plane) / 2, somewhere=False)
    return Georeference(
        _corners(grid, positions, ends), _bins(grid, positions, size), 0.0, nowhere, line.far
    )


def _corners(
    grid: Grid, positions: Positions, ends: Points
) -> tuple[tuple[int, int, float, float], ...]:
    """With x and y of ends, [4, 2]: of the first inline, then of the last."""
    rounded = np.round(ends, positions.decimals) + 0.0  # no -0.0
    lines = [(i, c) for i in grid.inlines[[0, -1]] for c in grid.crosslines[[0, -1]]]
    return tuple(
        (int(i), int(c), *place) for (i, c), place in zip(lines, rounded.tolist(), strict=True)
    )


def _bins(grid: Grid, positions: Positions, sizes: Points) -> tuple[float, float]:
    """For a line number more, of sizes for a line more."""
    steps = [lines_of(lines)[2] for lines in (grid.inlines, grid.crosslines)]
    digits = [positions.decimals + 1 + math.ceil(math.log10(step)) for step in steps]
    return (
        round(float(sizes[0]) / steps[0], digits[0]),
        round(float(sizes[1]) / steps[1], digits[1]),
    )
