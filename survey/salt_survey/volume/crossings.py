"""Where the salt of a trace begins and ends: where its probability crosses the threshold, which is
interpolated between two samples.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from salt_infer.masks.decision import exceeds
from salt_survey.sections.tiling import Floats


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
    above = exceeds(salt, threshold)
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


def goes_on(
    salt: Floats, recorded: npt.NDArray[np.bool_], threshold: float
) -> npt.NDArray[np.bool_]:
    """Traces with nothing recorded just before their first salt: nobody has seen where it begins.

    Args:
        salt: probabilities, float32 [traces, samples]; turned around, of where it ends.
        recorded: bool, likewise.
        threshold: salt is above it.

    Returns:
        bool [traces].
    """
    above = exceeds(salt, threshold)
    first = above.argmax(axis=1)
    before = recorded[np.arange(len(salt)), np.maximum(first - 1, 0)] & (first > 0)
    return np.asarray(above.any(axis=1) & ~before)
