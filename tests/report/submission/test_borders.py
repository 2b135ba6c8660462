from __future__ import annotations

import math

import numpy as np
import pytest

from salt_infer.masks import metric
from salt_report.common.reading import LabelledTiles
from salt_report.submission import borders


def test_the_middle_is_the_middle() -> None:
    masks = np.arange(2 * 101 * 101).reshape(2, 101, 101)
    middle = borders.crop(masks)
    assert middle.shape == (2, 90, 90)
    assert (middle[0, 0, 0], middle[1, -1, -1]) == (masks[0, 5, 5], masks[1, 94, 94])


def test_the_middles_score(drawn: LabelledTiles, predicted: np.ndarray) -> None:
    found = borders.cropped(drawn.masks, predicted)
    parts = [masks[:, 5:95, 5:95] for masks in (drawn.masks, predicted)]
    whole, middle = metric.score(drawn.masks, predicted), metric.score(*parts)
    difference = middle.per_tile - whole.per_tile
    assert found.score == pytest.approx(middle.mean)
    assert found.gain == pytest.approx(middle.mean - whole.mean)
    assert (found.low, found.high) == pytest.approx(metric.interval(difference))
    gone = [
        bool(mask.any() and not part.any())
        for mask, part in zip(drawn.masks, parts[0], strict=True)
    ]
    assert found.emptied == sum(gone) > 0
    assert found.gain_elsewhere == pytest.approx(np.mean(difference[~np.array(gone)]))


def test_all_middles_emptied() -> None:
    mask = np.zeros((1, 101, 101), np.uint8)
    mask[0, 0, 0] = 1
    found = borders.cropped(mask, mask)
    assert found.emptied == 1
    assert math.isnan(found.gain_elsewhere)


@pytest.mark.parametrize("shape", [(7, 7), (4, 9), (101, 101)])
def test_distances(shape: tuple[int, int]) -> None:
    height, width = shape
    expected = [
        [min(y, x, height - 1 - y, width - 1 - x) for x in range(width)] for y in range(height)
    ]
    assert borders.distance(shape).tolist() == expected


def test_the_profile_is_that_of_a_slow_count(drawn: LabelledTiles, predicted: np.ndarray) -> None:
    truth, masks = drawn.masks[:20], predicted[:20]
    chosen = truth.any(axis=(1, 2))
    counted = np.zeros((51, 3))  # pixels, missed, false
    for mine, his in zip(truth[chosen], masks[chosen], strict=True):
        for y in range(101):
            for x in range(101):
                row = counted[min(y, x, 100 - y, 100 - x)]
                row += [1, mine[y, x] and not his[y, x], his[y, x] and not mine[y, x]]
    profile = borders.profile(truth, masks, chosen)
    assert profile.index.tolist() == list(range(51))
    np.testing.assert_allclose(profile.missed, counted[:, 1] / counted[:, 0])
    np.testing.assert_allclose(profile["false"], counted[:, 2] / counted[:, 0])
    assert profile.missed.any()
    assert profile["false"].any()
