from __future__ import annotations

import numpy as np
import pytest

from salt_infer.data import oddities, png
from tests import pngs

RAMP = np.array(pngs.ramp(), np.int64)
NOISE = np.random.default_rng(0).integers(-90, 90, (101, 101))


def wide(values: np.ndarray) -> bytes:
    return pngs.png(16, 0, [row.astype(">u2").tobytes() for row in values])


def grey(values: np.ndarray) -> bytes:
    return png.encode(values.astype(np.uint8))


def colours(*channels: np.ndarray) -> bytes:
    stacked = np.stack(channels, axis=-1).astype(np.uint8)
    return pngs.png(8, {3: 2, 4: 6}[len(channels)], [row.tobytes() for row in stacked])


FULL = np.full_like(RAMP, 255)
ODD = {
    "16 bits of which 8 are used": (wide(RAMP), "narrow-16"),
    "16 bits of which 12 are used": (wide(RAMP * 16), "narrow-16"),
    "16 bits around the middle": (wide(RAMP * 8 + 31_000), "narrow-16"),
    "signed 16 bits as unsigned": (wide((50 * NOISE).astype(np.int16).view(np.uint16)), "wrapped"),
    "8 bits of which 4 are used": (grey(RAMP // 16), "narrow-8"),
    "a third of the range": (grey(RAMP // 3), "faint"),
    "5 of 8 bits": (grey(RAMP // 8), "faint"),
    "14 of 16 bits": (wide(RAMP * 64), "faint"),
    "numbers 0..1 as 8 bits": (grey(RAMP // 200), "narrow-8"),
    "signed 8 bits as unsigned": (grey(NOISE.clip(-60, 60)), "wrapped"),
    "a mask": (grey((RAMP > 128) * 255), "two-valued"),
    "a colour map": (colours(RAMP, 255 - RAMP, RAMP), "coloured"),
    "half of it hidden": (colours(RAMP, RAMP, RAMP, FULL * (RAMP > 99)), "hidden"),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_cannot_be_meant(kind: str) -> None:
    data, expected = ODD[kind]
    examined = png.examine(data)
    assert examined.odd == (expected,)
    np.testing.assert_array_equal(examined.pixels, png.decode(data))


@pytest.mark.parametrize(
    "data",
    [
        grey(RAMP), wide(RAMP * 257), wide(FULL), grey(FULL * 0), grey(RAMP // 2), wide(RAMP * 128),
        colours(RAMP, RAMP, RAMP), colours(RAMP, RAMP, RAMP, FULL),
        colours(RAMP, RAMP.clip(8) - 8, RAMP), grey(RAMP.clip(0, 140)),
    ],
)  # fmt: skip
def test_what_is_as_it_should_be(data: bytes) -> None:
    assert png.examine(data).odd == ()


def test_each_kind_is_told_once_with_its_count() -> None:
    told = oddities.lines({"hidden": ["b", "a"], "narrow-16": ["c\n"]}, 5)
    assert [line[:20] for line in told] == ["1 of 5 tiles are 16-", "2 of 5 tiles are tra"]
    assert [line.rpartition(" (")[2] for line in told] == ["'c\\n')", "a, b)"]
    [many] = oddities.lines({"hidden": list("edcba")}, 5)
    assert many.endswith(" (a, b, c and 2 more)")
