"""How sure a share is, and how two numbers go together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

_Z = 1.959964  # of the normal distribution: 95 % lie within


def wilson(hits: npt.ArrayLike, total: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], ...]:
    """95 % score interval of a share (Wilson, 1927).

    Args:
        hits: how many of ``total``; numbers or [N].
        total: at least 1.

    Returns:
        Lower and upper bound, 0..1, of the shape of the arguments.
    """
    n = np.asarray(total, dtype=np.float64)
    share = np.asarray(hits, dtype=np.float64) / n
    middle = share + _Z**2 / (2 * n)
    reach = _Z * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    scale = 1 + _Z**2 / n
    # Rounding must not put a share outside of its own interval.
    low, high = (middle - reach) / scale, (middle + reach) / scale
    return np.clip(low, 0.0, share), np.clip(high, share, 1.0)


def spearman(first: npt.ArrayLike, second: npt.ArrayLike) -> float | None:
    """Rank correlation, -1..1, of two rows of numbers (Spearman, 1904); ties share their mean rank.

    Returns:
        None where one of them does not vary.
    """
    ranks = [pd.Series(np.asarray(values)).rank() for values in (first, second)]
    if any(rank.nunique() < 2 for rank in ranks):
        return None
    return float(ranks[0].corr(ranks[1]))
