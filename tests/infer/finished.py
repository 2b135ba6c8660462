"""Finished groups made by hand, and a fingerprint for their journal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from salt_infer.data.source import BadTile, Tile
from salt_infer.execution.pipeline import MaskedBatch
from salt_infer.execution.results import FinishedGroup
from salt_infer.job.fingerprint import Fingerprint
from salt_infer.job.journal import Journal
from salt_infer.predictor.model import Decided

FINGERPRINT = Fingerprint(
    model="ab" * 32, contract_version=1, precision="fp32", provider="CPUExecutionProvider",
    provider_options="", runtime="onnxruntime 1.31.1", device="a processor AVX2",
    threshold=0.5, gate=0.25, tta="hflip", min_area=0, batch_size=2,
    details=False, probabilities=False, images="/data/tiles", tiles=8, ids="cd" * 32,
)  # fmt: skip


def batch(
    number: int, ids: Sequence[str], rle: Sequence[str], bad: Sequence[str] = ()
) -> MaskedBatch:
    """Every tile with a mask passed the gate; its probabilities are random, its salt not."""
    kept = np.array([place for place, text in enumerate(rle) if text], np.int64)
    probability = np.random.default_rng(number).random((len(kept), 101, 101), np.float32)
    salt = np.linspace(0.1, 0.9, len(ids), dtype=np.float32)
    decided = Decided(kept, probability, probability > 0.5, salt) if ids else None
    broken = [BadTile(Tile(name, f"tiles/{name}.png"), "not a PNG") for name in bad]
    sure = np.float32(1) - salt if ids else None
    return MaskedBatch(number, f"stamp-{number}", list(ids), list(rle), decided, sure, broken)


def finished(
    number: int, ids: Sequence[str], rle: Sequence[str], bad: Sequence[str] = ()
) -> FinishedGroup:
    """The same as the journal keeps it."""
    return FinishedGroup.of(batch(number, ids, rle, bad), probabilities=True)


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
