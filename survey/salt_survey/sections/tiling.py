"""A section to tiles, and what is said of them back to a section.

A section is [samples, traces]. It is zoomed, cut into overlapping 101x101 tiles, and each tile's
grey values are stretched; answers are blended with a Hann window, which is nearly 0 where a tile
ends, and brought back to the section's own samples and traces.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator
from typing import NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from salt_infer.masks.decision import exceeds
from salt_infer.masks.rle import TILE_SHAPE
from salt_survey.sections.display import Display, Stretch, Zoom

Floats = npt.NDArray[np.float32]
Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
Pixels = TypeVar("Pixels", Grey, Mask)
Limits = tuple[np.floating, np.floating]
Window = tuple[int, int]  # first place and the one after the last
Place = tuple[slice, slice]  # rows and columns of a tile

SIDE = TILE_SHAPE[0]
WHITE = 255
_TOLD_BY = 10_000  # amplitudes, about so many, tell about what all of a section lie


def levels_above(threshold: float) -> Mask:
    """Which probabilities in 1/255 are above a threshold in 0..1: bool [256]."""
    return exceeds(np.arange(WHITE + 1, dtype=np.float32) / np.float32(WHITE), threshold)


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where the tiles of a section are.

    Attributes:
        shape: samples and traces.
        zoomed: rows and columns of the zoomed section.
        rows, columns: where tiles begin; the last end where the section does.
        shown: which of ``rows`` have tiles that the model is shown: all on which anything hangs in
            those samples that are asked for, which so get the values that they have in the whole.
    """

    shape: tuple[int, int]
    zoomed: tuple[int, int]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    shown: Window

    def __len__(self) -> int:
        """Tiles that the model is shown."""
        return len(self.numbers)

    @property
    def numbers(self) -> range:
        """Of the tiles that the model is shown, among all."""
        first, last = self.shown
        return range(first * len(self.columns), last * len(self.columns))

    @property
    def padded(self) -> tuple[int, int]:
        """Of the zoomed section, at least a tile."""
        rows, columns = self.zoomed
        return max(rows, SIDE), max(columns, SIDE)

    def places(self) -> Iterator[Place]:
        """Rows and columns of each tile in the padded section."""
        for row in self.rows:
            for column in self.columns:
                yield slice(row, row + SIDE), slice(column, column + SIDE)

    @functools.cached_property
    def weight(self) -> Floats:
        """Sum of the windows at each pixel of the padded section; nowhere 0."""
        total = np.zeros(self.padded, np.float32)
        for place in self.places():
            total[place] += window()
        return total


@functools.cache
def layout(
    samples: int, traces: int, zoom: Zoom, stride: int, window: Window | None = None
) -> Layout:
    """Lay tiles over a section, of which these samples are asked for; all of them if None."""
    zoomed = max(1, round(samples * zoom.vertical)), max(1, round(traces * zoom.horizontal))
    rows, columns = (_starts(size, stride) for size in zoomed)
    shown = _touching(rows, _reached(window or (0, samples), zoomed[0] / samples))
    return Layout((samples, traces), zoomed, rows, columns, shown)


def _reached(window: Window, scale: float) -> Window:
    """The zoomed rows of which samples are made, when they are brought back (bilinear)."""
    reach = max(1.0, scale)
    first, last = window
    return math.floor((first + 0.5) * scale - reach), math.ceil((last - 0.5) * scale + reach)


def _touching(rows: tuple[int, ...], reached: Window) -> Window:
    """Which tiles have one of these rows."""
    there = [at for at, row in enumerate(rows) if row < reached[1] and row + SIDE > reached[0]]
    return there[0], there[-1] + 1


def _starts(size: int, stride: int) -> tuple[int, ...]:
    last = max(0, size - SIDE)
    return tuple(min(start, last) for start in range(0, last + stride, stride))


@functools.cache
def window() -> Floats:
    """[101, 101]: Hann in both directions, above 0 at the edges too."""
    slope = np.hanning(SIDE + 2)[1:-1]
    return np.outer(slope, slope).astype(np.float32)


def quiet(section: Floats, recorded: Mask) -> Floats:
    """Have what was not recorded show no contrast: 0, or where amplitudes do not lie about 0, as
    those of unsigned formats do not, their median. As 0 it would be the blackest of every tile.

    Args:
        section: float32 [samples, traces], finite; 0 where nothing was recorded.
        recorded: bool, likewise.
    """
    values = section[recorded]
    if values.size in (0, section.size):
        return section
    low, middle, high = np.percentile(values[:: max(1, values.size // _TOLD_BY)], (1, 50, 99))
    return section if low <= 0 <= high else np.where(recorded, section, np.float32(middle))


def filled(section: Floats, live: Mask) -> Floats:
    """Give dead traces what lies on the line between the nearest live ones on both sides; beyond
    the outermost live trace, that one.

    Args:
        section: [samples, traces].
        live: bool [traces].
    """
    dead, left, right, share = _gaps(live)
    if not len(dead):
        return section
    whole = section.copy()
    whole[:, dead] = (1 - share) * section[:, left] + share * section[:, right]
    return whole


def filled_alike(values: Pixels, live: Mask) -> Pixels:
    """The same for what is not between two values: give dead traces that of the nearest live one.

    Args:
        values: uint8 or bool [samples, traces].
        live: bool [traces].
    """
    dead, left, right, share = _gaps(live)
    if not len(dead):
        return values
    whole = values.copy()
    whole[:, dead] = values[:, np.where(share < 0.5, left, right)]
    return whole


class _Gaps(NamedTuple):
    """Dead traces, and the live ones that fill them; none where no trace is dead, or all are.

    Attributes:
        dead: int64 [n], their places.
        left, right: likewise, the nearest live ones on both sides; beyond the outermost, that one.
        share: float32 [n] in 0..1, how far from left to right each is.
    """

    dead: Places
    left: Places
    right: Places
    share: Floats


def _gaps(live: Mask) -> _Gaps:
    there, dead = np.flatnonzero(live), np.flatnonzero(~live)
    if not len(there):
        dead = there
    after = np.searchsorted(there, dead)
    left = there[np.maximum(after - 1, 0)]
    right = there[np.minimum(after, len(there) - 1)]
    share = np.clip((dead - left) / np.maximum(right - left, 1), 0, 1).astype(np.float32)
    return _Gaps(dead, left, right, share)


def resized(values: Floats, shape: tuple[int, int], method: Image.Resampling) -> Floats:
    """Resample float32 [rows, columns] to another shape; what is made smaller is averaged."""
    if values.shape == shape:
        return values
    rows, columns = shape
    return np.asarray(Image.fromarray(values).resize((columns, rows), method))


@dataclasses.dataclass(frozen=True)
class Tiles:
    """The tiles of a section that the model is shown: those in which something was recorded.

    Attributes:
        layout: of all of them.
        numbers: int64 [N], which of the layout's these are.
        grey: uint8 [N, 101, 101].
    """

    layout: Layout
    numbers: npt.NDArray[np.int64]
    grey: Grey


@dataclasses.dataclass(frozen=True)
class Canvas:
    """A zoomed section, of which tiles are cut.

    Attributes:
        amplitude: float32 of the layout's padded shape.
        there: bool, likewise: something was recorded.
        limits: what becomes black and white in all tiles; None where each has its own.
    """

    amplitude: Floats
    there: Mask
    limits: Limits | None

    @classmethod
    def of(cls, section: Floats, recorded: Mask, place: Layout, stretch: Stretch) -> Self:
        """Zoom a section, and fill its dead traces.

        Args:
            section: float32 of the layout's shape, finite; 0 where nothing was recorded.
            recorded: bool, likewise.
            place: where tiles are.
            stretch: how amplitudes become grey values.
        """
        whole = filled(quiet(section, recorded), np.any(recorded, axis=0))
        there = resized(recorded.astype(np.float32), place.zoomed, Image.Resampling.BOX)
        return cls(
            padded(resized(whole, place.zoomed, Image.Resampling.BICUBIC), place.padded),
            padded(there, place.padded) > 0,
            _limits(whole, recorded, stretch) if recorded.any() else None,
        )

    def shows(self, where: Place) -> bool:
        """Whether a tile has a recorded sample, and more than one amplitude."""
        return bool(self.there[where].any() and np.ptp(self.amplitude[where]) > 0)

    def tile(self, where: Place) -> Grey:
        """Grey values of a tile, uint8 [101, 101]."""
        values = self.amplitude[where]
        return _stretched(values, self.limits or (values.min(), values.max()))


def blended(tiles: Tiles, probability: Floats) -> Floats:
    """Probabilities of a section from those of its tiles; 0 where there was no tile. Only those of
    the samples that the layout is for are whole.

    Args:
        tiles: what was cut.
        probability: float32 [N, 101, 101], of these tiles.

    Returns:
        float32 [samples, traces] in 0..1.
    """
    place = tiles.layout
    total = np.zeros(place.padded, np.float32)
    wheres = list(place.places())
    for number, each in zip(tiles.numbers, probability, strict=True):
        total[wheres[number]] += each * window()
    total /= place.weight
    rows, columns = place.zoomed
    inner = np.ascontiguousarray(total[:rows, :columns])
    return resized(inner, place.shape, Image.Resampling.BILINEAR)


def padded(values: Floats, shape: tuple[int, int]) -> Floats:
    """Grown to a shape, by reflection at the end."""
    if values.shape == shape:
        return values
    rows, columns = (wanted - have for wanted, have in zip(shape, values.shape, strict=True))
    return np.pad(values, ((0, rows), (0, columns)), "symmetric")


def _limits(section: Floats, recorded: Mask, stretch: Stretch) -> Limits | None:
    """What becomes black and white in all tiles of a section; None where each has its own."""
    if stretch.kind == "tile":
        return None
    low, high = np.percentile(section[recorded], [stretch.percent, 100 - stretch.percent])
    return low, high


def _stretched(tile: Floats, limits: Limits) -> Grey:
    """Amplitudes to grey values."""
    low, high = limits
    wide = np.maximum(high - low, np.finfo(np.float32).tiny)
    share = ((tile - low) / wide).clip(0, 1)
    return np.asarray(np.rint(share * WHITE), np.uint8)


def cut(section: Floats, recorded: Mask, display: Display, window: Window | None = None) -> Tiles:
    """All of the way from amplitudes to tiles. Tiles that show nothing are left out.

    Args:
        section: float32 [samples, traces], finite; 0 where nothing was recorded.
        recorded: bool, likewise.
        display: how; of both polarities these are the normal ones.
        window: samples that are asked for; all of them if None.
    """
    place = layout(*section.shape, display.zoom, display.stride, window)
    canvas, shown = Canvas.of(section, recorded, place, display.stretch), place.numbers
    wanted = [
        (number, where)
        for number, where in enumerate(place.places())
        if number in shown and canvas.shows(where)
    ]
    grey = np.empty((len(wanted), SIDE, SIDE), np.uint8)
    # One by one: of all tiles together, what lies between amplitude and grey is 16 times these.
    for tile, (_, where) in zip(grey, wanted, strict=True):
        tile[:] = canvas.tile(where)
    return Tiles(place, np.array([number for number, _ in wanted], np.int64), grey)
