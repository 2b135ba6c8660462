"""Whether coordinates are numbers, places on earth, and lengths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from salt_survey.scan.coordinates import Positions
from salt_survey.scan.findings import Said
from salt_survey.scan.trace_pieces import pieces

_EARTH = 1.5e8  # no coordinate is larger: more than the earth's circumference in feet
_FLOATS = 1.0, 1e8  # numbers that coordinates have, where they are written as floats
# Units of byte 89 that are angles: name, and the most there can be.
_ANGLES = {
    2: ("seconds of arc", 1_296_000.0),
    3: ("degrees", 360.0),
    4: ("degrees, minutes and seconds", 3_600_000.0),
}


def are_numbers(positions: Positions, where: str, said: Said) -> bool:
    """Whether these are integers, as the standard has it, and no floating-point numbers; a warning
    of those, and a note where no place on earth has such coordinates.

    Args:
        positions: of all traces.
        where: their bytes.
        said: gets what there is to say.
    """
    largest = _largest(positions)
    if largest <= _EARTH:
        return True
    if all(_are_floats(each) for each in (positions.x, positions.y)):
        said.warnings.append(
            f"the coordinates at bytes {where} seem to be floating-point numbers, expected "
            "integers; none are taken (--x-byte and --y-byte to decide)"
        )
        return False
    said.notes.append(
        f"coordinates of {largest:.6g}, which no place on earth has; the coordinate scalar may be "
        "wrong"
    )
    return True


def _largest(positions: Positions) -> float:
    return max(float(np.abs(positions.at(part)).max()) for part in pieces(len(positions.x)))


def _are_floats(words: npt.NDArray[np.signedinteger]) -> bool:
    """But for zeros, which are the same in both."""
    sizes = np.abs(words[words != 0].astype(np.int32).view(np.float32))
    return bool(len(sizes) and np.all((sizes >= _FLOATS[0]) & (sizes <= _FLOATS[1])))


def are_lengths(positions: Positions, units: int, said: Said) -> bool:
    """Whether coordinates are lengths and no angles; a note where the headers say other units.

    Args:
        positions: of all traces.
        units: their code, as the first trace has it.
        said: gets the note.
    """
    if units not in _ANGLES:
        return True
    name, most = _ANGLES[units]
    largest = _largest(positions)
    if largest > most:
        said.notes.append(
            f"the headers say that coordinates are {name}, which are {most:g} at most, and there "
            f"are some of {largest:.6g}; they are taken for lengths"
        )
        return True
    said.notes.append(
        f"coordinates are {name}, and stay so in corners and horizons; the size of bins is not "
        "known"
    )
    return False
