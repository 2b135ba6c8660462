"""How a model is shown a survey: zoom, polarity, stretch and stride, as they are written and read.

The network learnt from 101x101 tiles of one basin. Another survey's reflectors are thicker or
thinner on its pixels, and may have the other sign; what decides is the zoom.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self, cast, get_args

import numpy as np

from salt_infer.errors import UsageError
from salt_infer.masks.rle import TILE_SHAPE

Direction = Literal["inline", "crossline"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
Polarity = Literal["normal", "reversed", "both"]
POLARITIES: tuple[str, ...] = get_args(Polarity)

LEAST_ZOOM, MOST_ZOOM = 0.05, 20.0
MOST_CLIP = 25.0  # per cent at each end
STRIDES = (1, max(TILE_SHAPE))


@dataclasses.dataclass(frozen=True)
class Zoom:
    """Pixels of a tile for each sample, and for each trace.

    Attributes:
        vertical: along a trace.
        horizontal: from trace to trace.
        crossline: from trace to trace of a crossline; None: as of an inline.
    """

    vertical: float
    horizontal: float
    crossline: float | None = None

    def __post_init__(self) -> None:
        for value in self._numbers():
            if not LEAST_ZOOM <= value <= MOST_ZOOM:  # false of NaN
                raise UsageError(
                    f"the zoom is {self}, expected vertical/horizontal, each within "
                    f"{LEAST_ZOOM:g} to {MOST_ZOOM:g}"
                )

    def _numbers(self) -> Iterator[float]:
        yield from (self.vertical, self.horizontal)
        if self.crossline is not None:
            yield self.crossline

    def __str__(self) -> str:
        """Reads back as the same zoom: two that differ are two settings of a run."""
        return "/".join(map(_exact, self._numbers()))

    @classmethod
    def parse(cls, text: str) -> Self:
        """``V/H``, one number for both, or ``V/H/X`` with crosslines' own.

        Raises:
            UsageError: none of these.
        """
        try:
            numbers = [float(part) for part in text.split("/", 2)]
        except (ValueError, AttributeError, TypeError) as error:  # of what is no text
            raise UsageError(
                f"the zoom is {text!r}, expected vertical/horizontal, as 1.25/0.5, one number for "
                "both, or a third for crosslines, as 1.25/0.5/1"
            ) from error
        return cls(*(numbers if len(numbers) > 1 else 2 * numbers))

    def along(self, direction: Direction) -> Zoom:
        """Of the sections of one direction."""
        across = self.horizontal if self.crossline is None else self.crossline
        return Zoom(self.vertical, self.horizontal if direction == "inline" else across)

    def far_from(self, other: Zoom) -> float:
        """Distance of two zooms: of 1, one of them is 2.7 times the other."""
        ratios = self.vertical / other.vertical, self.horizontal / other.horizontal
        return math.hypot(*map(math.log, ratios))


@dataclasses.dataclass(frozen=True)
class Stretch:
    """Amplitudes to grey values.

    Attributes:
        kind: ``tile``: the least and greatest of each tile become black and white; ``section``:
            those of the section; ``clip``: ``percent`` of the section's are cut off at each end.
        percent: 0 unless clipped.
    """

    kind: Literal["tile", "section", "clip"]
    percent: float = 0.0

    def __str__(self) -> str:
        """Reads back as the same stretch."""
        return f"{_exact(self.percent)}%" if self.kind == "clip" else self.kind

    @classmethod
    def parse(cls, text: str) -> Self:
        """``tile``, ``section`` or ``P%``.

        Raises:
            UsageError: another.
        """
        if text in ("tile", "section"):
            return cls(cast(Literal["tile", "section"], text))
        found = re.fullmatch(r"(\d{1,2}(?:\.\d{1,6})?|\.\d{1,6})%", text, re.ASCII)
        if not found or not 0 < float(found[1]) <= MOST_CLIP:
            raise UsageError(
                f"the stretch is {text!r}, expected tile, section, or the per cent to clip at "
                f"each end, up to {MOST_CLIP:g}%, as 1%"
            )
        return cls("clip", float(found[1]))


@dataclasses.dataclass(frozen=True)
class Display:
    """How sections are displayed to the model, as tiles.

    Attributes:
        zoom: see :class:`Zoom`.
        polarity: ``reversed`` shows black as white; ``both`` shows both, and the answers' mean is
            taken.
        stretch: see :class:`Stretch`.
        stride: pixels from one tile to the next; of 101 they do not overlap.
    """

    zoom: Zoom = Zoom(1.25, 0.5)
    polarity: Polarity = "both"
    stretch: Stretch = Stretch("tile")
    stride: int = 50

    def __post_init__(self) -> None:
        if not STRIDES[0] <= self.stride <= STRIDES[1]:
            raise UsageError(f"the stride is {self.stride}, expected 1 to 101 pixels")
        if self.polarity not in POLARITIES:
            raise UsageError(
                f"the polarity is {self.polarity!r}, expected one of {', '.join(POLARITIES)}"
            )

    def __str__(self) -> str:
        return (
            f"zoom {self.zoom}, polarity {self.polarity}, stretch {self.stretch}, "
            f"stride {self.stride}"
        )

    def along(self, direction: Direction) -> Display:
        """For sections of one direction."""
        return dataclasses.replace(self, zoom=self.zoom.along(direction))

    def to_dict(self) -> dict[str, Any]:
        """For JSON; :meth:`from_dict` reads it."""
        return {
            "zoom": str(self.zoom),
            "polarity": self.polarity,
            "stretch": str(self.stretch),
            "stride": self.stride,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """What :meth:`to_dict` gave; a part that is not there is the default.

        Raises:
            UsageError: a part that is no such thing.
        """
        stride = value.get("stride", cls.stride)
        if type(stride) is not int:
            raise UsageError(f"the stride is {stride!r}, expected a whole number")
        return cls(
            Zoom.parse(str(value.get("zoom", cls.zoom))),
            value.get("polarity", cls.polarity),
            Stretch.parse(str(value.get("stretch", cls.stretch))),
            stride,
        )


def _exact(value: float) -> str:
    """The shortest decimals that read back as the same number: 1.25, 2 and not 2.0."""
    return np.format_float_positional(value, trim="-")
