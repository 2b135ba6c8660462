"""Whether coordinates are numbers, places on earth, and lengths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from salt_survey.scan.coordinates import Positions
from salt_survey.scan.findings import Said
from salt_survey.scan.trace_pieces import pieces

_EARTH = 1.5e8  # no coordinate is larger: more than the earth's circumference in feet
_FLOATS = 1.0, 1e8  # numbers that coordinates have, where they are written as floats
# Words that may be floats are, if as integers they are beyond all grids of maps or trace lies on
# trace: a scalar of -10 to -1000 hides the one or the other.
_GRIDS = 1.0e7
_LEAST_STEP, _LOOKS = 1.0, 1 << 12
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
    if _are_floats(positions) and (largest > _GRIDS or _step(positions) < _LEAST_STEP):
        said.warnings.append(
            f"the coordinates at bytes {where} seem to be floating-point numbers, expected "
            "integers; none are taken (--x-byte and --y-byte to decide)"
        )
        return False
    if largest > _EARTH:
        said.notes.append(
            f"coordinates of {largest:.6g}, which no place on earth has; the coordinate scalar may "
            "be wrong"
        )
    return True


def _largest(positions: Positions) -> float:
    return max(float(np.abs(positions.at(part)).max()) for part in pieces(len(positions.x)))


def _are_floats(positions: Positions) -> bool:
    """Whether all words, but for zeros, which are the same in both, make such floating-point
    numbers as coordinates are. So do integers of about a thousand million.
    """
    return all(
        words.any() and all(_may_be_floats(words[part]) for part in pieces(len(words)))
        for words in (positions.x, positions.y)
    )


def _may_be_floats(words: npt.NDArray[np.signedinteger]) -> bool:
    sizes = np.abs(words[words != 0].astype(np.int32).view(np.float32))
    return bool(np.all((sizes >= _FLOATS[0]) & (sizes <= _FLOATS[1])))


def _step(positions: Positions) -> float:
    """From one trace to the next, the median of some; infinite where none is elsewhere."""
    points = positions.at(slice(0, _LOOKS))
    steps = np.hypot(*np.diff(points, axis=0).T)
    return float(np.median(steps[steps > 0])) if steps.any() else np.inf


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
