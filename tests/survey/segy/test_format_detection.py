"""The byte order of integers, told by how they run on, and floats that are called integers."""

from __future__ import annotations

import numpy as np
import pytest

from salt_survey.segy import format_detection
from salt_survey.segy.create import encode
from salt_survey.segy.formats import FORMATS
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


@pytest.mark.parametrize("most", [1000, 1 << 22, 1 << 30])
def test_integers_without_a_sign_are_no_floats(most: int) -> None:
    """Half of their range is their middle: no word is small, nor a float that is an amplitude."""
    raw = encode(smooth(most, 4) + (1 << 31), 10, "big")
    assert format_detection.really(raw, layout(10, 4), "big") == (None, None)
    assert format_detection.swapped(raw, layout(10, 4), 10) is None


@pytest.mark.parametrize("code", [2, 10])
@pytest.mark.parametrize("really", [1, 5])
@pytest.mark.parametrize("most", [1e-6, 1.0, 30_000.0])
def test_floats_that_are_called_integers_are_told(code: int, really: int, most: float) -> None:
    raw = encode((smooth(20_000, 4) * most / 20_000).astype(np.float32), really, "big")
    assert format_detection.really(raw, layout(code, 4), "big")[0] == really


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.9), (2.3, 3.9)])
def test_floats_of_a_narrow_range_are_left(low: float, high: float) -> None:
    """All of their words are normalised IBM numbers, too."""
    numbers = low + (smooth(20_000, 4) / 40_000 + 0.5) * (high - low)
    raw = encode(numbers.astype(np.float32), 5, "big")
    assert format_detection.really(raw, layout(5, 4), "big") == (None, None)


@pytest.mark.parametrize("code", [3, 11, 8, 16])
@pytest.mark.parametrize(
    "values", [(0, 1), (1, 256), (255, 1), (127, 128), (32_767, 32_768), (0, 200)]
)
def test_integers_of_two_values_are_left(code: int, values: tuple[int, int]) -> None:
    width = FORMATS[code].width
    kept = np.where(smooth(100, 12) > 0, *values) % 256**width
    raw = kept.astype(f">u{width}").view(np.uint8)
    assert format_detection.swapped(raw, layout(code, width), code) is None
    assert format_detection.really(raw, layout(code, width), "big") == (None, None)
