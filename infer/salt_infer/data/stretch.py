"""Amplitudes of tiles to grey values, as the shipped model knows them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from salt_infer.errors import InputError

_WHITE = 255


def stretched(amplitudes: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Stretch each tile by itself: its least amplitude becomes 0, its greatest 255.

    Args:
        amplitudes: numbers [..., rows, columns], such as float32 [N, 101, 101]; rows are time,
            downwards, so that [trace, sample] is to be turned: ``swapaxes(-1, -2)``. Where one is
            masked or not finite, nothing was recorded: it is taken for 0, or where 0 is beyond the
            tile's other amplitudes, for their median.

    Returns:
        uint8 of the same shape; 0 in tiles of one amplitude.

    Raises:
        InputError: they are no numbers, or no tiles.
    """
    if isinstance(amplitudes, np.ma.MaskedArray):
        amplitudes = np.ma.filled(amplitudes.astype(np.float64), np.nan)
    try:
        given = np.asarray(amplitudes)
    except ValueError as error:  # lists of different lengths
        raise InputError(f"amplitudes are no array ({error})") from error
    if given.dtype.kind not in "fiub" or given.ndim < 2:
        raise InputError(
            f"amplitudes are {given.dtype} {list(given.shape)}, expected numbers [N, 101, 101]"
        )
    grey = np.zeros(given.shape, np.uint8)
    if not given.size:
        return grey
    shape = (-1, *given.shape[-2:])
    for out, tile in zip(grey.reshape(shape), given.reshape(shape), strict=True):
        out[:] = _of_one(tile.astype(np.float64))
    return grey


def _of_one(tile: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Whole numbers 0..255, of float64 [rows, columns]."""
    there = np.isfinite(tile)
    if not there.any():
        return np.zeros_like(tile)
    if not there.all():
        low, middle, high = np.percentile(tile[there], (0, 50, 100))
        tile = np.where(there, tile, 0.0 if low <= 0 <= high else middle)
    # To -1..1 first, by a power of two: the largest numbers' difference may be none, and half of
    # the smallest is.
    tile = np.ldexp(tile, -np.frexp(np.abs(tile).max())[1])
    low, high = tile.min(), tile.max()
    return np.rint(_WHITE * ((tile - low) / (high - low))) if high > low else np.zeros_like(tile)
