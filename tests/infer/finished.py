"""Finished groups made by hand, and a fingerprint for their journal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from salt_infer.data.source import BadTile, Tile
from salt_infer.execution.decoding import Decoded
from salt_infer.execution.results import FinishedGroup
from salt_infer.job.fingerprint import Fingerprint
from salt_infer.job.journal import Journal
from salt_infer.masks import rle
from salt_infer.predictor.prediction import Decided

FINGERPRINT = Fingerprint(
    toolkit="0.1.0", model="ab" * 32, contract_version=1, precision="fp32",
    provider="CPUExecutionProvider", provider_options="", runtime="onnxruntime 1.31.1",
    device="a processor AVX2", threshold=0.5, gate=0.25, tta="hflip", min_area=0, batch_size=2,
    details=False, probabilities=False, images="/data/tiles", tiles=8, ids="cd" * 32,
)  # fmt: skip


def decided(number: int, texts: Sequence[str]) -> Decided:
    """Every tile with a mask passed the gate; its probabilities are random, its salt not."""
    kept = np.array([place for place, text in enumerate(texts) if text], np.int64)
    probability = np.random.default_rng(number).random((len(kept), 101, 101), np.float32)
    masks = np.array([rle.decode(text) for text in texts if text], bool).reshape(-1, 101, 101)
    return Decided(kept, probability, masks, np.linspace(0.1, 0.9, len(texts), dtype=np.float32))


def finished(
    number: int, ids: Sequence[str], texts: Sequence[str], bad: Sequence[str] = (),
    probabilities: bool = True,
) -> FinishedGroup:  # fmt: skip
    """A group of tiles that have these masks, and of some that could not be read."""
    broken = [BadTile(Tile(name, f"tiles/{name}.png"), "not a PNG") for name in bad]
    grey = np.arange(len(ids), dtype=np.uint8)
    pixels = np.broadcast_to(grey[:, None, None], (len(ids), 101, 101))
    decoded = Decoded(number, f"stamp-{number}", list(ids), pixels, broken)
    if not ids:
        return FinishedGroup.of(decoded, None)
    found = decided(number, texts)
    return FinishedGroup.of(decoded, found, np.float32(1) - found.salt, probabilities, crc32=True)


def some(count: int) -> list[FinishedGroup]:
    """So many groups, of two tiles each, every third with a bad one."""
    return [
        finished(
            number,
            [f"{number:03d}-{letter}" for letter in ("a" if number % 3 == 2 else "ab")],
            ["1 2", ""][: 1 if number % 3 == 2 else 2],
            [f"{number:03d}-b"] if number % 3 == 2 else [],
        )
        for number in range(count)
    ]


def opened(path: Path, groups: int = 4, restart: bool = False) -> Journal[FinishedGroup]:
    return Journal(path, FINGERPRINT, groups, FinishedGroup.unpack, restart)
