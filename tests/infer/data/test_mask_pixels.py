from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from salt_infer.data import png
from salt_infer.errors import TileError
from tests import pngs

SALT = np.zeros((101, 101), np.uint8)
SALT[20:60, 30:] = 1
NONE = np.zeros_like(SALT)
SOFT = np.tile(np.arange(101, dtype=np.uint8), (101, 1))
ALL = np.full_like(SALT, 255)


def file(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def palette(colours: list[int], transparency: bytes | None = None) -> bytes:
    image = Image.fromarray(SALT, "L")
    image.putpalette(colours)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=transparency)
    return buffer.getvalue()


def marked(value: int) -> bytes:
    """Grey 0 and 255, of which one is marked as transparent."""
    rows = [row.tobytes() for row in SALT * 255]
    return pngs.png(8, 0, rows, before=(pngs.chunk(b"tRNS", value.to_bytes(2, "big")),))


SALTY = {
    "red": file(np.dstack([SALT, NONE, NONE])),
    "blue of four classes": file(np.dstack([NONE, NONE, 4 * SALT])),
    "colour of a class": file(np.dstack([192 * SALT, NONE, 64 * SALT])),
    "palette, faint": palette([0, 0, 0, 0, 0, 4]),
    "palette, its background transparent": palette([0, 0, 0, 255, 0, 0], b"\0"),
    "palette, white and transparent": palette([255] * 6, b"\0\xff"),
    "opaque": file(np.dstack([255 * SALT] * 3 + [ALL])),
    "drawn on nothing": file(np.dstack([255 * SALT, NONE, NONE, 255 * SALT])),
    "white, cut out by alpha": file(np.dstack([ALL, ALL, ALL, 255 * SALT])),
    "white on black and on nothing": file(
        np.dstack([255 * SALT] * 3 + [np.maximum(255 * SALT, ALL * (np.arange(101) > 50))])
    ),
    "black marked as transparent": marked(0),
}


@pytest.mark.parametrize("kind", SALTY)
def test_salt_stands_in_any_channel(kind: str) -> None:
    np.testing.assert_array_equal(png.decode_mask(SALTY[kind]), SALT)


UNCLEAR = {
    "black, cut out by alpha": (
        file(np.dstack([NONE] * 3 + [255 * SALT])), "only its transparency differs",
    ),
    "hidden white": (file(np.dstack([255 * SALT] * 3 + [255 * (1 - SALT)])), "hide a colour"),
    "nothing to be seen": (file(np.dstack([255 * SALT] * 3 + [NONE])), "hide a colour"),
    "white marked as transparent": (marked(255), "hide a colour"),
    "soft edges": (file(np.dstack([ALL, ALL, ALL, SOFT])), "has 101 colours"),
    "two classes": (file(np.dstack([SALT, np.flipud(SALT), NONE])), "has 4 colours, expected"),
    "no black": (file(np.dstack([1 - SALT, SALT, NONE])), r"values \(0, 1, 0\) and \(1, 0, 0\)"),
    "a palette that is black": (palette([0] * 6), "palette's numbers 0 and 1"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNCLEAR)
def test_what_may_be_two_masks_is_none(kind: str) -> None:
    data, says = UNCLEAR[kind]
    with pytest.raises(TileError, match=says):
        png.decode_mask(data)


@pytest.mark.parametrize(
    ("pixels", "salty"),
    [(np.dstack([NONE] * 4), False), (np.dstack([ALL] * 3 + [NONE]), False),
     (np.dstack([ALL] * 4), True), (np.dstack([ALL, NONE, NONE]), True)],
)  # fmt: skip
def test_one_colour_everywhere(pixels: np.ndarray, salty: bool) -> None:
    np.testing.assert_array_equal(png.decode_mask(file(pixels)), np.full_like(SALT, salty))


def test_values_are_of_all_channels() -> None:
    assert png.values(SALTY["blue of four classes"]) == (0, 4)


def test_transparency_that_is_damaged_is_passed_over() -> None:
    rows = [row.tobytes() for row in SALT]
    data = pngs.png(8, 0, rows, before=(pngs.chunk(b"tRNS", b"\0\0\0"),))
    np.testing.assert_array_equal(png.decode_mask(data), SALT)
    assert png.examine(data).odd == ("narrow-8",)
