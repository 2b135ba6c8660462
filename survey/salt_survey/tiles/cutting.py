"""Tiles at random places of an interpreted line, half of them with salt.

Random places, because a line is a few dozen tiles side by side. Half, because of those most are
without salt: a judge that learns from them as they come learns that salt is rare, and a survey's
next line is then found with probabilities below any threshold.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
from PIL import Image

from salt_survey.calibration.scoring import SALT, UNKNOWN
from salt_survey.sections import tiling
from salt_survey.sections.display import Display
from salt_survey.sections.reader import Recorded
from salt_survey.sections.tiling import SIDE, WHITE, Canvas, Floats, Grey, Layout, Mask

_LEAST = SIDE  # pixels of salt in a tile of those with salt: a hundredth
_DIGITS = 5  # of places in names

Counts = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Cut:
    """A tile of a line.

    Attributes:
        row, column: of its first pixel in the zoomed line.
        reversed: black is shown as white.
        grey: uint8 [101, 101].
        mask: uint8 [101, 101], 0 or 1.
        unknown: uint8 [101, 101], 1 where nothing is known; the mask is 0 there.
    """

    row: int
    column: int
    reversed: bool
    grey: Grey
    mask: Grey
    unknown: Grey

    @property
    def name(self) -> str:
        """Its place, for a file's name."""
        way = "r" if self.reversed else "n"
        return f"{self.row:0{_DIGITS}d}-{self.column:0{_DIGITS}d}{way}"


def cut(
    recorded: Recorded,
    label: Grey,
    display: Display,
    count: int,
    rng: np.random.Generator,
    most_unknown: float = 0.0,
) -> list[Cut]:
    """Cut tiles, those without salt where all of their pixels are known.

    Args:
        recorded: a line's amplitudes.
        label: uint8 [samples, traces], 0 no salt, 128 unknown, 255 salt; what was not recorded is
            none, but dead traces, which are filled, are as their neighbours.
        display: how the line is shown; of both polarities each tile has one.
        count: tiles, at most; there are fewer where the line has not so many places.
        rng: chooses places and polarities.
        most_unknown: share of a tile with salt that may be unknown, 0..1.

    Returns:
        In the order of their places; half of them have salt, if there are so many.
    """
    along, live = display.along(recorded.section.direction), np.any(recorded.there, axis=0)
    label, there = tiling.filled_alike(label, live), tiling.filled_alike(recorded.there, live)
    place = tiling.layout(*recorded.amplitude.shape, along.zoom, along.stride)
    canvas = Canvas.of(recorded.amplitude, recorded.there, place, along.stretch)
    unknown = _zoomed((label == UNKNOWN) & there, place, least=0.0)
    salt = _zoomed(label == SALT, place) & ~unknown
    shown, counts = _within(canvas.there) > 0, _within(unknown)
    with_salt, without = shown & (counts <= most_unknown * SIDE**2), shown & (counts == 0)
    found = []
    for row, column in _places(salt, with_salt, without, count, rng):
        where = slice(row, row + SIDE), slice(column, column + SIDE)
        turned = along.polarity == "reversed" or (along.polarity == "both" and rng.random() < 0.5)
        if canvas.shows(where):
            grey = canvas.tile(where)
            grey = WHITE - grey if turned else grey
            labels = (pixels[where].astype(np.uint8) for pixels in (salt, unknown))
            found.append(Cut(row, column, turned, grey, *labels))
    return found


def _zoomed(pixels: Mask, place: Layout, least: float = 0.5) -> Mask:
    """Where more than this share of a pixel of the padded, zoomed line is one of these."""
    shares: Floats = pixels.astype(np.float32)
    small = tiling.resized(shares, place.zoomed, Image.Resampling.BILINEAR)
    return tiling.padded(small, place.padded) > least


def _places(
    salt: Mask, with_salt: Mask, without: Mask, count: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Rows and columns at which tiles begin, in order, of those that may be shown: with salt, and
    without.
    """
    pixels = _within(salt)
    chosen: list[int] = []
    for of_these in (with_salt & (pixels >= _LEAST), without & (pixels == 0)):
        there = np.flatnonzero(of_these)
        some = rng.choice(there, min(count // 2, len(there)), replace=False)
        chosen += map(int, some)
    columns = pixels.shape[1]
    return [divmod(at, columns) for at in sorted(chosen)]


def _within(pixels: Mask) -> Counts:
    """How many pixels of a tile that begins at each place are of these."""
    total = np.zeros((pixels.shape[0] + 1, pixels.shape[1] + 1), np.int64)
    total[1:, 1:] = pixels.cumsum(0, dtype=np.int64).cumsum(1)
    rows = total[SIDE:] - total[:-SIDE]
    return np.asarray(rows[:, SIDE:] - rows[:, :-SIDE])
