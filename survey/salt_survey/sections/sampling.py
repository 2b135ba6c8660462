"""How finely a survey is sampled, beside the one on which zooms were tried.

A zoom is in pixels for each sample and trace. What suits some rock is a pixel of so many
milliseconds and metres, so that a survey that is sampled twice as finely needs half the zoom.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Self

from salt_survey.scan.record import Lines, Scan
from salt_survey.sections.display import LEAST_ZOOM, MOST_ZOOM, Display, Zoom

INTERVAL_MS, SPACING_M = 4.0, 25.0  # of F3's samples and traces
_NEAR = 1.1  # times as much or as little is the same: zooms that do as well differ by more
# Beyond, it is hardly what it seems: 82.5 and 110 are bins in feet of which the headers do not say
# that; fine sampling has no such double.
_LEAST, _MOST = 0.15, 3.2
_DIGITS = 4


@dataclasses.dataclass(frozen=True)
class Sampling:
    """Distances in a survey over those in F3; 1 where they are about as large, or not known.

    Attributes:
        sample: from sample to sample.
        trace: from trace to trace of an inline; of a 2-D line, along it.
        across: from trace to trace of a crossline, over that of an inline.
        words: the distances that differ, or are hardly meant, for people; empty if none does.
        crossline: from trace to trace of a crossline, where ``trace`` is hardly meant and this is;
            else None.
    """

    sample: float = 1.0
    trace: float = 1.0
    across: float = 1.0
    words: str = ""
    crossline: float | None = None

    @classmethod
    def of(cls, scan: Scan) -> Self:
        """What a scan knows of it: the interval, and of coordinates the size of bins."""
        down, along = _spacings(scan)
        lone = along or down  # a crossline alone has the distance of its traces
        sample, trace = _share(scan.interval_ms, INTERVAL_MS), _share(lone, SPACING_M)
        across = _ratio(down, along)
        said = [
            *_words(f"samples every {scan.interval_ms:g} ms", scan.interval_ms, INTERVAL_MS, "ms"),
            *_words(f"traces {lone:.4g} m apart", lone, SPACING_M, "m"),
        ]
        alone = along and not _is_plausible(along, SPACING_M) and _is_plausible(down, SPACING_M)
        crossline = _share(down, SPACING_M) if alone else None
        said += [f"inlines {down:.4g} m apart"] if across != 1 or crossline else []
        return cls(sample, trace, across, " and ".join(said), crossline)

    def display(self, usual: Display) -> Display:
        """What is to this survey as a display is to F3: a pixel is as many milliseconds and
        metres.
        """
        horizontal = _bounded(usual.zoom.horizontal * self.trace)
        zoom = Zoom(_bounded(usual.zoom.vertical * self.sample), horizontal)
        if self.crossline is not None:
            crossline = _bounded(usual.zoom.horizontal * self.crossline)
            zoom = dataclasses.replace(zoom, crossline=crossline)
        return self.with_crosslines(dataclasses.replace(usual, zoom=zoom))

    def with_crosslines(self, display: Display) -> Display:
        """With a zoom for crosslines, unless it says one: a pixel of theirs is as wide as one of an
        inline, where bins are not square.
        """
        zoom = display.zoom
        if zoom.crossline is not None or self.across == 1:
            return display
        crossline = _bounded(zoom.horizontal * self.across)
        return dataclasses.replace(display, zoom=dataclasses.replace(zoom, crossline=crossline))


def _spacings(scan: Scan) -> tuple[float, float]:
    """Metres from inline to inline, and from crossline to crossline; 0 where that is not known."""
    if scan.bin_m is None:
        return 0.0, 0.0
    down, along = scan.bin_m
    return down * _step(scan.inlines), along * _step(scan.cdp or scan.crosslines)


def _step(lines: Lines | None) -> int:
    return lines[2] if lines else 1


def _is_plausible(distance: float, usual: float) -> bool:
    return _LEAST <= distance / usual <= _MOST


def _words(words: str, distance: float, usual: float, unit: str) -> Iterator[str]:
    """Of a distance that differs; what one that is hardly meant is taken for."""
    if distance and not _is_plausible(distance, usual):
        yield f"{words} (implausible: as for {usual:g} {unit})"
    elif _share(distance, usual) != 1:
        yield words


def _share(distance: float, usual: float) -> float:
    """How many times as large a distance is; 1 where it is about as large, or hardly meant."""
    return _or_same(distance / usual) if _is_plausible(distance, usual) else 1.0


def _ratio(down: float, along: float) -> float:
    """From inline to inline over from crossline to crossline, which feet do not change; 1 where
    these are about the same, or hardly meant.
    """
    if min(down, along) < _LEAST * SPACING_M:  # degrees, or not known
        return 1.0
    plausible = max(down, along) <= _MOST * SPACING_M
    ratio = down / along
    return _or_same(ratio) if plausible or _LEAST <= ratio <= 1 / _LEAST else 1.0


def _or_same(share: float) -> float:
    return share if max(share, 1 / share) > _NEAR else 1.0


def _bounded(value: float) -> float:
    """Rounded, and within what a zoom may be."""
    digits = _DIGITS - 1 - math.floor(math.log10(value))
    return min(max(round(value, digits), LEAST_ZOOM), MOST_ZOOM)
