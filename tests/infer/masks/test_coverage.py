from __future__ import annotations

import numpy as np
import pytest

from salt_infer.masks import coverage


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [(0, 0), (1, 1), (1020, 1), (1021, 2), (9180, 9), (9181, 10), (10201, 10)],
)
def test_coverage_is_rounded_up(pixels: int, expected: int) -> None:
    mask = np.zeros(101 * 101, np.uint8)
    mask[:pixels] = 1
    assert coverage.coverage_class(mask.reshape(1, 101, 101)).tolist() == [expected]


def test_no_masks_have_no_classes() -> None:
    assert coverage.coverage_class(np.zeros((0, 101, 101))).shape == (0,)


def test_vertical_masks_are_of_whole_columns() -> None:
    masks = np.zeros((5, 101, 101), np.uint16)
    masks[1] = 65535  # full
    masks[2, :, 40:60] = 65535
    masks[3, 1:, 40:60] = 65535
    masks[4, :, 0], masks[4, :, 100] = 1, 2
    assert coverage.vertical(masks).tolist() == [False, False, True, False, True]


def test_what_masks_have_in_common() -> None:
    masks = np.zeros((4, 101, 101), np.uint8)
    empty, part, full, other = masks
    part[:50], full[:], other[:, :9] = 1, 1, 7

    def said(*chosen: np.ndarray) -> str | None:
        return coverage.one_sided(np.stack(chosen))

    assert said(empty, empty) == "no-salt"
    assert said(full, full) == said(full) == "only-salt"
    assert said(empty, full, full) == "whole"
    assert said(empty, full, part) is None
    assert said(empty, full) is None  # one full mask is no rule
    assert said(part, full) == said(part, other) == "no-empty"
    assert said(empty, part) is None
    assert coverage.one_sided(masks[:0]) is None
    assert coverage.ONE_SIDED.keys() == coverage.ASKED.keys()


def test_what_masks_to_score_against_have_in_common() -> None:
    empty, part, full = coverage.Sides(3), coverage.Sides(2, 2), coverage.Sides(2, 2, 2)
    assert empty.doubt().startswith("no mask has salt (3); are these the masks")
    assert full.doubt().startswith("every mask is nothing but salt (2); are these masks")
    assert empty.joined(full).doubt().startswith("every mask with salt is nothing but salt (5)")
    assert part.kind() == "no-empty"
    assert not part.doubt()  # scored on tiles with salt alone, as it may be wanted
    assert not empty.joined(part).doubt()
    assert not coverage.Sides().doubt()
