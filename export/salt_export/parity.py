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
    tolerance: float

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
    session = ModelSession(path)
    reference = DenseGraph(model).eval()
    probability = salt = 0.0
    flipped = pixels = 0
    for count in BATCH_SIZES:
        for views in VIEWS:
            batch = _batch(tiles, count, views)
            with torch.inference_mode():
                expected, expected_salt = (
                    value.numpy() for value in reference(torch.from_numpy(batch))
                )
            for gate in _gates(expected_salt):
                result = session.run(batch, gate)
                kept = np.flatnonzero(expected_salt > np.float32(gate))
                if not np.array_equal(result.kept, kept):
                    raise ParityError(
                        f"the file keeps tiles {result.kept.tolist()} at gate {gate:.4f}, the "
                        f"network {kept.tolist()}"
                    )
                probability = max(probability, _largest(result.probability, expected[kept]))
                salt = max(salt, _largest(result.salt, expected_salt))
                flips = (result.probability > threshold) != (expected[kept] > threshold)
                flipped += int(np.count_nonzero(flips))
                pixels += result.probability.size
    parity = Parity(probability, salt, flipped, pixels, TOLERANCE)
    if max(probability, salt) > TOLERANCE:
        raise ParityError(
            f"the file differs from the network by {probability:.3g} in probability and {salt:.3g} "
            f"in salt ({flipped} of {pixels} pixels flipped), expected at most {TOLERANCE:g}; "
            "nothing was written"
        )
    return parity


def _batch(tiles: npt.NDArray[np.uint8], count: int, views: int) -> npt.NDArray[np.uint8]:
    """uint8 [count, views, H, W]; views beyond the first are other tiles, not flips: the graph
    must not care, and equal views could hide that it mixes them up.
    """
    index = np.arange(count * views) % len(tiles)
    return np.ascontiguousarray(tiles[index].reshape(count, views, *tiles.shape[1:]))


def _gates(salt: npt.NDArray[np.float32]) -> list[float]:
    """Gates that keep every tile, about half of them, and none; each far from any tile's salt."""
    ordered = np.sort(salt.astype(np.float64))
    gaps = np.diff(ordered)
    if len(gaps) and gaps.max() > 2 * TOLERANCE:
        cut = int(gaps.argmax())
        return [0.0, float((ordered[cut] + ordered[cut + 1]) / 2), 1.0]
    return [0.0, 1.0]


def _largest(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    if a.shape != b.shape:
        raise ParityError(f"the file gives shape {a.shape}, the network {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ParityError("the file or the network gives values that are not finite")
    return float(np.abs(a - b).max()) if a.size else 0.0
