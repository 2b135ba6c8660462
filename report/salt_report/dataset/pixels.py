"""How bright, how contrasty and how noisy tiles are, and which are the same."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from salt_report.common.kinds import Images

BLOCK = 256  # tiles worked on together
MEASURES = {
    "brightness": "mean grey level (0 to 255)",
    "contrast": "standard deviation (grey levels)",
    "noise": "estimated noise (grey levels)",
}


def table(tiles: Images) -> pd.DataFrame:
    """Measures of each tile in grey levels (0..255).

    Args:
        tiles: uint8 [N, H, W].

    Returns:
        A row a tile, a column for each of the MEASURES; see :func:`noise`.
    """
    parts = [_measured(tiles[start : start + BLOCK]) for start in range(0, len(tiles), BLOCK)]
    return pd.DataFrame(np.concatenate(parts), columns=[*MEASURES])


def _measured(tiles: Images) -> npt.NDArray[np.float64]:
    values = tiles.astype(np.float64)
    return np.stack([values.mean(axis=(1, 2)), values.std(axis=(1, 2)), noise(values)], axis=1)


def noise(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Standard deviation of the noise, estimated from second differences across both axes, which
    leave little of what is smooth (Immerkær, "Fast Noise Variance Estimation", 1996). Thin layers
    count as noise too.

    Args:
        values: float64 [N, H, W].

    Returns:
        float64 [N], in units of ``values``.
    """
    down = values[:, :-2] - 2 * values[:, 1:-1] + values[:, 2:]
    both = down[:, :, :-2] - 2 * down[:, :, 1:-1] + down[:, :, 2:]
    return np.asarray(math.sqrt(math.pi / 2) / 6 * np.abs(both).mean(axis=(1, 2)))


def twins(tiles: Images) -> list[list[int]]:
    """Indices of tiles with the same pixels, group by group. Tiles of one grey value are passed
    over: they are all the same.
    """
    found: dict[bytes, list[int]] = {}
    for index, tile in enumerate(tiles):
        if tile.min() != tile.max():
            found.setdefault(hashlib.sha256(tile.tobytes()).digest(), []).append(index)
    return [group for group in found.values() if len(group) > 1]
