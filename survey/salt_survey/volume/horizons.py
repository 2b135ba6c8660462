"""Top and base of salt as text that interpretation programs load: ``top.txt`` and ``base.txt``.

A line for each trace with salt: inline, crossline, x, y, time. A first sample of salt is where the
probability crosses the threshold, interpolated between two samples. Where nothing was recorded, or
run, just before the first salt or after the last, nobody has seen its top or base: that file has no
line.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer.masks.decision import exceeds
from salt_survey.reading.survey import Survey
from salt_survey.sections.tiling import Floats, Window
from salt_survey.volume.crossings import crossings, goes_on
from salt_survey.volume.store import CHUNK, Store
from salt_survey.volume.trace_lookup import Traces

FILES = ("top.txt", "base.txt")


@dataclasses.dataclass(frozen=True)
class Surface:
    """What was written of top or base.

    Attributes:
        file: its name.
        traces: with salt that have a line.
        unseen: with salt that have none.
    """

    file: str
    traces: int
    unseen: int

    def doubt(self, times: str) -> str | None:
        """What to warn of, in a line: traces without one. ``times`` are those that were run, as
        settings have them.
        """
        if not self.unseen:
            return None
        side = "above" if self.file == FILES[0] else "below"
        ran = "" if times == "all" else ", or run,"
        return (
            f"{self.file} has no line for {self.unseen} traces in which nothing was recorded{ran} "
            f"just {side} the salt"
        )


def write(
    folder: Path, store: Store, survey: Survey, samples: Window, threshold: float
) -> tuple[Surface, ...]:
    """Write both files into a folder.

    Args:
        folder: of them.
        store: what was found.
        survey: what it lies on; some of it is read where salt may go on to the end of a trace.
        samples: that were run.
        threshold: salt is above it.

    Returns:
        top and base.

    Raises:
        OSError: the disk is full.
        SurveyError: the survey cannot be read any more.
    """
    numbers, times_ms = store.array("crossline"), store.array("time_ms")
    traces, columns = Traces(store), np.arange(len(numbers))
    written, unseen, digits = [0, 0], [0, 0], survey.decimals
    with open(folder / FILES[0], "x") as top, open(folder / FILES[1], "x") as base:
        for place, inline, points in _lines(store):
            salt = traces(np.full(len(columns), place), columns)
            found = crossings(salt, times_ms, threshold)
            recorded = _recorded(survey, place, salt, samples, threshold)
            for at, (file, surface) in enumerate(zip((top, base), found, strict=True)):
                way = 1 - 2 * at  # the base is the top from below
                hidden = goes_on(salt[:, ::way], recorded[:, ::way], threshold)
                seen = np.flatnonzero(~np.isnan(surface) & ~hidden)
                written[at] += len(seen)
                unseen[at] += int(np.count_nonzero(hidden))
                for trace in seen:
                    x, y = (f"{each:.{digits}f}" for each in points[trace])
                    file.write(f"{inline} {numbers[trace]} {x} {y} {surface[trace]:.3f}\n")
    return tuple(map(Surface, FILES, written, unseen))


def _lines(store: Store) -> Iterator[tuple[int, int, npt.NDArray[np.float64]]]:
    """Place and number of each inline, and x and y of its traces, float64 [crosslines, 2]."""
    inlines = store.array("inline")
    for first in range(0, len(inlines), CHUNK):
        points = store.positions(slice(first, first + CHUNK))
        for place, of_line in enumerate(points, first):
            yield place, int(inlines[place]), of_line


def _recorded(
    survey: Survey, place: int, salt: Floats, samples: Window, threshold: float
) -> npt.NDArray[np.bool_]:
    """Where an inline was recorded and run, bool [traces, samples]. It is looked up in traces of
    which salt ends at a probability of 0 alone: that is what stands where nothing was recorded, and
    hardly ever beside salt.
    """
    recorded = np.zeros(salt.shape, bool)
    recorded[:, slice(*samples)] = True
    above = exceeds(salt, threshold)
    steps = (above[:, 1:] & (salt[:, :-1] == 0)) | (above[:, :-1] & (salt[:, 1:] == 0))
    doubtful = np.flatnonzero(steps.any(axis=1))
    if len(doubtful):
        part = slice(int(doubtful[0]), int(doubtful[-1]) + 1)
        block = survey.read(slice(place, place + 1), part)
        recorded[doubtful] &= block.recorded[0, doubtful - part.start]
    return recorded
