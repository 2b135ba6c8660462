"""Tiles as small pictures in the page: what there is, what was predicted, where they differ."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

# The case study's overlay. Of a pixel: what it is called, and red, green, blue 0..255.
OVERLAY = {
    "TP": ("salt, found", (255, 159, 28)),  # orange
    "FN": ("salt, missed", (150, 150, 150)),  # grey
    "FP": ("false salt", (204, 16, 32)),  # red
    "TN": ("no salt, rightly", (38, 70, 150)),  # blue
}
SALT_TINT = (255, 221, 0)  # yellow, as the case study shows masks
GAP = 3  # px between the panels of a picture

# A picture has one byte a pixel: grey levels, the same tinted, the overlay, see-through.
_LEVELS = 125
_TINTED, _OVERLAY, _CLEAR = _LEVELS, 2 * _LEVELS, 255
_STRENGTH = 0.55  # of the tint

Panel = npt.NDArray[np.uint8]  # [H, W], as the palette has it


def grey(tile: npt.NDArray[np.uint8]) -> Panel:
    """A tile, uint8 [H, W], as it is."""
    return (tile.astype(np.uint16) * (_LEVELS - 1) // 255).astype(np.uint8)


def tinted(tile: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8]) -> Panel:
    """A tile with its salt in yellow; uint8 [H, W] each, salt where the mask is not zero."""
    return grey(tile) + np.where(mask != 0, _TINTED, 0).astype(np.uint8)


def overlay(truth: npt.NDArray[np.uint8], predicted: npt.NDArray[np.uint8]) -> Panel:
    """Truth and prediction in the colours of OVERLAY; [H, W] each, salt where not zero."""
    # The place among TP, FN, FP, TN.
    number = 3 - 2 * (truth != 0) - (predicted != 0)
    return np.asarray(_OVERLAY + number, dtype=np.uint8)


def picture(panels: Sequence[Panel]) -> str:
    """Panels of one height side by side, as a ``data:`` address of a PNG."""
    gap = np.full((panels[0].shape[0], GAP), _CLEAR, dtype=np.uint8)
    parts = [part for panel in panels for part in (panel, gap)][:-1]
    image = Image.fromarray(np.concatenate(parts, axis=1))
    image.putpalette(_palette())
    written = io.BytesIO()
    image.save(written, format="PNG", optimize=True, transparency=_CLEAR)
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode()


def _palette() -> bytes:
    greys = np.repeat(np.linspace(0, 255, _LEVELS)[:, None], 3, axis=1)
    tints = greys * (1 - _STRENGTH) + np.array(SALT_TINT) * _STRENGTH
    classes = np.array([shade for _, shade in OVERLAY.values()])
    clear = np.zeros((256 - _OVERLAY - len(classes), 3))
    return np.concatenate([greys, tints, classes, clear]).round().astype(np.uint8).tobytes()
