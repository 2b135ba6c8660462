"""What callers from Python give, looked at before anything is made of it."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer.data import oddities
from salt_infer.errors import InputError
from salt_infer.masks.rle import TILE_SHAPE


def check_tiles(tiles: npt.NDArray[np.uint8]) -> None:
    """Raise InputError for anything but uint8 [N, 101, 101]."""
    if not isinstance(tiles, np.ndarray):
        hint = ": np.stack makes it of a list of tiles" if isinstance(tiles, list | tuple) else ""
        raise InputError(
            f"tiles are a {type(tiles).__name__}, expected one array, uint8 [N, 101, 101] grey "
            f"values{hint}"
        )
    if isinstance(tiles, np.ma.MaskedArray):
        raise InputError(
            "tiles are a masked array, expected a plain one: every pixel of a tile is looked at; "
            "tiles.filled(0) makes it of this one"
        )
    if tiles.dtype != np.uint8 or tiles.ndim != 3 or tiles.shape[1:] != TILE_SHAPE:
        hint = ": tiles[None] for one tile" if tiles.shape == TILE_SHAPE else ""
        if tiles.dtype != np.uint8 and tiles.dtype.kind in "fiu":
            hint += ": salt_infer.stretched makes them of amplitudes"
        raise InputError(
            f"tiles are {tiles.dtype} {list(tiles.shape)}, expected uint8 [N, 101, 101] grey "
            f"values{hint}"
        )


def warn_of_greys(tiles: npt.NDArray[np.uint8]) -> None:
    """Warn of tiles uint8 [N, 101, 101] most of which can hardly be meant; of a few, that may be
    what a survey has there. The words are the same for all batches, so that they are said once.
    """
    found = oddities.of_greys(tiles) if len(tiles) else []
    kinds = Counter(kind for each in found for kind in each)
    for kind, count in kinds.items():
        if count > len(tiles) / 2:
            warnings.warn(f"most tiles are {oddities.WHAT[kind]}", stacklevel=3)


def checked_count(name: str, count: int, most: int | None = None) -> int:
    """A whole number of at least 1, as Python's own: numpy's small ones overflow.

    Raises:
        InputError: it is anything else, or greater than ``most``.
    """
    if not isinstance(count, int | np.integer) or count < 1 or (most and count > most):
        range_ = f"from 1 to {most}" if most else "of at least 1"
        raise InputError(f"{name} is {count!r}, expected a whole number {range_}")
    return int(count)


def check_path(path: Path | str | None) -> None:
    """Raise InputError for anything but a path, and for an empty text, which a path would make the
    folder one is in.
    """
    if path is not None and not isinstance(path, str | os.PathLike):
        raise InputError(
            f"the path is {path!r}, expected a model file, or None for the one that ships"
        )
    if path is not None and "\0" in str(path):
        raise InputError(f"the path is {str(path)!r}, and no file has such a name")
    if path == "":
        raise InputError("the path is empty, expected a model file, or None for the one that ships")
