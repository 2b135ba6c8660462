"""The network in torch against the file in ONNX Runtime, on tiles, before the file is published."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from salt_export.errors import ExportError, ParityError
from salt_export.graph import DenseGraph
from salt_infer.session import ModelSession
from salt_train.model import SaltNet

BATCH_SIZES = (1, 2, 7)
VIEWS = (1, 2)
TILES = max(BATCH_SIZES) * max(VIEWS)  # fewer would put one tile in two places
# Both sides compute in float32 but add in another order; that left less than 1e-6 on trained
# networks, and a padding that is off by one pixel leaves 1e-1.
TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True)
class Parity:
    """Largest differences over every batch size and number of views.

    Attributes:
        probability: of any pixel's probability.
        salt: of any tile's judge probability.
        pixels_flipped: pixels on another side of the threshold.
        pixels: compared.
        tolerance: that ``probability`` and ``salt`` had to stay within.
    """

    probability: float
    salt: float
    pixels_flipped: int
    pixels: int
    tolerance: float = TOLERANCE

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {
            "batch_sizes": list(BATCH_SIZES),
            "views": list(VIEWS),
        }


def check(model: SaltNet, path: Path, tiles: npt.NDArray[np.uint8], threshold: float) -> Parity:
    """Compare the network with the file.

    Args:
        model: the network, in evaluation mode.
        path: the exported file.
        tiles: uint8 [M, 101, 101], M at least TILES.
        threshold: pixels are counted as flipped across it.

    Raises:
        ParityError: over the tolerance, not finite, or other tiles kept by the gate.
        ExportError: too few tiles.
    """
    if len(tiles) < TILES:
        raise ExportError(f"there are {len(tiles)} tiles to verify on, expected at least {TILES}")
    session, reference = ModelSession(path), DenseGraph(model).eval()
    batches = [_batch(tiles, count, views) for count in BATCH_SIZES for views in VIEWS]
    compared = [_compare(session, reference, batch, threshold) for batch in batches]
    return Parity(
        probability=max(part.probability for part in compared),
        salt=max(part.salt for part in compared),
        pixels_flipped=sum(part.pixels_flipped for part in compared),
        pixels=sum(part.pixels for part in compared),
    )


def _compare(
    session: ModelSession, reference: DenseGraph, batch: npt.NDArray[np.uint8], threshold: float
) -> Parity:
    with torch.inference_mode():
        expected, salt = (value.numpy() for value in reference(torch.from_numpy(batch)))
    whole = session.run(batch, gate=-1.0)  # below any probability: keeps every tile
    flips = (whole.probability > threshold) != (expected > threshold)
    parity = Parity(
        probability=_largest(whole.probability, expected),
        salt=_largest(whole.salt, salt),
        pixels_flipped=int(np.count_nonzero(flips)),
        pixels=flips.size,
    )
    _check_tolerance(parity)
    for gate in _gates(salt):
        part = session.run(batch, gate)
        kept = np.flatnonzero(salt > np.float32(gate))
        if not np.array_equal(part.kept, kept):
            raise ParityError(
                f"the file keeps tiles {part.kept.tolist()} at gate {gate:.4f}, the network "
                f"{kept.tolist()}; nothing was written"
            )
        difference = _largest(part.probability, expected[kept])
        _check_tolerance(dataclasses.replace(parity, probability=difference))
    return parity


def _check_tolerance(parity: Parity) -> None:
    if max(parity.probability, parity.salt) > parity.tolerance:
        raise ParityError(
            f"the file differs from the network by {parity.probability:.3g} in probability and "
            f"{parity.salt:.3g} in salt ({parity.pixels_flipped} of {parity.pixels} pixels "
            f"flipped), expected at most {parity.tolerance:g}; nothing was written"
        )


def _batch(tiles: npt.NDArray[np.uint8], count: int, views: int) -> npt.NDArray[np.uint8]:
    """uint8 [count, views, H, W]; views beyond the first are other tiles, not flips: the graph
    must not care, and equal views could hide that it mixes them up.
    """
    index = np.arange(count * views) % len(tiles)
    return np.ascontiguousarray(tiles[index].reshape(count, views, *tiles.shape[1:]))


def _gates(salt: npt.NDArray[np.float32]) -> list[float]:
    """Gates that keep about half of the tiles, and none; each far from any tile's salt."""
    ordered = np.sort(salt.astype(np.float64))
    gaps = np.diff(ordered)
    if len(gaps) and gaps.max() > 2 * TOLERANCE:
        cut = int(gaps.argmax())
        return [float((ordered[cut] + ordered[cut + 1]) / 2), 1.0]
    return [1.0]


def _largest(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    if a.shape != b.shape:
        raise ParityError(f"the file gives shape {a.shape}, the network {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ParityError("the file or the network gives values that are not finite")
    return float(np.abs(a - b).max()) if a.size else 0.0
