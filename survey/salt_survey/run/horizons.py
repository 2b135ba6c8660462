"""Top and base of salt as text that interpretation programs load: ``top.txt`` and ``base.txt``.

A line for each trace with salt: inline, crossline, x, y, time. A first sample of salt is where the
probability crosses the threshold, interpolated between two samples.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_survey.run.store import Store
from salt_survey.run.trace_lookup import Traces
from salt_survey.sections.tiling import Floats

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


def write(folder: Path, store: Store, threshold: float) -> None:
    """Write both files into a folder.

    Raises:
        OSError: the disk is full.
    """
    numbers = store.array("inline"), store.array("crossline")
    times, x, y = (store.array(name) for name in ("time_ms", "x", "y"))
    traces, columns = Traces(store), np.arange(len(numbers[1]))
    with open(folder / FILES[0], "x") as top, open(folder / FILES[1], "x") as base:
        for place, inline in enumerate(numbers[0]):
            salt = traces(np.full(len(columns), place), columns)
            found = crossings(salt, times, threshold)
            for file, surface in zip((top, base), found, strict=True):
                for trace in np.flatnonzero(~np.isnan(surface)):
                    file.write(
                        f"{inline} {numbers[1][trace]} {_metres(x[place, trace])} "
                        f"{_metres(y[place, trace])} {surface[trace]:.3f}\n"
                    )


def _metres(value: float) -> str:
    return "nan" if np.isnan(value) else f"{value:.2f}"
