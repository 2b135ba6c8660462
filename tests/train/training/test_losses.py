from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from salt_train.network.model import Logits
from salt_train.settings.config import LossName, Stage
from salt_train.training.losses import (
    bce,
    dice,
    focal,
    has_salt,
    lovasz_hinge,
    mask_loss,
    symmetric_lovasz,
    total_loss,
)

BCE = Stage("bce", 1)


def random(shape: tuple[int, ...], seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(shape, generator=generator, dtype=torch.float64)
    masks = (torch.rand(shape, generator=generator) > 0.6).to(torch.float64)
    return logits, masks


def slow_lovasz(logits: np.ndarray, mask: np.ndarray) -> float:
    """Sum over the errors in falling order of error times the growth of the Jaccard loss."""
    errors = [1 - value * (1 if salt else -1) for value, salt in zip(logits, mask, strict=True)]
    order = sorted(range(len(errors)), key=lambda index: -errors[index])

    def jaccard_loss(wrong: set[int]) -> float:
        truth = {index for index, salt in enumerate(mask) if salt}
        predicted = truth ^ wrong
        union = len(truth | predicted)
        return 1 - len(truth & predicted) / union if union else 0.0

    total, wrong = 0.0, set[int]()
    for index in order:
        growth = jaccard_loss(wrong | {index}) - jaccard_loss(wrong)
        wrong = wrong | {index}
        error = errors[index]
        total += growth * ((error if error > 0 else np.expm1(error)) + 1)
    return float(total)


@pytest.mark.parametrize("seed", range(5))
def test_lovasz_agrees_with_its_definition(seed: int) -> None:
    logits, masks = random((3, 4, 5), seed)
    expected = [
        slow_lovasz(a.ravel(), b.ravel())
        for a, b in zip(logits.numpy(), masks.numpy(), strict=True)
    ]
    assert lovasz_hinge(logits, masks).tolist() == pytest.approx(expected)


def test_lovasz_gradient() -> None:
    logits, masks = random((2, 3, 4))
    assert torch.autograd.gradcheck(lambda x: lovasz_hinge(x, masks), logits.requires_grad_())


def slow_pixels(logits: Tensor, masks: Tensor, gamma: float) -> float:
    total = 0.0
    for logit, salt in zip(logits.ravel().tolist(), masks.ravel().tolist(), strict=True):
        p = 1 / (1 + math.exp(-logit))
        p = p if salt else 1 - p
        total -= (1 - p) ** gamma * math.log(p)
    return total / logits.numel()


def test_pixel_losses_agree_with_their_definitions() -> None:
    logits, masks = random((2, 5, 7))
    tiles = list(zip(logits, masks, strict=True))
    expected = [slow_pixels(*tile, 0) for tile in tiles]
    assert bce(logits, masks).tolist() == pytest.approx(expected)
    for gamma in (0.5, 2.0):
        expected = [slow_pixels(*tile, gamma) for tile in tiles]
        assert focal(logits, masks, gamma).tolist() == pytest.approx(expected)
        stage = Stage("focal", 1, focal_gamma=gamma)
        assert torch.equal(mask_loss(logits, masks, stage), focal(logits, masks, gamma))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_sure_pixels_have_a_finite_focal_gradient(gamma: float) -> None:
    logits = torch.tensor([[[-200.0, -30.0, 0.0, 30.0, 200.0]]]).requires_grad_()
    for salt in (0.0, 1.0):
        focal(logits, torch.full((1, 1, 5), salt), gamma).sum().backward()  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        assert bool(torch.isfinite(logits.grad).all())


def test_symmetric_lovasz_treats_salt_and_rest_alike() -> None:
    logits, masks = random((3, 4, 5))
    both = float(symmetric_lovasz(logits, masks).mean())
    assert both == pytest.approx(float(symmetric_lovasz(-logits, 1 - masks).mean()))
    parts = [
        slow_lovasz(sign * a.ravel(), salt.ravel())
        for a, b in zip(logits.numpy(), masks.numpy(), strict=True)
        for sign, salt in ((1, b), (-1, 1 - b))
    ]
    assert both == pytest.approx(np.mean(parts))


@pytest.mark.parametrize("loss", [bce, dice, partial(focal, gamma=1.5), symmetric_lovasz])
def test_gradients(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    logits, masks = random((2, 3, 4))
    assert torch.autograd.gradcheck(lambda x: loss(x, masks), logits.requires_grad_())


@pytest.mark.parametrize("name", get_args(LossName))
def test_better_masks_cost_less(name: LossName) -> None:
    _, masks = random((2, 8, 8))
    right, stage = (masks * 2 - 1) * 5, Stage(name, 1)
    assert bool((mask_loss(right, masks, stage) < mask_loss(-right, masks, stage) / 10).all())


def test_dice_is_that_of_the_masks_where_the_network_is_sure() -> None:
    """Of sets: 2 |A and B| / (|A| + |B|), with a pixel added to both sides."""
    _, found = random((5, 12, 12))
    _, masks = random((5, 12, 12), 1)
    expected = [
        1 - (2 * int((a & b).sum()) + 1) / (int(a.sum()) + int(b.sum()) + 1)
        for a, b in zip(found.bool(), masks.bool(), strict=True)
    ]
    assert dice((found * 2 - 1) * 100, masks).tolist() == pytest.approx(expected)
    nothing = torch.zeros(1, 101, 101)
    assert float(dice(nothing - 100, nothing)) == 0.0


def test_bce_is_added_to_losses_of_regions_alone() -> None:
    logits, masks = random((2, 8, 8))
    plain = mask_loss(logits, masks, Stage("lovasz", 1, bce_weight=0.0))
    torch.testing.assert_close(plain, lovasz_hinge(logits, masks))
    more = mask_loss(logits, masks, Stage("lovasz", 1, bce_weight=0.3))
    torch.testing.assert_close(more, plain + 0.3 * bce(logits, masks))
    alone = mask_loss(logits, masks, Stage("bce", 1, bce_weight=0.3))
    torch.testing.assert_close(alone, bce(logits, masks))


def test_only_salt_tiles_count_for_the_mask_and_all_for_the_judge() -> None:
    logits, masks = random((4, 6, 6))
    masks[2:] = 0
    judge = torch.tensor([2.0, -1.0, 0.5, 3.0])
    loss = total_loss(Logits(logits, judge), masks, BCE, judge_weight=0.5)
    expected = mask_loss(logits[:2].float(), masks[:2], BCE).mean() + 0.5 * (
        torch.nn.functional.binary_cross_entropy_with_logits(judge, torch.tensor([1.0, 1, 0, 0]))
    )
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_a_batch_without_salt_trains_the_judge_alone() -> None:
    logits, masks = random((2, 6, 6))
    logits.requires_grad_()
    judge = torch.zeros(2, requires_grad=True)
    total_loss(Logits(logits, judge), masks * 0, Stage("lovasz", 1), judge_weight=1.0).backward()
    assert logits.grad is not None
    assert not logits.grad.any()
    assert judge.grad is not None
    assert bool((judge.grad > 0).all())


@pytest.mark.parametrize("name", get_args(LossName))
def test_without_a_judge_every_tile_counts_for_the_mask(name: LossName) -> None:
    logits, masks = random((3, 6, 6))
    masks[2] = 0
    stage = Stage(name, 1)
    loss = total_loss(Logits(logits, None), masks, stage, judge_weight=0.5)
    tiles = zip(logits.float(), masks, strict=True)
    each = [float(mask_loss(tile[None], mask[None], stage)) for tile, mask in tiles]
    assert float(loss) == pytest.approx(np.mean(each), rel=1e-5)
    empty = Logits(torch.full((2, 6, 6), -4.0, requires_grad=True), None)
    total_loss(empty, masks[:2] * 0, stage, judge_weight=0.5).backward()
    assert empty.mask.grad is not None
    assert bool(torch.isfinite(empty.mask.grad).all())
    assert float(empty.mask.grad.sum()) > 0  # towards no salt


def test_levels_count_as_the_stage_says_and_on_salt_tiles_only() -> None:
    stage = Stage("bce", 1, level_weight=0.3)
    logits, masks = random((4, 6, 6))
    masks[2:] = 0
    levels = tuple(random((4, 6, 6), seed)[0] for seed in (1, 2, 3))
    judge = torch.tensor([2.0, -1.0, 0.5, 3.0])
    plain = total_loss(Logits(logits, judge), masks, stage, judge_weight=0.5)
    deep = total_loss(Logits(logits, judge, levels), masks, stage, judge_weight=0.5)
    more = sum(float(bce(level[:2].float(), masks[:2]).mean()) for level in levels)
    assert float(deep - plain) == pytest.approx(0.3 * more, rel=1e-5)
    alone = total_loss(Logits(logits, None, levels), masks, stage, 0.5)
    everywhere = [float(bce(level.float(), masks).mean()) for level in (logits, *levels)]
    expected = everywhere[0] + 0.3 * sum(everywhere[1:])
    assert float(alone) == pytest.approx(expected, rel=1e-5)


def test_parts_of_a_batch_weighed_by_their_salt_average_to_the_whole() -> None:
    """As processes share it: three salt tiles in one half, one in the other."""
    logits, masks = random((6, 6, 6))
    masks[4:] = 0
    judge = torch.linspace(-1, 1, 6)
    whole = total_loss(Logits(logits, judge), masks, BCE, judge_weight=0.5)
    parts = []
    for part in (slice(0, 3), slice(3, 6)):
        share = float(has_salt(masks[part]).sum()) / (float(has_salt(masks).sum()) / 2)
        parts.append(total_loss(Logits(logits[part], judge[part]), masks[part], BCE, 0.5, share))
    assert float(sum(parts) / 2) == pytest.approx(float(whole), rel=1e-5)
    assert [float(has_salt(masks[part]).sum()) for part in (slice(0, 3), slice(3, 6))] == [3, 1]


@pytest.mark.parametrize("name", get_args(LossName))
def test_pixels_that_are_unknown_are_as_if_they_were_not_there(name: LossName) -> None:
    stage = Stage(name, 1, bce_weight=0.3)
    logits, masks = random((3, 6, 8))
    logits, known = logits.double().requires_grad_(), torch.ones(3, 6, 8, dtype=torch.float64)
    known[:, :, 5:] = 0
    found = mask_loss(logits, masks * known, stage, known)
    expected = mask_loss(logits[:, :, :5], masks[:, :, :5], stage)
    torch.testing.assert_close(found, expected)
    gradients = (torch.autograd.grad(each.sum(), logits)[0] for each in (found, expected))
    torch.testing.assert_close(*gradients)
    nothing = mask_loss(logits, masks * 0, stage, known * 0)
    assert nothing.tolist() == [0, 0, 0]
    assert not torch.autograd.grad(nothing.sum(), logits)[0].any()
    whole = mask_loss(logits, masks, stage, torch.ones_like(known))
    torch.testing.assert_close(whole, mask_loss(logits, masks, stage))


def test_a_judge_learns_nothing_of_tiles_that_may_have_salt_where_they_are_unknown() -> None:
    logits, masks = random((3, 6, 6))
    masks[1:] = 0
    known = torch.ones(3, 6, 6)
    known[:2, 0] = masks[:2, 0] = 0
    judge = torch.tensor([0.3, -1.0, 2.0], requires_grad=True)
    levels = (random((3, 6, 6), 1)[0],)
    stage = Stage("bce", 1, level_weight=0.3)
    loss = total_loss(Logits(logits, judge, levels), masks, stage, 0.5, known=known)
    rows = [bce(each[:1, 1:].float(), masks[:1, 1:]) for each in (logits, *levels)]
    judged = -(judge.sigmoid()[0].log() + (1 - judge.sigmoid()[2]).log()) / 3
    expected = (rows[0] + 0.3 * rows[1] + 0.5 * judged).item()
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert judge.grad is not None
    assert [bool(each) for each in judge.grad] == [True, False, True]


def test_what_a_teacher_says_of_a_tile_is_its_weight_and_what_the_judge_learns() -> None:
    logits, masks = random((3, 6, 6))
    judge, salt = torch.tensor([0.3, -1.0, 2.0]), torch.tensor([1.0, 0.25, 0.5])
    loss = total_loss(Logits(logits, judge), masks, BCE, judge_weight=0.5, salt=salt)
    each = bce(logits, masks)
    chance = judge.sigmoid()
    judged = -(salt * chance.log() + (1 - salt) * (1 - chance).log()).mean()
    expected = 0.5 * judged + (each[0] + 0.25 * each[1] + 0.5 * each[2]) / 1.75
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_without_a_judge_pixels_learn_that_a_tile_has_no_salt_too() -> None:
    """A teacher's pixels say where salt is if there is any, and in empty tiles anything."""
    logits, masks = random((3, 6, 6))
    salt = torch.tensor([1.0, 0.0, 0.25], dtype=torch.float64)
    loss = total_loss(Logits(logits, None), masks, BCE, judge_weight=0.5, salt=salt)
    wanted = torch.stack([masks[0], masks[1] * 0, masks[2] / 4])
    assert float(loss) == pytest.approx(float(bce(logits, wanted).mean()), rel=1e-6)
    hard = total_loss(Logits(logits, None), masks, BCE, judge_weight=0.5, salt=has_salt(masks))
    assert float(hard) == float(total_loss(Logits(logits, None), masks, BCE, judge_weight=0.5))


def test_the_teachers_own_logits_have_the_least_bce() -> None:
    wanted = torch.linspace(0.05, 0.95, 36).view(1, 6, 6)
    logits = wanted.logit().requires_grad_()
    bce(logits, wanted).sum().backward()
    assert logits.grad is not None
    assert float(logits.grad.abs().max()) < 1e-7


def test_losses_of_regions_take_what_is_likelier() -> None:
    logits, masks = random((4, 6, 6))
    doubtful = masks * 0.4 + 0.3
    assert torch.equal(lovasz_hinge(logits, doubtful), lovasz_hinge(logits, masks))
    assert torch.equal(symmetric_lovasz(logits, doubtful), symmetric_lovasz(logits, masks))
    assert torch.equal(dice(logits, doubtful), dice(logits, masks))
