"""What numbers the lines of a file: bytes of its headers, its coordinates, or the order of its
traces.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from salt_survey.errors import SurveyError
from salt_survey.scan import coordinates, geometry, numbered_traces
from salt_survey.scan.coordinates import Lattice, Positions
from salt_survey.scan.findings import Said
from salt_survey.scan.numbered_traces import NumberedTraces
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import LinesFrom
from salt_survey.segy import headers, lines, text
from salt_survey.segy.binary import STACKED
from salt_survey.segy.headers import Column
from salt_survey.segy.layout import Layout
from salt_survey.segy.lines import Candidates, Pair
from salt_survey.segy.raw import RawFile

_COORDINATES = ((181, 185), (73, 77), (81, 85))
_SHOTS = {9, 13}  # field record and trace in it
_SHOWN = 3
_LEFT_OUT = "they are left out, and are 0 in SEG-Y that is written"

Points = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Numbering:
    """Where the numbers are.

    Attributes:
        inline, crossline: bytes; None where the headers have no such numbers.
        x, y: bytes of the coordinates; None where there are none.
        cdp: byte of a 2-D line's numbers; None if it is no such line, or has none.
        lines_from: what numbers the lines, or would.
        decided: False where the user has to say so first.
        width: bytes of a line number, 4 or 2.
    """

    inline: int | None = None
    crossline: int | None = None
    x: int | None = None
    y: int | None = None
    cdp: int | None = None
    lines_from: LinesFrom = "headers"
    decided: bool = True
    width: int = 4

    def bytes(self) -> set[int]:
        """All that are read of every trace."""
        all_ = {self.inline, self.crossline, self.x, self.y, self.cdp}
        return {byte for byte in all_ if byte is not None}

    def widths(self) -> dict[int, int]:
        """Of the numbers at these bytes, where it is not 4."""
        lines_of = (self.inline, self.crossline)
        return {byte: self.width for byte in lines_of if byte is not None and self.width != 4}

    def positions(self, columns: Mapping[int, Column]) -> Positions | None:
        """Coordinates of each trace, of columns by their bytes; None if the headers have none."""
        if self.x is None or self.y is None:
            return None
        return Positions.of(columns[self.x], columns[self.y], columns[headers.SCALAR])


def find(
    file: RawFile,
    layout: Layout,
    overrides: Overrides,
    sorting: int,
    text_lines: Sequence[str],
    said: Said,
) -> Numbering:
    """Find what numbers the lines, and say so where it is unusual or has to be asked."""
    runs = headers.some(file, layout, lines.MOST)
    candidates = Candidates(runs, layout)
    x, y = _coordinate_bytes(candidates, overrides)
    bare = Numbering(x=x, y=y)
    if overrides.inline_byte and overrides.crossline_byte:
        return dataclasses.replace(
            bare, inline=overrides.inline_byte, crossline=overrides.crossline_byte,
            width=overrides.line_width or 4,
        )  # fmt: skip
    if overrides.lines_from in ("coordinates", "traces"):
        cdp = overrides.crossline_byte if overrides.lines_from == "traces" else None
        cdp = cdp or (lines.cdp(candidates) if overrides.lines_from == "traces" else None)
        return dataclasses.replace(bare, lines_from=overrides.lines_from, cdp=cdp)
    if overrides.line_width != 2:
        pair = lines.find(candidates, text.line_bytes(list(text_lines)))
        # One number in all traces of a grid is that of no line.
        if pair is not None and (pair.is_grid or _lattice(candidates, bare) is None):
            _tell_pair(pair, candidates, sorting, said)
            return dataclasses.replace(bare, inline=pair.inline, crossline=pair.crossline)
    if overrides.line_width != 4:
        narrow = Candidates(runs, layout, width=2)
        pair = _halves(file, layout, narrow)
        if pair is not None:
            _tell_halves(pair, narrow, sorting, said)
            return dataclasses.replace(bare, inline=pair.inline, crossline=pair.crossline, width=2)
    return _without_numbers(candidates, bare, said)


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


def _halves(file: RawFile, layout: Layout, narrow: Candidates) -> Pair | None:
    """Line numbers of two bytes that are no halves of a running number of four, such as a CDP
    above 65535; whether that runs on is seen in all traces alone.
    """
    words = narrow.words()
    if lines.halves(narrow) is None or not words:
        return lines.halves(narrow)
    columns = headers.columns(file, layout, words)
    return lines.halves(narrow, [byte for byte in words if lines.runs_on(columns[byte])])


def _coordinate_bytes(
    candidates: Candidates, overrides: Overrides
) -> tuple[int | None, int | None]:
    if overrides.x_byte and overrides.y_byte:
        return overrides.x_byte, overrides.y_byte
    for pair in _COORDINATES:
        if any(np.ptp(candidates.column(byte)) for byte in pair):
            return pair
    return None, None


def _tell_halves(pair: Pair, narrow: Candidates, sorting: int, said: Said) -> None:
    said.warnings.append(
        f"line numbers of two bytes each at {pair.inline} and {pair.crossline}: {pair.why} "
        f"({_options(pair.inline, pair.crossline, narrow)} to decide)"
    )
    _tell_pair(pair, narrow, sorting, said)


def _options(inline: int, crossline: int, candidates: Candidates) -> str:
    """How to say that the line numbers are there."""
    width = " --line-width 2" if candidates.width == 2 else ""
    return f"--inline-byte {inline} --crossline-byte {crossline}{width}"


def _tell_pair(pair: Pair, candidates: Candidates, sorting: int, said: Said) -> None:
    bytes_ = {pair.inline, pair.crossline}
    if bytes_ == _SHOTS and sorting != STACKED:
        said.questions.append(
            f"the only line numbers are those of bytes {pair.words()}, field record and trace in "
            "it, as shots before stacking have them; if they are lines, give "
            f"{_options(pair.inline, pair.crossline, candidates)}, and of a 2-D line --lines-from "
            "traces"
        )
    elif candidates.counted_along(pair.inline, pair.crossline) == pair.inline:
        said.notes.append(
            f"the traces are counted along the numbers at byte {pair.inline}, which may be the "
            f"crosslines: {_options(pair.crossline, pair.inline, candidates)} would read them so"
        )
    elif candidates.width == 4 and (pair.inline, pair.crossline) != (189, 193):
        said.notes.append(
            f"line numbers at bytes {pair.inline} and {pair.crossline}: {pair.why} (--inline-byte "
            "and --crossline-byte to decide)"
        )


def _without_numbers(candidates: Candidates, bare: Numbering, said: Said) -> Numbering:
    """A 2-D line, or traces whose coordinates alone make a grid, or neither."""
    found = _lattice(candidates, bare)
    if found is not None:
        shape = int(found.inlines.max()), int(found.crosslines.max())
        said.questions.append(
            f"no line numbers in the headers; the coordinates at {bare.x} and {bare.y} make a grid "
            f"of {shape[0]} x {shape[1]} bins of {found.bins[0]:.4g} x {found.bins[1]:.4g}: give "
            f"--lines-from coordinates to number them so, or {_bytes_of(found.bins, bare)}"
        )
        return dataclasses.replace(bare, lines_from="coordinates", decided=False)
    cdp = lines.cdp(candidates)
    x, y = _points(candidates, bare)
    path = x is not None and y is not None and coordinates.is_path(x, y)
    if path or cdp in (21, 193, 189):
        what = f"at byte {cdp}" if cdp else "by their order"
        said.notes.append(f"a 2-D line, its traces numbered {what}")
        return dataclasses.replace(bare, cdp=cdp, lines_from="traces")
    pairs = [pair.words() for pair in lines.others(candidates)[:_SHOWN]]
    could = f"; could be: {', '.join(pairs)}" if pairs else ""
    said.questions.append(
        f"no line numbers were found in the trace headers{could}; give --inline-byte and "
        "--crossline-byte, or --lines-from traces if it is one line"
    )
    return dataclasses.replace(bare, lines_from="traces", decided=False)


def _lattice(candidates: Candidates, bare: Numbering) -> Lattice | None:
    """The grid that the coordinates make of more than one line each way."""
    x, y = _points(candidates, bare)
    return None if x is None or y is None else coordinates.lattice(x, y, candidates.share)


def _bytes_of(bins: tuple[float, float], bare: Numbering) -> str:
    """Options for line numbers, which coordinates in steps of 1 may be themselves."""
    if np.allclose(bins, 1, atol=1e-6):
        return f"--inline-byte {bare.x} --crossline-byte {bare.y} if they are line numbers"
    return "--inline-byte and --crossline-byte"


def _points(candidates: Candidates, bare: Numbering) -> tuple[Points | None, Points | None]:
    if bare.x is None or bare.y is None:
        return None, None
    scalars = candidates.column(headers.SCALAR)
    x, y = (coordinates.scaled(candidates.column(byte), scalars) for byte in (bare.x, bare.y))
    return x, y
