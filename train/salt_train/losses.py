"""Segmentation and judge losses; everything is computed in float32."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from salt_train.config import LossName
from salt_train.model import Logits


def total_loss(logits: Logits, masks: Tensor, name: LossName, judge_weight: float) -> Tensor:
    """Segmentation loss over the tiles with salt plus the judge's BCE over every tile.

    Args:
        logits: of B tiles.
        masks: float [B, H, W], 0 or 1.
        name: which segmentation loss.
        judge_weight: factor of the judge's part.

    Returns:
        Scalar. A batch without salt has the judge's part alone: the mean is over salt tiles, since
        zeroed logits would give Lovasz no gradient and only dilute the others.
    """
    has_salt = masks.flatten(1).any(dim=1)
    loss = judge_weight * F.binary_cross_entropy_with_logits(logits.judge.float(), has_salt.float())
    if bool(has_salt.any()):
        loss = loss + mask_loss(logits.mask[has_salt].float(), masks[has_salt], name)
    return loss


def mask_loss(logits: Tensor, masks: Tensor, name: LossName) -> Tensor:
    """Mean loss of float32 logits [B, H, W] against masks of the same shape."""
    bce = F.binary_cross_entropy_with_logits(logits, masks)
    if name == "bce":
        return bce
    return lovasz_hinge(logits, masks) + 0.1 * bce


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
