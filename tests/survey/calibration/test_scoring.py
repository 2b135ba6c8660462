from __future__ import annotations

import numpy as np
import pytest

from salt_survey.calibration.scoring import NONE, SALT, UNKNOWN, Agreement

LABEL = np.array([[SALT, SALT, NONE, NONE, UNKNOWN]], np.uint8)


def of(*values: int) -> Agreement:
    return Agreement.of(np.array([values], np.uint8), LABEL)


def test_what_is_right_scores_1() -> None:
    right = of(255, 200, 10, 0, 255)
    assert right.iou(0.5) == 1
    assert right.average_precision == 1


def test_iou_counts_false_and_missed_salt() -> None:
    assert of(255, 0, 255, 0, 0).iou(0.5) == pytest.approx(1 / 3)
    assert of(0, 0, 0, 0, 255).iou(0.5) == 0


def test_the_threshold_itself_is_not_above_it() -> None:
    assert of(128, 128, 0, 0, 0).iou(128 / 255) == 0
    assert of(128, 128, 0, 0, 0).iou(0.5) == 1


def test_average_precision_is_that_of_the_ranks() -> None:
    # Found in the order: salt, none, salt, none.
    assert of(250, 150, 200, 100, 0).average_precision == pytest.approx((1 + 2 / 3) / 2)


def test_ties_are_taken_together() -> None:
    assert of(9, 9, 9, 9, 0).average_precision == 0.5


def test_the_best_threshold_is_found() -> None:
    threshold, iou = of(90, 80, 70, 0, 0).best()
    assert iou == 1
    assert 70 / 255 <= threshold < 80 / 255
