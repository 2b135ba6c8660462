"""The byte order of integers, told by how they run on."""

from __future__ import annotations

import numpy as np
import pytest

from salt_survey.segy import format_detection
from salt_survey.segy.create import encode
from salt_survey.segy.layout import Layout

SAMPLES = 300


def layout(code: int, width: int) -> Layout:
    return Layout("big", code, SAMPLES, width, 3600, 0, 0, traces=100)


def smooth(most: float, over: int) -> np.ndarray:
    """Traces [100, SAMPLES] of noise that is summed over some samples, up to a number."""
    white = np.random.default_rng(over).standard_normal((100, SAMPLES + over))
    traces = np.stack([np.convolve(row, np.ones(over), "valid")[:SAMPLES] for row in white])
    return np.round(traces / np.abs(traces).max() * most)


@pytest.mark.parametrize("over", [1, 2, 4, 12, 40])
@pytest.mark.parametrize(
    ("code", "width", "most", "factor"),
    [
        (3, 2, 127, 256), (3, 2, 63, 512), (3, 2, 32_767, 1), (3, 2, 5, 1), (3, 2, 300, 1),
        (2, 4, 1 << 22, 256), (2, 4, 32_000, 1 << 16), (2, 4, 127, 1 << 24), (2, 4, 20_000, 1),
        (2, 4, 20_000, 1000), (2, 4, 5, 1), (9, 8, 20_000, 1 << 32), (9, 8, 20_000, 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("bent", ["", "spikes", "decay", "offset"])
def test_sound_integers_are_left(
    over: int, code: int, width: int, most: int, factor: int, bent: str
) -> None:
    numbers = smooth(most, over)
    if bent == "spikes":
        numbers[:, 7] = numbers.max()
    elif bent == "decay":
        numbers = np.round(numbers * np.exp(-np.arange(SAMPLES) / 80))
    elif bent == "offset":
        numbers = np.round(numbers / 2 + most / 2)
    raw = encode((numbers * factor).astype(np.float64), code, "big")
    assert format_detection.swapped(raw, layout(code, width), code) is None


@pytest.mark.parametrize("over", [4, 12])
@pytest.mark.parametrize(
    ("code", "width", "most", "factor"),
    [
        (3, 2, 32_767, 1), (3, 2, 300, 1), (2, 4, 1 << 22, 256), (2, 4, 32_000, 1 << 16),
        (2, 4, 20_000, 1), (2, 4, 20_000, 1000), (9, 8, 20_000, 1 << 32), (9, 8, 20_000, 1),
    ],
)  # fmt: skip
def test_swapped_ones_are_told(over: int, code: int, width: int, most: int, factor: int) -> None:
    raw = encode((smooth(most, over) * factor).astype(np.float64), code, "little")
    assert format_detection.swapped(raw, layout(code, width), code) is not None
