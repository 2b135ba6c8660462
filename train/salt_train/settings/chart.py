"""A line of numbers as a picture in the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

WIDTH, HEIGHT = 100, 12
_EIGHTHS = " ▁▂▃▄▅▆▇█"


def columns(values: Sequence[float], width: int = WIDTH, height: int = HEIGHT) -> list[str]:
    """Bars from 0 to the largest value, ``height`` lines of them, the top one first.

    Args:
        values: positive numbers; of more than ``width``, a bar is the largest of several.
        width: characters.
        height: lines.
    """
    bars = _peaks(values, width)
    top = max(bars) or 1.0
    eighths = [round(bar / top * height * 8) for bar in bars]
    lines = []
    for row in reversed(range(height)):
        label = f"{top * (row + 1) / height:9.2e} " if row in (height - 1, height // 2 - 1) else ""
        cells = (_EIGHTHS[min(8, max(0, count - 8 * row))] for count in eighths)
        lines.append(f"{label:>10}│{''.join(cells)}".rstrip())
    return [*lines, " " * 10 + "└" + "─" * len(bars)]


def _peaks(values: Sequence[float], width: int) -> list[float]:
    each = math.ceil(len(values) / width)
    return [max(values[start : start + each]) for start in range(0, len(values), each)]
