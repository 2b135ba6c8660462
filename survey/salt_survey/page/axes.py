"""Numbers along the sides of a picture, in HTML and CSS alone: a picture may be any width."""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

_STEPS = (1.0, 2.0, 5.0, 10.0)  # times a power of ten

STYLE = """
.plot { padding: .6rem .6rem 2.3rem 3.2rem; font-size: .75rem; line-height: 1; }
.area { position: relative; width: fit-content; max-width: 100%; }
.sheet .area, .wide .area { width: auto; }
.area span { position: absolute; white-space: nowrap; }
.down { right: 100%; transform: translateY(-50%); }
.down::after { content: ""; display: inline-block; vertical-align: middle; width: .35rem;
  margin-left: .2rem; border-top: 1px solid var(--faint); }
.across { top: 100%; transform: translateX(-50%); text-align: center; }
.across::before { content: ""; display: block; height: .35rem; width: 0; margin: 0 auto .15rem;
  border-left: 1px solid var(--faint); }
.unit { right: calc(100% + .6rem); top: calc(100% + 1.5rem); opacity: .75; }
.title { left: 0; right: 0; top: calc(100% + 1.5rem); text-align: center; opacity: .75; }
"""


@dataclasses.dataclass(frozen=True)
class Axis:
    """One side of a picture.

    Attributes:
        name: what the numbers are, such as ``crossline`` or ``ms``.
        numbers: [n], rising: of the rows or columns that the picture is made of.
        most: ticks, about.
    """

    name: str
    numbers: npt.NDArray[np.floating] | npt.NDArray[np.int64]
    most: int = 6

    def ticks(self) -> list[tuple[str, float]]:
        """Round numbers within the axis, or all of a few, and where the middle of their row or
        column is, as a share of the side, 0..1.
        """
        count = len(self.numbers)
        values = self.numbers.tolist() if count <= self.most else self._round()
        places = np.interp(np.array(values), self.numbers, np.arange(count))
        return [
            (f"{value:.10g}", (float(place) + 0.5) / count)
            for value, place in zip(values, places, strict=True)
        ]

    def _round(self) -> list[float]:
        first, last = float(self.numbers[0]), float(self.numbers[-1])
        step = _step((last - first) / self.most, self.numbers.dtype.kind == "i")
        return [at * step for at in range(math.ceil(first / step), math.floor(last / step) + 1)]


def _step(least: float, whole: bool) -> float:
    """The smallest round step that is no smaller; of whole numbers 1 at least."""
    least = max(least, 1.0 if whole else 1e-6)
    power = 10.0 ** math.floor(math.log10(least))
    return next(each * power for each in _STEPS if each * power >= least * (1 - 1e-9))


def framed(picture: str, down: Axis, across: Axis) -> str:
    """A picture, HTML, with the numbers of its rows and columns beside it."""
    marks = "".join([*_marks(down, "down", "top"), *_marks(across, "across", "left")])
    names = (
        f'<span class="unit">{html.escape(down.name)}</span>'
        f'<span class="title">{html.escape(across.name)}</span>'
    )
    return f'<div class="plot"><div class="area">{picture}{marks}{names}</div></div>'


def _marks(axis: Axis, kind: str, side: str) -> Iterator[str]:
    for number, share in axis.ticks():
        yield f'<span class="{kind}" style="{side}:{100 * share:.2f}%">{number}</span>'
