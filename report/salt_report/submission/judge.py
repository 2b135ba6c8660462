"""How well a judge tells tiles with salt from those without, and whether its figures are honest."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pandas as pd

from salt_report.common.estimates import wilson

BINS = 10

Salt = npt.NDArray[np.float64]  # [N], 0..1
Flags = npt.NDArray[np.bool_]  # [N]


@dataclasses.dataclass(frozen=True)
class Roc:
    """Receiver operating characteristic.

    Attributes:
        false_rate, true_rate: float64 [M], 0..1 and ascending, the corners of the curve.
        area: under the curve: the chance that of a tile with salt and one without the former is
            given the higher probability, ties counted half.
    """

    false_rate: npt.NDArray[np.float64]
    true_rate: npt.NDArray[np.float64]
    area: float


@dataclasses.dataclass(frozen=True)
class Judge:
    """What a judge is worth.

    Attributes:
        tiles: how many it has judged.
        unseen: tiles without a probability, which are left out of all else here.
        roc: None where all tiles have salt, or none.
        bins: a row a bin of the probability that has tiles: its bounds ``low`` and ``high``,
            ``tiles``, mean ``said``, share ``found`` to have salt and that share's 95 % interval
            ``found_low``, ``found_high``.
        brier: mean squared difference of probability and truth; 0 is perfect (Brier, 1950).
        calibration_error: mean over tiles of |said - found| of their bin (Naeini et al., 2015).
        accuracy: share of tiles that a probability above 0.5 is right about.
    """

    tiles: int
    unseen: int
    roc: Roc | None
    bins: pd.DataFrame
    brier: float
    calibration_error: float
    accuracy: float


def examine(salt: Salt, truth: Flags) -> Judge | None:
    """Compare probabilities with what there is.

    Args:
        salt: float64 [N], NaN for a tile that was not judged.
        truth: bool [N], whether there is salt.

    Returns:
        None where no tile was judged.
    """
    seen = ~np.isnan(salt)
    if not seen.any():
        return None
    said, found = salt[seen], truth[seen]
    bins = reliability(said, found)
    gaps = (bins.said - bins.found).abs() * bins.tiles
    return Judge(
        tiles=int(seen.sum()),
        unseen=int((~seen).sum()),
        roc=roc(said, found),
        bins=bins,
        brier=float(((said - found) ** 2).mean()),
        calibration_error=float(gaps.sum() / bins.tiles.sum()),
        accuracy=float(((said > 0.5) == found).mean()),
    )


def roc(salt: Salt, truth: Flags) -> Roc | None:
    """The curve over all thresholds; None unless there are tiles of both kinds."""
    if truth.all() or not truth.any():
        return None
    order = np.argsort(-salt, kind="stable")
    hits, misses = np.cumsum(truth[order]), np.cumsum(~truth[order])
    last = np.flatnonzero(np.diff(salt[order], append=np.nan) != 0)  # of tiles of one probability
    true_rate = np.r_[0, hits[last]] / hits[-1]
    false_rate = np.r_[0, misses[last]] / misses[-1]
    area = float(np.trapezoid(true_rate, false_rate))
    corner = _corners(false_rate, true_rate)
    return Roc(false_rate[corner], true_rate[corner], area)


def _corners(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Flags:
    """Points that a line through their neighbours would not show."""
    before, after = np.diff(x)[:-1] * np.diff(y)[1:], np.diff(x)[1:] * np.diff(y)[:-1]
    bent = ~np.isclose(before, after, rtol=0, atol=1e-12)
    return np.concatenate([[True], bent, [True]])


def reliability(salt: Salt, truth: Flags) -> pd.DataFrame:
    """The bins of :class:`Judge`: BINS of equal width; the last one has 1 in it."""
    number = np.minimum((salt * BINS).astype(np.int64), BINS - 1)
    grouped = pd.DataFrame({"bin": number, "said": salt, "found": truth}).groupby("bin")
    bins = grouped.agg(tiles=("found", "size"), said=("said", "mean"), hits=("found", "sum"))
    low, high = wilson(bins.hits, bins.tiles)
    return pd.DataFrame(
        {
            "low": bins.index / BINS,
            "high": (bins.index + 1) / BINS,
            "tiles": bins.tiles,
            "said": bins.said,
            "found": bins.hits / bins.tiles,
            "found_low": low,
            "found_high": high,
        }
    )
