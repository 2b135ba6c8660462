from __future__ import annotations

import numpy as np

from salt_report.common import kinds
from salt_report.common.reading import LabelledTiles


def slowly(mask: np.ndarray, tile: np.ndarray) -> dict[str, bool]:
    """Pixel by pixel."""
    rows = mask.tolist()
    salt = sum(value for row in rows for value in row)
    return {
        "black": not any(value for row in tile.tolist() for value in row),
        "vertical": 0 < salt < 10201 and all(row == rows[0] for row in rows),
        "tiny": 1 <= salt <= 50,
        "nearly full": salt >= 10098.99,
    }


def test_flags_are_those_of_a_slow_count(drawn: LabelledTiles) -> None:
    found = kinds.flags(drawn.masks, drawn.tiles)
    expected = [slowly(*pair) for pair in zip(drawn.masks, drawn.tiles, strict=True)]
    assert list(found) == list(kinds.KINDS)
    for name, flags in found.items():
        assert flags.tolist() == [each[name] for each in expected]
        assert flags.any(), name


def test_black_needs_the_tiles(drawn: LabelledTiles) -> None:
    assert list(kinds.flags(drawn.masks, None)) == ["vertical", "tiny", "nearly full"]


def test_the_borders_between_kinds() -> None:
    masks = np.zeros((5, 101, 101), np.uint8)
    for mask, salt in zip(masks, (0, 50, 51, 10098, 10099), strict=True):
        mask.ravel()[:salt] = 1
    found = kinds.flags(masks, None)
    assert found["tiny"].tolist() == [False, True, False, False, False]
    assert found["nearly full"].tolist() == [False, False, False, False, True]
    assert not found["vertical"].any()
