"""What a SEG-Y file of probabilities says of itself in its text header."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

_WIDTH = 75  # of a line, after its number
_SHOWN = ("zoom", "polarity", "stretch", "stride", "sections", "threshold", "lines", "times")


def lines(name: str, settings: Mapping[str, Any]) -> list[str]:
    """Lines for the text header.

    Args:
        name: of the volume.
        settings: of the run, as its report and its Zarr have them.
    """
    what = f"salt-survey: {name} of salt 0..1"
    used = ", ".join(f"{each} {settings[each]}" for each in _SHOWN if each in settings)
    origin = str(settings.get("calibration", ""))
    # What cannot be printed has no place in a text header, wherever the Zarr comes from.
    told = [ascii(each)[1:-1] for each in (what, used, origin) if each]
    return [line for each in told for line in textwrap.wrap(each, _WIDTH)]
