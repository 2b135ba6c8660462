"""The part of a survey that is run (``--lines``, ``--times``)."""

from __future__ import annotations

import dataclasses
import re
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from salt_infer.errors import UsageError
from salt_survey.reading.survey import Survey
from salt_survey.scan.geometry import ranged
from salt_survey.sections import tiling
from salt_survey.sections.display import DIRECTIONS, Direction, Display
from salt_survey.sections.tiling import SIDE, Layout, Window

Sections = Literal["inline", "crossline", "both"]

_NUMBER = r"-?\d{1,9}(?:\.\d{1,6})?"
# Of an interval: what a time may be off by, as it is a sum of intervals that binary numbers round,
# and may come out of an axis of float32.
_ROUNDING = 0.01


class Range(NamedTuple):
    """``A:B``, both included; None where a side is open."""

    first: float | None
    last: float | None

    def __str__(self) -> str:
        return ":".join("" if side is None else f"{side:.15g}" for side in self)


def parse(text: str) -> Range:
    """``A:B``, ``A:`` or ``:B``; ``A`` alone is ``A:A``.

    Raises:
        UsageError: none of these, or empty.
    """
    if re.fullmatch(_NUMBER, text, re.ASCII):
        return Range(float(text), float(text))
    found = re.fullmatch(rf"({_NUMBER})?:({_NUMBER})?", text, re.ASCII)
    if not found:
        raise UsageError(f"the range is {text!r}, expected FIRST:LAST, as 300:350, or one number")
    first, last = (None if side is None else float(side) for side in found.groups())
    if first is not None and last is not None and first > last:
        raise UsageError(f"the range is {text!r}, expected the smaller number first")
    return Range(first, last)


@dataclasses.dataclass(frozen=True)
class Extent:
    """The part of a survey that is run, in places.

    Attributes:
        shape: inlines, crosslines and samples of the survey.
        inlines, crosslines, samples: the part; sections are whole, whatever part of the lines is
            run, so that one of the first two is all there are.
    """

    shape: tuple[int, int, int]
    inlines: Window
    crosslines: Window
    samples: Window

    @property
    def is_one_line(self) -> bool:
        return any(last - first == 1 for first, last in (self.inlines, self.crosslines))

    def lines(self, direction: Direction) -> Window:
        return self.inlines if direction == "inline" else self.crosslines

    def of_section(self, direction: Direction, place: int) -> tuple[slice, slice] | None:
        """Samples and traces of a section that are run; None where it is not."""
        lines, across = self.inlines, self.crosslines
        if direction == "crossline":
            lines, across = across, lines
        return (slice(*self.samples), slice(*across)) if lines[0] <= place < lines[1] else None

    def place(self, direction: Direction, display: Display) -> Layout:
        """Where the tiles of a section are."""
        traces = self.shape[1 if direction == "inline" else 0]
        zoom = display.zoom.along(direction)
        return tiling.layout(self.shape[2], traces, zoom, display.stride, self.samples)


def extent_of(
    survey: Survey, sections: Sections, lines: Range | None, times: Range | None
) -> Extent:
    """What is run of a survey.

    Args:
        survey: all of it.
        sections: of which direction.
        lines: numbers of its sections: of inlines, or of crosslines where those are run.
        times: of its samples, milliseconds (metres, of depth); a time that a sample has but for
            rounding is that sample's.

    Raises:
        UsageError: lines of both directions, or none is within.
    """
    if lines and sections == "both":
        raise UsageError("--lines are those of one direction; give --sections inline or crossline")
    _check_wide(survey, sections)
    inlines, crosslines = (0, len(survey.inlines)), (0, len(survey.crosslines))
    if lines and sections == "inline":
        inlines = _places(survey.inlines, lines, "inline")
    elif lines:
        crosslines = _places(survey.crosslines, lines, "crossline")
    samples = (0, len(survey.times_ms))
    if times:
        samples = _places(survey.times_ms, times, "time", _ROUNDING * survey.scan.interval_ms)
    shape = (len(survey.inlines), len(survey.crosslines), len(survey.times_ms))
    return Extent(shape, inlines, crosslines, samples)


def small_sections(extent: Extent, sections: Sections, display: Display) -> tuple[str, ...]:
    """What to warn of where sections are smaller than half a tile, a line for each direction: most
    of what the model is shown is then their mirror image, of which it has not learnt.
    """
    small = _small(extent, display)
    lines = []
    for direction in small:
        if sections in (direction, "both"):
            rows, columns = extent.place(direction, display).zoomed
            better = [f"; --sections {each} are not" for each in DIRECTIONS if each not in small]
            zoom = display.zoom.along(direction)
            lines.append(
                f"{direction} sections are {rows} x {columns} pixels at zoom {zoom}, less "
                f"than half of a tile of {SIDE} x {SIDE}: they are filled up with their mirror "
                f"image, in which salt may not be found{''.join(better)}"
            )
    return tuple(lines)


def halved(extent: Extent, sections: Sections, display: Display) -> str:
    """Why both directions may find no salt where one of them would; empty where it is not so."""
    small = _small(extent, display)
    if sections != "both" or len(small) != 1:
        return ""
    (other,) = (each for each in DIRECTIONS if each not in small)
    return (
        f"no salt was found: likely as the {small[0]} sections are small beside a tile, and where "
        f"nothing is found in them the mean of both is half of what {other} sections give; try "
        f"--sections {other}"
    )


def _small(extent: Extent, display: Display) -> list[Direction]:
    """The directions whose sections are smaller than half a tile."""
    return [each for each in DIRECTIONS if 2 * min(extent.place(each, display).zoomed) < SIDE]


def beyond(survey: Survey, sections: Sections, lines: Range | None) -> str:
    """What to say of lines that were asked for and are not all within the survey's; else empty."""
    if lines is None:
        return ""
    numbers = survey.crosslines if sections == "crossline" else survey.inlines
    first, last = (numbers[0] if lines.first is None else lines.first,
                   numbers[-1] if lines.last is None else lines.last)  # fmt: skip
    if first >= numbers[0] and last <= numbers[-1]:
        return ""
    return f"--lines {lines} reaches beyond the survey, which has {sections}s {ranged(numbers)}"


def _check_wide(survey: Survey, sections: Sections) -> None:
    """A section needs two traces at least."""
    for direction, traces in (("inline", survey.crosslines), ("crossline", survey.inlines)):
        if len(traces) < 2 and sections in (direction, "both"):
            other = "inline" if direction == "crossline" else "crossline"
            raise UsageError(
                f"{direction} sections of {survey.path} have one trace each; give "
                f"--sections {other}"
            )


def _places(
    values: npt.NDArray[np.int64] | npt.NDArray[np.floating],
    wanted: Range,
    what: str,
    rounding: float = 0.0,
) -> Window:
    first, last = 0, len(values)
    if wanted.first is not None:
        first = int(np.searchsorted(values, wanted.first - rounding))
    if wanted.last is not None:
        last = int(np.searchsorted(values, wanted.last + rounding, side="right"))
    if first >= last:
        raise UsageError(f"no {what} is within {wanted}; the survey has {ranged(values)}")
    return first, last
