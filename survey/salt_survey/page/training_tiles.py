"""What the tiles look like that the shipped model was trained on, for comparison: statistics of the
3594 tiles with a signal of the TGS Salt Identification Challenge's training set.

Measured by :func:`statistics` on ``train.zip``.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from salt_survey.sections.tiling import SIDE

LEVELS = 32  # of grey
_BATCH = 512


@dataclasses.dataclass(frozen=True)
class TileStatistics:
    """Means over tiles; each one's greatest is 1.

    Attributes:
        grey: how many pixels have each of LEVELS grey levels.
        vertical: amplitude at 0 to half a cycle a pixel, from the top of a tile down; 51 values.
        horizontal: likewise, across it.
    """

    grey: tuple[float, ...]
    vertical: tuple[float, ...]
    horizontal: tuple[float, ...]


def statistics(tiles: npt.NDArray[np.uint8]) -> TileStatistics | None:
    """Of tiles, uint8 [N, 101, 101]; None if none of them has a signal."""
    live = [tile for tile in tiles if tile.std() > 1]
    if not live:
        return None
    grey = np.zeros(LEVELS)
    spectra = np.zeros((2, SIDE // 2 + 1))
    for start in range(0, len(live), _BATCH):
        part = np.stack(live[start : start + _BATCH]).astype(np.float32)
        grey += np.histogram(part, bins=LEVELS, range=(0, 256))[0]
        spectra += [_spectrum(part), _spectrum(part.transpose(0, 2, 1))]
    return TileStatistics(_ratios(grey), _ratios(spectra[0]), _ratios(spectra[1]))


def _spectrum(tiles: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    centred = tiles - tiles.mean(axis=1, keepdims=True)
    tapered = centred * np.hanning(SIDE).astype(np.float32)[:, None]
    size = np.abs(np.fft.rfft(tapered, axis=1)).mean(axis=2).sum(axis=0)
    return np.asarray(size, np.float64)


def _ratios(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    most = max(values.max(), np.finfo(np.float64).tiny)  # tiles may be the same all across
    return tuple(round(float(value), 3) for value in values / most)


TRAINING = TileStatistics(
    grey=(
        0.007, 0.012, 0.021, 0.036, 0.056, 0.086, 0.145, 0.212, 0.33, 0.459, 0.625, 0.801, 0.886,
        0.957, 1.0, 0.987, 0.921, 0.829, 0.736, 0.635, 0.532, 0.418, 0.314, 0.222, 0.147, 0.1,
        0.064, 0.046, 0.031, 0.024, 0.024, 0.014,
    ),
    vertical=(
        0.309, 0.516, 0.827, 1.0, 0.957, 0.829, 0.715, 0.614, 0.533, 0.463, 0.399, 0.343, 0.3,
        0.259, 0.224, 0.194, 0.169, 0.145, 0.124, 0.107, 0.092, 0.081, 0.072, 0.065, 0.059, 0.055,
        0.05, 0.046, 0.043, 0.039, 0.035, 0.031, 0.027, 0.024, 0.022, 0.02, 0.018, 0.016, 0.015,
        0.014, 0.013, 0.012, 0.012, 0.011, 0.011, 0.01, 0.01, 0.01, 0.01, 0.009, 0.009,
    ),
    horizontal=(
        0.579, 1.0, 0.999, 0.875, 0.764, 0.665, 0.574, 0.489, 0.418, 0.36, 0.314, 0.278, 0.248,
        0.224, 0.203, 0.185, 0.169, 0.157, 0.145, 0.134, 0.125, 0.116, 0.108, 0.1, 0.093, 0.086,
        0.081, 0.076, 0.071, 0.066, 0.062, 0.058, 0.054, 0.051, 0.047, 0.045, 0.042, 0.039, 0.036,
        0.034, 0.032, 0.03, 0.028, 0.027, 0.026, 0.025, 0.024, 0.023, 0.022, 0.021, 0.02,
    ),
)  # fmt: skip
