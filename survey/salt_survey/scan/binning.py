"""The place of each trace in the bins of a grid, by what numbers the lines."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from salt_survey.errors import SurveyError
from salt_survey.scan import coordinates, geometry, numbered_traces
from salt_survey.scan.coordinates import Positions
from salt_survey.scan.findings import Said
from salt_survey.scan.numbered_traces import NumberedTraces
from salt_survey.scan.numbering import Numbering
from salt_survey.segy.headers import Column

_SHOWN = 3
_LEFT_OUT = "they are left out, and are 0 in SEG-Y that is written"


def grid(
    numbered: Numbering,
    columns: Mapping[int, Column],
    positions: Positions | None,
    traces: int,
    said: Said,
) -> geometry.Grid | None:
    """Places of all traces; a warning where some have none.

    Returns:
        None where nothing numbers them.

    Raises:
        SurveyError: the numbers make no grid.
    """
    if numbered.inline is not None and numbered.crossline is not None:
        lines_of = columns[numbered.inline], columns[numbered.crossline]
        return _on_lines(*lines_of, said)
    if numbered.lines_from == "traces":
        numbers = (
            columns[numbered.cdp] if numbered.cdp else np.arange(1, traces + 1, dtype=np.int32)
        )
        return geometry.line(numbers)
    found = _on_lattice(positions, said) if numbered.lines_from == "coordinates" else None
    if found is None and numbered.lines_from == "coordinates" and numbered.decided:
        where = "no coordinates are in the headers"
        if positions is not None:
            where = (
                f"the coordinates at {numbered.x} and {numbered.y} make no grid, or the traces lie "
                "in no order of lines"
            )
        raise SurveyError(
            f"{where}, expected those of lines at right angles in equal steps; give --x-byte and "
            "--y-byte of others, --inline-byte and --crossline-byte, or --lines-from traces if it "
            "is one line"
        )
    return found


def _on_lattice(positions: Positions | None, said: Said) -> geometry.Grid | None:
    """The grid of the traces that have coordinates; a warning of the others."""
    if positions is None:
        return None
    points = positions.at(slice(None))
    there = np.asarray(points.any(axis=1))
    found = coordinates.lattice(*points.T)  # one place of a grid may be 0 0
    if found is not None:
        return geometry.grid(found.inlines, found.crosslines)
    found = coordinates.lattice(*points[there].T) if np.count_nonzero(~there) > 0 else None
    if found is None:
        return None
    said.warnings.append(
        f"{np.count_nonzero(~there)} traces have the coordinates 0 0, where others make a grid; "
        f"{_LEFT_OUT}"
    )
    inlines, crosslines = np.zeros((2, len(points)), np.int64)
    inlines[there], crosslines[there] = found.inlines, found.crosslines
    return geometry.grid(inlines, crosslines, there)


def _on_lines(inlines: Column, crosslines: Column, said: Said) -> geometry.Grid:
    """The grid of the traces that have a place in it; a warning of the others."""
    found = numbered_traces.find(inlines, crosslines)
    grid = geometry.grid(inlines, crosslines, found.mask)
    if found.blank:
        said.warnings.append(
            f"{found.blank} traces have no line numbers in their headers, where others have; "
            f"{_LEFT_OUT}"
        )
    if found.strays:
        others = " and ".join(
            f"{name} {geometry.words(geometry.lines_of(numbers))}"
            for name, numbers in (("inlines", grid.inlines), ("crosslines", grid.crosslines))
        )
        said.warnings.append(
            f"line numbers far from {others} of all others: {_strays(found, inlines, crosslines)}; "
            f"{_LEFT_OUT}"
        )
    return grid


def _strays(found: NumberedTraces, inlines: Column, crosslines: Column) -> str:
    """The first of them, with their numbers."""
    named = [
        f"{inlines[trace]} and {crosslines[trace]} of trace {trace + 1}"
        for trace in found.strays[:_SHOWN]
    ]
    more = len(found.strays) - len(named)
    return ", ".join([*named, f"{more} more"] if more else named)


def offsets_a_bin(grid: geometry.Grid, offsets: Column) -> int:
    """The most offsets that traces of one place have."""
    # One number of both, as sorting rows of numbers would take many times the memory.
    keys = (grid.places.astype(np.int64) << 32) | offsets.view(np.uint32)
    different = np.unique(keys[grid.places != geometry.NO_TRACE]) >> 32
    ends = np.flatnonzero(np.diff(different, append=-1))
    return int(np.diff(ends, prepend=-1).max())
