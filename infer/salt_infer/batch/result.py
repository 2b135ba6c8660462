"""One batch: what a model says of it, and how it is cancelled."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from salt_infer.errors import ModelError
from salt_infer.masks.decision import exceeds


@dataclasses.dataclass(frozen=True)
class BatchResult:
    """What the model says of N tiles in V views.

    Attributes:
        probability: float32 [K, V, 101, 101] in 0..1, each view in its own orientation; one
            entry for each kept tile.
        salt: float32 [N], the judge's probability that a tile has salt, mean over its views.
        kept: int64 [K], ascending: the tiles that the gate lets pass.
    """

    probability: npt.NDArray[np.float32]
    salt: npt.NDArray[np.float32]
    kept: npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Masks of N tiles that were drawn on the device, see :mod:`salt_infer.backends.mask_graphs`.

    Attributes:
        bits: uint8 [K, 1276], the masks of the kept tiles; one may be empty.
        salt: float32 [N], as of :class:`BatchResult`.
        kept: int64 [K], likewise.
    """

    bits: npt.NDArray[np.uint8]
    salt: npt.NDArray[np.float32]
    kept: npt.NDArray[np.int64]


class Cancel:
    """Ends every batch that was or will be started with it, from any thread, for good.

    Attributes:
        cancelled: it was called.
    """

    def __init__(self) -> None:
        self.cancelled = False
        self._lock = threading.Lock()
        self._stops: dict[object, Callable[[], object]] = {}

    def __call__(self) -> None:
        with self._lock:
            self.cancelled = True
            stops = list(self._stops.values())
        for stop in stops:
            stop()

    @contextlib.contextmanager
    def ends(self, stop: Callable[[], object]) -> Iterator[None]:
        """While the block runs, a cancellation calls ``stop``; one that came before does so at
        once.
        """
        token = object()
        with self._lock:
            self._stops[token] = stop
            late = self.cancelled
        if late:
            stop()
        try:
            yield
        finally:
            with self._lock:
                del self._stops[token]


def from_outputs(
    tiles: npt.NDArray[np.uint8],
    probability: npt.NDArray[np.float32],
    salt: npt.NDArray[np.float32],
    kept: npt.NDArray[np.int64] | None,
    gate: np.float32,
) -> BatchResult:
    """The result of a gated graph for ``tiles``, uint8 [N, V, H, W], or of a dense one (``kept``
    None) with its gate applied here. ``salt`` is NaN where a probability of the tile is, or is
    endless: NaN is above nothing, and would look like no salt.

    Raises:
        ModelError: the outputs contradict each other, or the tiles.
    """
    _check(tiles, probability, salt, kept)
    spoilt = ~np.isfinite(probability.sum(axis=(1, 2, 3)))
    if spoilt.any() or np.isinf(salt).any():
        salt = np.where(np.isinf(salt), np.float32(np.nan), salt)
        salt[np.flatnonzero(spoilt) if kept is None else kept[spoilt]] = np.nan
    if kept is not None:
        return BatchResult(probability, salt, kept)
    kept = np.flatnonzero(exceeds(salt, gate))
    return BatchResult(probability if len(kept) == len(salt) else probability[kept], salt, kept)


def _check(
    tiles: npt.NDArray[np.uint8],
    probability: npt.NDArray[np.float32],
    salt: npt.NDArray[np.float32],
    kept: npt.NDArray[np.int64] | None,
) -> None:
    """A file of another program may have outputs of the right names, and no more. Which tiles pass
    is the graph's to say: in half precision a salt that is the gate may, or may not.
    """
    drawn = len(tiles) if kept is None else len(kept)
    fits = salt.shape == tiles.shape[:1] and probability.shape == (drawn, *tiles.shape[1:])
    if kept is not None and len(kept):
        fits = fits and bool(kept[0] >= 0 and kept[-1] < len(tiles) and (np.diff(kept) > 0).all())
    if not fits:
        raise ModelError(
            f"the model gave salt {list(salt.shape)}, probability {list(probability.shape)}"
            f"{'' if kept is None else f' and kept {list(kept.shape)}'} for tiles "
            f"{list(tiles.shape)}: expected one salt a tile, and one probability a pixel of each "
            "tile, of a gated model of those that are kept, in their order; export it anew"
        )
