"""Segmentation and judge losses; everything is computed in float32."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from salt_train.network.model import Logits
from salt_train.settings.config import Stage

_SMALLEST_SHARE = 1e-8  # below what 1 - p can be in float32, but for 0
_DICE_PIXELS = 1.0  # added to both sides: a tile without salt, and hardly any found, loses little


def total_loss(
    logits: Logits,
    masks: Tensor,
    stage: Stage,
    judge_weight: float,
    salt_share: Tensor | float = 1.0,
    salt: Tensor | None = None,
    known: Tensor | None = None,
) -> Tensor:
    """Mask loss plus the judge's BCE over every tile.

    With a judge the mask's loss is the mean over tiles with salt: whether there is any is the
    judge's to learn, and zeroed logits would give Lovasz no gradient and only dilute the others.
    Without one it is the mean over all tiles, and its pixels have to say whether there is any.

    Args:
        logits: of B tiles.
        masks: float [B, H, W], 0..1; for Lovasz and Dice each pixel is what is likelier.
        stage: which mask loss.
        judge_weight: factor of the judge's part.
        salt_share: factor of the mask's part: where several processes share a batch, this one's
            tiles with salt relative to the mean over processes.
        salt: float [B], 0..1, probability that a tile has any, where the masks do not say: the
            judge learns it, and the tile counts so much for the mask. Without a judge the mask is
            multiplied by it.
        known: float [B, H, W], 0 where a mask does not count, and is 0, else 1; default: all of it
            does. A tile without salt in what is known, and not all of which is known, counts
            nothing for the judge.

    Returns:
        Scalar. A batch without salt has the judge's part alone; the mask's gradients are 0 then.
    """
    if logits.judge is None:
        whole = masks if salt is None else masks * salt[:, None, None]
        return _all_levels(logits, whole, stage, known).mean()
    each = _all_levels(logits, masks, stage, known)
    # Tiles without salt count nothing, and are not left out: to know which they are the host would
    # have to wait for the device. So every weight has a gradient, be there salt or not.
    salty = has_salt(masks) if salt is None else salt
    told = None if known is None else torch.maximum(has_salt(masks), known.amin((1, 2)))
    judged = F.binary_cross_entropy_with_logits(logits.judge.float(), salty, told)
    masked = (each * salty).sum() / salty.sum().clamp(min=1.0)
    return judge_weight * judged + salt_share * masked


def has_salt(masks: Tensor) -> Tensor:
    """Which of the masks [B, H, W] have any salt: float [B], 0 or 1."""
    return masks.flatten(1).any(dim=1).float()


def _all_levels(logits: Logits, masks: Tensor, stage: Stage, known: Tensor | None) -> Tensor:
    """Each tile's mask loss, [B], of the output, and under deep supervision of the levels too."""
    loss = mask_loss(logits.mask.float(), masks, stage, known)
    for level in logits.levels:
        loss = loss + stage.level_weight * mask_loss(level.float(), masks, stage, known)
    return loss


def mask_loss(logits: Tensor, masks: Tensor, stage: Stage, known: Tensor | None = None) -> Tensor:
    """Each tile's loss, [B], of float32 logits [B, H, W] against masks of the same shape; of the
    pixels that are known, see :func:`total_loss`.
    """
    if stage.loss == "bce":
        return bce(logits, masks, known)
    if stage.loss == "focal":
        return focal(logits, masks, stage.focal_gamma, known)
    loss = _OF_REGIONS[stage.loss](logits, masks, known)
    return loss + stage.bce_weight * bce(logits, masks, known) if stage.bce_weight else loss


def bce(logits: Tensor, masks: Tensor, known: Tensor | None = None) -> Tensor:
    """Binary cross-entropy, mean over each tile's pixels that are known: [B]."""
    each = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    return _mean(each, known)


def focal(logits: Tensor, masks: Tensor, gamma: float, known: Tensor | None = None) -> Tensor:
    """BCE with each pixel weighted by (1 - p)^gamma, p the probability given to the truth: pixels
    that are right already count little (Lin et al., "Focal Loss for Dense Object Detection", 2017,
    who chose a gamma of 2).
    """
    each = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    # Below a gamma of 1 the power's slope at 0 is infinite, and a sure pixel's gradient NaN.
    wrong = (1.0 - torch.exp(-each)).clamp(min=_SMALLEST_SHARE)
    return _mean(wrong**gamma * each, known)


def _mean(each: Tensor, known: Tensor | None) -> Tensor:
    """Mean over each tile's pixels that are known, 0 where none is: [B, H, W] -> [B]."""
    if known is None:
        return each.mean((1, 2))
    return (each * known).sum((1, 2)) / known.sum((1, 2)).clamp(min=1.0)


def dice(logits: Tensor, masks: Tensor, known: Tensor | None = None) -> Tensor:
    """1 less the soft Dice of each tile by itself, [B] (Milletari et al., "V-Net", 2016, with plain
    sums below instead of sums of squares).

    Args:
        logits: float32 [B, H, W].
        masks: float [B, H, W], 0..1, of which what is likelier counts.
        known: see :func:`total_loss`.
    """
    counted = 1.0 if known is None else known
    found, salt = torch.sigmoid(logits) * counted, (masks > 0.5).float() * counted
    both, either = (found * salt).sum((1, 2)), (found + salt).sum((1, 2))
    return 1.0 - (2.0 * both + _DICE_PIXELS) / (either + _DICE_PIXELS)


def symmetric_lovasz(logits: Tensor, masks: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean of the Lovasz hinge of the salt and that of everything else: [B]."""
    salt, rest = lovasz_hinge(logits, masks, known), lovasz_hinge(-logits, 1.0 - masks, known)
    return 0.5 * (salt + rest)


def lovasz_hinge(logits: Tensor, masks: Tensor, known: Tensor | None = None) -> Tensor:
    """Lovasz hinge of each tile by itself, [B] (Berman et al., CVPR 2018).

    ``elu(error) + 1`` stands for ``relu(error)``, as the winning competitors used it: pixels on
    the right side of the margin keep a small gradient.

    Args:
        logits: float32 [B, H, W].
        masks: float [B, H, W], 0..1, of which what is likelier counts.
        known: see :func:`total_loss`.
    """
    labels = (masks.flatten(1) > 0.5).float()
    errors = 1.0 - logits.flatten(1) * (2.0 * labels - 1.0)
    if known is not None:  # the last of all, where the hinge is 0: no other's weight sees them
        labels = labels * known.flatten(1)
        errors = errors.masked_fill(known.flatten(1) == 0.0, -math.inf)
    ordered, order = errors.sort(dim=1, descending=True)
    weights = _lovasz_gradient(labels.gather(1, order))
    return ((F.elu(ordered) + 1.0) * weights).sum(dim=1)


def _lovasz_gradient(labels: Tensor) -> Tensor:
    """Increase of the Jaccard loss with each further error; [B, P] sorted labels -> [B, P]."""
    salt = labels.sum(dim=1, keepdim=True)
    intersection = salt - labels.cumsum(dim=1)
    union = salt + (1.0 - labels).cumsum(dim=1)
    jaccard = 1.0 - intersection / union
    return torch.cat([jaccard[:, :1], jaccard[:, 1:] - jaccard[:, :-1]], dim=1)


_OF_REGIONS = {"dice": dice, "lovasz": lovasz_hinge, "symmetric-lovasz": symmetric_lovasz}
