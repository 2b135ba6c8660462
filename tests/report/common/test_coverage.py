from __future__ import annotations

import numpy as np
import pandas as pd

from salt_report.common import coverage
from salt_report.common.reading import LabelledTiles


def test_the_histogram_and_classes_hold_every_tile_once(drawn: LabelledTiles) -> None:
    shares = [float(mask.sum()) / 10201 for mask in drawn.masks]
    known = pd.DataFrame(coverage.columns(drawn.masks))
    assert known.coverage.tolist() == shares
    assert known.salt_px.tolist() == [int(mask.sum()) for mask in drawn.masks]
    histogram = coverage.histogram(known)
    assert histogram.index.tolist() == list(range(0, 100, 5))
    for low, count in histogram.items():
        assert count == sum(low < 100 * share <= low + 5 for share in shares)
    classes = coverage.classes(known)
    for number in range(11):
        expected = sum((number - 1) / 10 < share <= number / 10 for share in shares)
        assert classes[number] == expected
    assert classes[0] == shares.count(0)


def test_masks_without_salt_are_in_no_bar() -> None:
    known = pd.DataFrame(coverage.columns(np.zeros((3, 101, 101), np.uint8)))
    assert coverage.histogram(known).sum() == 0
    assert coverage.classes(known)[0] == 3
