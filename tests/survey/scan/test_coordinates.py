"""Where a grid lies."""

from __future__ import annotations

import numpy as np
import pytest

from salt_survey.scan import geometry
from salt_survey.scan.coordinates import Positions, placing


@pytest.mark.parametrize("degrees", range(0, 360, 15))
def test_a_corner_at_nothing_has_no_sign(degrees: int) -> None:
    """Which sign a nothing of rounding has differs from one processor to another, and a run goes on
    only where the scan is the same.
    """
    rows, columns = np.divmod(np.arange(25), 5)
    angle = np.radians(degrees)
    x = 25 * (rows * np.cos(angle) - columns * np.sin(angle))
    y = 25 * (rows * np.sin(angle) + columns * np.cos(angle))
    numbers = (np.rint(1000 * each).astype(np.int32) for each in (x, y))
    positions = Positions.of(*numbers, np.full(25, -1000, np.int16))
    placed = placing(geometry.grid(rows, columns), positions)
    assert placed is not None
    assert "-0.0" not in {str(each) for corner in placed.corners for each in corner}
    assert placed.bins == pytest.approx((25, 25), abs=0.01)
    assert placed.off == 0
