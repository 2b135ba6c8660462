"""Where a lone line lies, which may bend: its ends, and the distance of its traces."""

from __future__ import annotations

import numpy as np

from salt_survey.scan.coordinates import Points

_CHORD = 24  # traces: stations of 2, 3, 4, 6, 8 or 12 traces fill it, and decimals matter less
_DETOUR = 2  # times a line's length, within which its traces are


class LoneLine:
    """Coordinates along it; those that are wrong have no say.

    Attributes:
        stride: distance of its traces for a place more.
        far: traces that lie where the line cannot be.
    """

    def __init__(self, known: Points, points: Points) -> None:
        """``known``: places, [n, 3], rising; ``points``: coordinates, [n, 2]."""
        places_ = known[:, :2].sum(axis=1)
        self.stride = _stride(places_, points)
        longest = _DETOUR * self.stride * (np.ptp(places_) + 1)
        near = np.linalg.norm(points - np.median(points, axis=0), axis=1) <= longest
        self.far = int(np.count_nonzero(~near))
        self._places, self._points = places_[near], points[near]

    def there(self, place: int) -> Points:
        """x and y of the trace that is there, or nearest to that."""
        return np.asarray(self._points[np.argmin(np.abs(self._places - place))])


def _stride(at: Points, points: Points) -> float:
    """The median of chords, and the mean of all steps where that is nothing, as where most traces
    share their coordinates.
    """
    chord = max(1, min(_CHORD, len(at) // 2))
    lengths = np.linalg.norm(points[chord:] - points[:-chord], axis=1)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    return float(np.median(lengths / (at[chord:] - at[:-chord]))) or float(steps.sum() / np.ptp(at))
