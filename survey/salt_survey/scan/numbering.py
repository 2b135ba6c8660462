"""What numbers the lines of a file: bytes of its headers, its coordinates, or the order of its
traces.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from salt_survey.scan import coordinates
from salt_survey.scan.coordinates import Lattice, Positions
from salt_survey.scan.findings import Said
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
_CDP = (21, 193, 189)  # where the numbers of a 2-D line's traces are as a rule
_SHOWN = 3

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

    def covers(self, byte: int) -> bool:
        """A line number lies there, so that nothing else does."""
        lines_of = filter(None, (self.inline, self.crossline))
        return any(first <= byte + 1 and byte < first + self.width for first in lines_of)

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
        if pair is not None and (pair.is_grid or not _are_several(pair, candidates, bare)):
            if _lie_in_a_line(pair, candidates, bare):
                return _one_line(pair, candidates, bare, said)
            _tell_pair(pair, candidates, sorting, said)
            return dataclasses.replace(bare, inline=pair.inline, crossline=pair.crossline)
    if overrides.line_width != 4:
        narrow = Candidates(runs, layout, width=2)
        pair = _halves(file, layout, narrow)
        if pair is not None:
            _tell_halves(pair, narrow, sorting, said)
            return dataclasses.replace(bare, inline=pair.inline, crossline=pair.crossline, width=2)
    return _without_numbers(candidates, bare, said)


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


def _lie_in_a_line(pair: Pair, candidates: Candidates, bare: Numbering) -> bool:
    """A grid of any two numbers, as shotpoints and traces in them make, though the traces lie one
    behind the other.
    """
    points = _points(candidates, bare) if pair.is_guess else None
    return points is not None and coordinates.goes_on(*points)


def _one_line(pair: Pair, candidates: Candidates, bare: Numbering, said: Said) -> Numbering:
    """A 2-D line where its traces have CDP numbers, too, and a question where they have not."""
    cdp, points = lines.cdp(candidates), _points(candidates, bare) or ()
    # Along an axis, a running number may have been put in the coordinates' place.
    decided = cdp in _CDP and all(np.ptp(each) > 0 for each in points)
    other = _options(pair.inline, pair.crossline, candidates)
    if decided:
        said.notes.append(
            f"a 2-D line, its traces numbered at byte {cdp}: they lie one behind the other, so "
            f"that bytes {pair.words()} are no line numbers ({other} if they are)"
        )
    else:
        said.questions.append(
            f"the traces lie one behind the other, and the only line numbers are those of bytes "
            f"{pair.words()}: give --lines-from traces if it is one line, or {other}"
        )
    return dataclasses.replace(bare, cdp=cdp, lines_from="traces", decided=decided)


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
    points = _points(candidates, bare)
    if cdp in _CDP and points and coordinates.jumps_back(*points):
        said.questions.append(
            f"byte {cdp} numbers the traces from the first to the last, and their coordinates jump "
            "back, as those of several lines do: give --lines-from traces if it is one line, or "
            "--inline-byte and --crossline-byte"
        )
        return dataclasses.replace(bare, cdp=cdp, lines_from="traces", decided=False)
    if cdp in _CDP or (points and coordinates.is_path(*points)):
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


def _are_several(pair: Pair, candidates: Candidates, bare: Numbering) -> bool:
    """The coordinates are those of more than one line, whether or not they make a grid. Where
    places are taken again and again, as by gathers, jumping back tells nothing of lines.
    """
    points = _points(candidates, bare)
    if points and pair.single >= lines.SINGLE and coordinates.jumps_back(*points):
        return True
    return _lattice(candidates, bare) is not None


def _lattice(candidates: Candidates, bare: Numbering) -> Lattice | None:
    """The grid that the coordinates make of more than one line each way."""
    points = _points(candidates, bare)
    return coordinates.lattice(*points, candidates.share) if points else None


def _bytes_of(bins: tuple[float, float], bare: Numbering) -> str:
    """Options for line numbers, which coordinates in steps of 1 may be themselves."""
    if np.allclose(bins, 1, atol=1e-6):
        return f"--inline-byte {bare.x} --crossline-byte {bare.y} if they are line numbers"
    return "--inline-byte and --crossline-byte"


def _points(candidates: Candidates, bare: Numbering) -> tuple[Points, Points] | None:
    """x and y of the traces looked at; None where the headers have none."""
    if bare.x is None or bare.y is None:
        return None
    scalars = candidates.column(headers.SCALAR)
    x, y = (coordinates.scaled(candidates.column(byte), scalars) for byte in (bare.x, bare.y))
    return x, y
