from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from salt_report.common import pictures
from salt_report.common.pictures import OVERLAY

TRUTH = np.array([[1, 1, 0, 0]], np.uint8)
PREDICTED = np.array([[1, 0, 1, 0]], np.uint8)


def opened(address: str) -> np.ndarray:
    """Red, green, blue and opacity of each pixel."""
    kind, _, data = address.partition(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.array(image.convert("RGBA"))


def test_the_overlay_has_the_colours_of_its_legend() -> None:
    shown = opened(pictures.picture([pictures.overlay(TRUTH, PREDICTED)]))
    # In the picture: found, missed, false, rightly none.
    assert list(OVERLAY) == ["TP", "FN", "FP", "TN"]
    expected = [(*shade, 255) for _, shade in OVERLAY.values()]
    assert [tuple(pixel) for pixel in shown[0].tolist()] == expected


@pytest.mark.parametrize(
    ("name", "hue"), [("TP", "orange"), ("FN", "grey"), ("FP", "red"), ("TN", "blue")]
)
def test_the_colours_are_the_case_studys(name: str, hue: str) -> None:
    red, green, blue = OVERLAY[name][1]
    is_hue = {
        "orange": red > green > blue and green > 0.5 * red,
        "grey": red == green == blue,
        "red": red > 3 * max(green, blue),
        "blue": blue > 2 * max(red, green),
    }
    assert [each for each, holds in is_hue.items() if holds] == [hue]


def test_tiles_keep_their_grey_and_salt_is_yellow() -> None:
    tile = np.arange(256, dtype=np.uint8)[None]
    plain = opened(pictures.picture([pictures.grey(tile)]))
    assert (plain[..., 0] == plain[..., 1]).all()
    assert np.abs(plain[0, :, 0].astype(int) - tile[0]).max() <= 2
    mask = (tile >= 128).astype(np.uint8)
    shown = opened(pictures.picture([pictures.tinted(tile, mask)]))
    np.testing.assert_array_equal(shown[0, :128], plain[0, :128])
    salt = shown[0, 128:].astype(int)
    assert (salt[:, 0] > salt[:, 2] + 50).all()
    assert (salt[:, 1] > salt[:, 2] + 50).all()


def test_panels_lie_side_by_side() -> None:
    tile = np.full((101, 101), 80, np.uint8)
    shown = opened(pictures.picture([pictures.grey(tile), pictures.overlay(tile, tile)]))
    assert shown.shape == (101, 2 * 101 + pictures.GAP, 4)
    assert (shown[:, 101 : 101 + pictures.GAP, 3] == 0).all()
    assert tuple(shown[50, 150, :3]) == OVERLAY["TP"][1]
