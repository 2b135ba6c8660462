"""Which line a label is of, as it is written: ``LINE=FILE.png``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from salt_infer.errors import UsageError


class Label(NamedTuple):
    """``LINE=FILE.png``.

    Attributes:
        direction: of the line.
        number: of the line.
        path: of the PNG.
    """

    direction: Literal["inline", "crossline"]
    number: int
    path: Path

    @property
    def name(self) -> str:
        """The line, as it is written."""
        return f"{'x' if self.direction == 'crossline' else ''}{self.number}"

    @property
    def other(self) -> str:
        """The line of the other direction with this number, as it would be written."""
        return f"{'' if self.direction == 'crossline' else 'x'}{self.number}"


def parse(text: str) -> Label:
    """``362=label.png``, or ``x700=label.png`` of a crossline.

    Raises:
        UsageError: neither.
    """
    line, _, path = text.partition("=")
    found = re.fullmatch(r"(x?)(-?\d{1,9})", line, re.ASCII)
    if not found or not path:
        raise UsageError(
            f"the label is {text!r}, expected LINE=FILE.png with an inline's number, or x and a "
            "crossline's, as 362=salt.png or x700=salt.png"
        )
    return Label("crossline" if found[1] else "inline", int(found[2]), Path(path))


def check_each_once(labels: Iterable[Label]) -> None:
    """Refuse a line with two labels: it would count twice, and one of them may be a slip.

    Raises:
        UsageError: a line is named more than once.
    """
    for name, count in Counter(label.name for label in labels).items():
        if count > 1:
            raise UsageError(f"line {name} has {count} labels, expected one; give the right one")
