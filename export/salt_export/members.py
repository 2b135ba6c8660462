"""What the members of an ensemble score by themselves, beside what they score together."""

from __future__ import annotations

from collections.abc import Sequence

from salt_export.parity import Tiles
from salt_export.request import Job
from salt_infer.masks import metric
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.network.model import SaltNet
from salt_train.scoring import evaluate


def tell(
    job: Job,
    loaded: Sequence[Checkpoint],
    models: Sequence[SaltNet],
    tiles: Tiles,
    masks: Tiles | None,
) -> None:
    """Say of each member of several what a file of it alone would score: with the flip and its own
    threshold and gate. Nothing is said without masks to score against.

    Args:
        job: whose checkpoints they are, and who is told.
        loaded: the members.
        models: their networks.
        tiles: uint8 [M, 101, 101].
        masks: uint8 [M, 101, 101], 0 or 1.
    """
    if masks is None or len(models) == 1:
        return
    job.doing("scoring each network by itself")
    for path, checkpoint, model in zip(job.checkpoints, loaded, models, strict=True):
        drawn = evaluate.predict(model, tiles, "hflip").masks(checkpoint.decision)
        job.say(f"{path} by itself: score {metric.score(masks, drawn).mean:.4f}")
