"""A batch in parts: as large as a processor's caches like, or as a network that was made for one
size of batch takes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from salt_infer.batch.result import BatchResult

# Images, a tile in two views being two of them, that a processor runs together best. The layers of
# so few stay in its caches; several threads that share a batch need more, as they wait for each
# other after every layer. Measured on two cores of a Sapphire Rapids (benchmarks/LOG.md).
IMAGES_ALONE = 8
IMAGES_A_THREAD = 16

Run = Callable[[npt.NDArray[np.uint8]], BatchResult]


def images_for(threads: int) -> int:
    """Images that so many threads of a processor run together best."""
    return IMAGES_ALONE if threads == 1 else IMAGES_A_THREAD * threads


def tiles_of(images: int, views: int) -> int:
    """Tiles in so many views each that make up those images; at least one."""
    return max(1, images // max(1, views))


def together(tiles: npt.NDArray[np.uint8], images: int | None) -> int:
    """How many of uint8 [N, V, H, W] are run together; all if ``images`` is None."""
    count, views = tiles.shape[:2]
    return max(1, count) if images is None else tiles_of(images, views)


def in_parts(run: Run, tiles: npt.NDArray[np.uint8], size: int) -> BatchResult:
    """Run tiles through something that takes at most ``size`` at once.

    Args:
        run: takes uint8 [n, V, H, W], n up to ``size``.
        tiles: uint8 [N, V, H, W], any N.
        size: at least 1.
    """
    starts = range(0, len(tiles), size) or (0,)
    parts = [(start, run(tiles[start : start + size])) for start in starts]
    if len(parts) == 1:
        return parts[0][1]
    return BatchResult(
        np.concatenate([result.probability for _, result in parts]),
        np.concatenate([result.salt for _, result in parts]),
        np.concatenate([start + result.kept for start, result in parts]),
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
