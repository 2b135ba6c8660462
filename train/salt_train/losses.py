"""Segmentation and judge losses; everything is computed in float32."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from salt_train.config import LossName, Stage
from salt_train.model import Logits

FOCAL_GAMMA = 2.0  # the paper's choice
LEVEL_WEIGHT = 0.1  # of each decoder level beside the output's 1, under deep supervision


def total_loss(
    logits: Logits,
    masks: Tensor,
    stage: Stage,
    judge_weight: float,
    salt_share: Tensor | float = 1.0,
) -> Tensor:
    """Mask loss plus the judge's BCE over every tile.

    With a judge the mask's loss is the mean over tiles with salt: whether there is any is the
    judge's to learn, and zeroed logits would give Lovasz no gradient and only dilute the others.
    Without one it is the mean over all tiles.

    Args:
        logits: of B tiles.
        masks: float [B, H, W], 0 or 1.
        stage: which mask loss.
        judge_weight: factor of the judge's part.
        salt_share: factor of the mask's part: where several processes share a batch, this one's
            tiles with salt relative to the mean over processes.

    Returns:
        Scalar. A batch without salt has the judge's part alone.
    """
    if logits.judge is None:
        return _all_levels(logits, masks, stage)
    has_salt = masks.flatten(1).any(dim=1)
    loss = judge_weight * F.binary_cross_entropy_with_logits(logits.judge.float(), has_salt.float())
    if bool(has_salt.any()):
        chosen = Logits(
            logits.mask[has_salt], None, tuple(level[has_salt] for level in logits.levels)
        )
        loss = loss + salt_share * _all_levels(chosen, masks[has_salt], stage)
    return loss


def salt_tiles(masks: Tensor) -> Tensor:
    """Number of masks [B, H, W] with any salt, as a float scalar."""
    return masks.flatten(1).any(dim=1).sum().float()


def _all_levels(logits: Logits, masks: Tensor, stage: Stage) -> Tensor:
    """Mask loss of the output, and of the decoder levels under deep supervision."""
    loss = mask_loss(logits.mask.float(), masks, stage)
    for level in logits.levels:
        loss = loss + LEVEL_WEIGHT * mask_loss(level.float(), masks, stage)
    return loss


def mask_loss(logits: Tensor, masks: Tensor, stage: Stage) -> Tensor:
    """Mean loss of float32 logits [B, H, W] against masks of the same shape."""
    loss = _LOSSES[stage.loss](logits, masks)
    if stage.loss.endswith("lovasz") and stage.bce_weight:
        loss = loss + stage.bce_weight * bce(logits, masks)
    return loss


def bce(logits: Tensor, masks: Tensor) -> Tensor:
    """Binary cross-entropy, mean over all pixels."""
    return F.binary_cross_entropy_with_logits(logits, masks)


def focal(logits: Tensor, masks: Tensor) -> Tensor:
    """BCE with each pixel weighted by (1 - p)^2, p the probability given to the truth: pixels that
    are right already count little (Lin et al., "Focal Loss for Dense Object Detection", 2017).
    """
    each = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    return ((1.0 - torch.exp(-each)) ** FOCAL_GAMMA * each).mean()


def symmetric_lovasz(logits: Tensor, masks: Tensor) -> Tensor:
    """Mean of the Lovasz hinge of the salt and that of everything else."""
    return 0.5 * (lovasz_hinge(logits, masks) + lovasz_hinge(-logits, 1.0 - masks))


def lovasz_hinge(logits: Tensor, masks: Tensor) -> Tensor:
    """Lovasz hinge, each tile by itself, averaged (Berman et al., CVPR 2018).

    ``elu(error) + 1`` stands for ``relu(error)``, as the winning competitors used it: pixels on
    the right side of the margin keep a small gradient.

    Args:
        logits: float32 [B, H, W].
        masks: float [B, H, W], 0 or 1.
    """
    labels = masks.flatten(1)
    errors = 1.0 - logits.flatten(1) * (2.0 * labels - 1.0)
    ordered, order = errors.sort(dim=1, descending=True)
    weights = _lovasz_gradient(labels.gather(1, order))
    return ((F.elu(ordered) + 1.0) * weights).sum(dim=1).mean()


def _lovasz_gradient(labels: Tensor) -> Tensor:
    """Increase of the Jaccard loss with each further error; [B, P] sorted labels -> [B, P]."""
    salt = labels.sum(dim=1, keepdim=True)
    intersection = salt - labels.cumsum(dim=1)
    union = salt + (1.0 - labels).cumsum(dim=1)
    jaccard = 1.0 - intersection / union
    return torch.cat([jaccard[:, :1], jaccard[:, 1:] - jaccard[:, :-1]], dim=1)


_LOSSES: dict[LossName, Callable[[Tensor, Tensor], Tensor]] = {
    "bce": bce,
    "focal": focal,
    "lovasz": lovasz_hinge,
    "symmetric-lovasz": symmetric_lovasz,
}
