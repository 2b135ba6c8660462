"""Top and base of salt as text that interpretation programs load: ``top.txt`` and ``base.txt``.

A line for each trace with salt: inline, crossline, x, y, time. A first sample of salt is where the
probability crosses the threshold, interpolated between two samples. Where nothing was recorded, or
run, just before the first salt or after the last, nobody has seen its top or base: that file has no
line.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_survey.reading.survey import Survey
from salt_survey.sections.tiling import Floats, Window
from salt_survey.volume.store import CHUNK, Store
from salt_survey.volume.trace_lookup import Traces

FILES = ("top.txt", "base.txt")


def crossings(
    salt: Floats, times_ms: npt.NDArray[np.float64], threshold: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Where the first salt of each trace begins and where its last ends.

    Args:
        salt: probabilities, float32 [traces, samples].
        times_ms: float64 [samples].
        threshold: salt is above it.

    Returns:
        float64 [traces], each; NaN where there is no salt.
    """
    above = salt > np.float32(threshold)
    some = above.any(axis=1)
    top = _crossing(salt, times_ms, threshold, above.argmax(axis=1), -1)
    last = above.shape[1] - 1 - above[:, ::-1].argmax(axis=1)
    base = _crossing(salt, times_ms, threshold, last, 1)
    return np.where(some, top, np.nan), np.where(some, base, np.nan)


def _crossing(
    salt: Floats, times_ms: npt.NDArray[np.float64], threshold: float,
    inside: npt.NDArray[np.intp], step: int,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """Between a sample of salt and the next one outside, on the line between their values."""
    traces = np.arange(len(salt))
    outside = np.clip(inside + step, 0, salt.shape[1] - 1)
    within, beyond = (salt[traces, at].astype(np.float64) for at in (inside, outside))
    fall = within - beyond
    share = np.divide(within - threshold, fall, out=np.zeros_like(fall), where=fall > 0)
    reached = np.where(outside == inside, 0.0, np.clip(share, 0, 1))
    return times_ms[inside] + reached * (times_ms[outside] - times_ms[inside])


def write(
    folder: Path, store: Store, survey: Survey, samples: Window, threshold: float
) -> tuple[int, int]:
    """Write both files into a folder.

    Args:
        folder: of them.
        store: what was found.
        survey: what it lies on; some of it is read where salt may go on to the end of a trace.
        samples: that were run.
        threshold: salt is above it.

    Returns:
        traces with salt whose top, and whose base, was not seen.

    Raises:
        OSError: the disk is full.
        SurveyError: the survey cannot be read any more.
    """
    numbers, times_ms = store.array("crossline"), store.array("time_ms")
    traces, columns = Traces(store), np.arange(len(numbers))
    unseen, digits = [0, 0], survey.decimals
    with open(folder / FILES[0], "x") as top, open(folder / FILES[1], "x") as base:
        for place, inline, points in _lines(store):
            salt = traces(np.full(len(columns), place), columns)
            found = crossings(salt, times_ms, threshold)
            recorded = _recorded(survey, place, salt, samples, threshold)
            for at, (file, surface) in enumerate(zip((top, base), found, strict=True)):
                hidden = _goes_on(salt[:, :: 1 - 2 * at], recorded[:, :: 1 - 2 * at], threshold)
                unseen[at] += int(np.count_nonzero(hidden))
                for trace in np.flatnonzero(~np.isnan(surface) & ~hidden):
                    x, y = (f"{each:.{digits}f}" for each in points[trace])
                    file.write(f"{inline} {numbers[trace]} {x} {y} {surface[trace]:.3f}\n")
    return unseen[0], unseen[1]


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
    above = salt > np.float32(threshold)
    steps = (above[:, 1:] & (salt[:, :-1] == 0)) | (above[:, :-1] & (salt[:, 1:] == 0))
    doubtful = np.flatnonzero(steps.any(axis=1))
    if len(doubtful):
        part = slice(int(doubtful[0]), int(doubtful[-1]) + 1)
        block = survey.read(slice(place, place + 1), part)
        recorded[doubtful] &= block.recorded[0, doubtful - part.start]
    return recorded


def _goes_on(
    salt: Floats, recorded: npt.NDArray[np.bool_], threshold: float
) -> npt.NDArray[np.bool_]:
    """Traces, [traces, samples], with nothing recorded just before their first salt."""
    above = salt > np.float32(threshold)
    first = above.argmax(axis=1)
    before = recorded[np.arange(len(salt)), np.maximum(first - 1, 0)] & (first > 0)
    return np.asarray(above.any(axis=1) & ~before)
