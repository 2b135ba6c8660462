"""What an export and a verification read: checkpoints, and tiles to compare on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from salt_export import parity, samples
from salt_export.parity import Tiles
from salt_export.request import Job
from salt_export.tolerances import COMPARED_TILES, TILES
from salt_train import synthetic
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.errors import CheckpointError
from salt_train.network.model import SaltNet


class Seen(NamedTuple):
    """Tiles to verify on and, where there are labels, their masks."""

    tiles: Tiles
    masks: Tiles | None


def tiles(job: Job) -> Seen:
    """Those that were asked for; drawn ones where none were."""
    path = job.verify_images or job.calibrate
    if path is None:
        return Seen(synthetic.draw(TILES, seed=0).tiles, None)
    seen = Seen(*samples.read(path, job.labels, COMPARED_TILES if job.labels else TILES))
    parity.check_enough(seen.tiles)
    samples.check_different(path, seen.tiles)
    return seen


def networks(job: Job) -> tuple[list[Checkpoint], list[SaltNet]]:
    """The checkpoints, and the network of each.

    Raises:
        CheckpointError: one cannot be read or used, or is there twice.
    """
    loaded = [checkpoints.load(path) for path in job.checkpoints]
    _check_different(loaded, job.checkpoints)
    return loaded, [_model(*each) for each in zip(loaded, job.checkpoints, strict=True)]


def _check_different(loaded: Sequence[Checkpoint], paths: Sequence[Path]) -> None:
    """The same network twice would be computed twice, and weigh twice as much as any other: a last
    epoch is often that of ``best.pth``, or of the last snapshot, too.
    """
    if len(loaded) == 1:
        return
    first: dict[str, Path] = {}
    for checkpoint, path in zip(loaded, paths, strict=True):
        digest = _weights_digest(checkpoint.weights)
        if digest in first:
            raise CheckpointError(
                f"{path} holds the same network as {first[digest]}, expected each once: an "
                "ensemble averages different ones"
            )
        first[digest] = path


def _weights_digest(weights: Mapping[str, Tensor]) -> str:
    """Hex text that is another where a weight is."""
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.flatten().contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _model(checkpoint: Checkpoint, path: Path) -> SaltNet:
    try:
        return checkpoints.build_model(checkpoint)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
