"""A batch in parts: as large as a processor's caches like, or as a network that was made for one
size of batch takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from salt_infer.batch.result import BatchResult

Run = Callable[[npt.NDArray[np.uint8]], BatchResult]
Mapped = Callable[[Run, Iterable[npt.NDArray[np.uint8]]], Iterable[BatchResult]]


class Parts(NamedTuple):
    """How the threads of a processor share a batch.

    Attributes:
        images: of a part, a tile in two views being two.
        abreast: parts that are run at the same time, a thread each; with 1 all threads run each.
    """

    images: int
    abreast: int = 1

    def size(self, count: int, views: int) -> int:
        """Tiles of a part, of a batch of so many: no fewer parts than can be run abreast."""
        return max(1, min(tiles_of(self.images, views), -(-count // self.abreast)))


def tiles_of(images: int, views: int) -> int:
    """Tiles in so many views each that make up those images; at least one."""
    return max(1, images // max(1, views))


def in_parts(
    run: Run, tiles: npt.NDArray[np.uint8], size: int, mapped: Mapped = map
) -> BatchResult:
    """Run tiles through something that takes at most ``size`` at once.

    Args:
        run: takes uint8 [n, V, H, W], n up to ``size``.
        tiles: uint8 [N, V, H, W], any N.
        size: at least 1.
        mapped: calls ``run`` with each part, in any order, and gives the results in theirs.
    """
    starts = range(0, len(tiles), size)
    if len(starts) <= 1:
        return run(tiles)
    results = list(mapped(run, [tiles[start : start + size] for start in starts]))
    return BatchResult(
        np.concatenate([each.probability for each in results]),
        np.concatenate([each.salt for each in results]),
        np.concatenate([start + each.kept for start, each in zip(starts, results, strict=True)]),
    )


def in_filled_parts(run: Run, tiles: npt.NDArray[np.uint8], size: int) -> BatchResult:
    """The same for something that takes exactly ``size`` at once, see :func:`filled_up`."""
    return in_parts(lambda part: filled_up(run, part, size), tiles, size)


def filled_up(run: Run, tiles: npt.NDArray[np.uint8], size: int) -> BatchResult:
    """Run at most ``size`` tiles through something that takes exactly so many: black ones are
    behind them, and nothing of what is said about those is in the result.

    Args:
        run: takes uint8 [size, V, H, W].
        tiles: uint8 [n, V, H, W], n up to ``size``.
        size: at least 1.
    """
    return _first(run(padded(tiles, size)), len(tiles))


def padded(tiles: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """At most ``size`` tiles, with black ones behind them so that there are as many."""
    if len(tiles) == size:
        return tiles
    padded = np.zeros((size, *tiles.shape[1:]), dtype=tiles.dtype)
    padded[: len(tiles)] = tiles
    return padded


def _first(result: BatchResult, count: int) -> BatchResult:
    """What a result says of its first tiles; ``kept`` ascends, so those come first there too."""
    among = int(np.searchsorted(result.kept, count))
    return BatchResult(result.probability[:among], result.salt[:count], result.kept[:among])
