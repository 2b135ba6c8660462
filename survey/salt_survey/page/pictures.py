"""Sections, maps and curves as pictures that stand in a page."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

SALT = (255, 120, 0)  # orange over grey: told apart by people who see fewer colours, too
_STRENGTH = 0.6  # of the tint where the probability is 1
_CLIP = (1, 99)  # per cent of the amplitudes that become black and white
_QUALITY = 82  # of JPEG
_RAMP = np.array([(246, 246, 240), (253, 205, 110), (240, 110, 30), (130, 20, 60), (40, 0, 60)])

Floats = npt.NDArray[np.float32]
Rgb = npt.NDArray[np.uint8]  # [H, W, 3]


def section(amplitude: Floats, salt: Floats | None = None) -> Rgb:
    """A section in grey, with salt in orange by its probability; float32 [samples, traces] each."""
    there = amplitude[amplitude != 0]
    low, high = np.percentile(there, _CLIP) if len(there) else (0.0, 1.0)
    grey = np.clip((amplitude - low) / max(high - low, 1e-30), 0, 1) * 255
    colours = np.repeat(grey[..., None], 3, axis=2)
    if salt is not None:
        tint = _STRENGTH * np.clip(salt, 0, 1)[..., None]
        colours = colours * (1 - tint) + np.array(SALT) * tint
    return np.asarray(colours.round(), np.uint8)


def heat(values: Floats, most: float) -> Rgb:
    """Numbers from 0 to ``most`` from light to dark, float32 [H, W]; NaN is grey."""
    share = np.clip(np.nan_to_num(values) / max(most, 1e-30), 0, 1) * (len(_RAMP) - 1)
    low = np.minimum(share.astype(int), len(_RAMP) - 2)
    part = (share - low)[..., None]
    colours = _RAMP[low] * (1 - part) + _RAMP[low + 1] * part
    colours[np.isnan(values)] = 190
    return np.asarray(colours.round(), np.uint8)


def classes(kinds: npt.NDArray[np.integer], palette: Sequence[tuple[int, int, int]]) -> Rgb:
    """Small integers [H, W] in colours of their own."""
    return np.asarray(np.array(palette, np.uint8)[kinds])


def jpeg(picture: Rgb, width: int, height: int) -> str:
    """A ``data:`` address of a picture, made to fit; a small one grows fourfold at most."""
    return _address(_fitted(picture, width, height, Image.Resampling.BILINEAR), "JPEG")


def png(picture: Rgb, width: int, height: int) -> str:
    """Likewise, without loss, each place as one colour."""
    return _address(_fitted(picture, width, height, Image.Resampling.NEAREST), "PNG")


def _fitted(picture: Rgb, width: int, height: int, method: Image.Resampling) -> Image.Image:
    rows, columns = picture.shape[:2]
    size = (_length(columns, width), _length(rows, height))
    return Image.fromarray(picture).resize(size, method)


def _length(now: int, most: int) -> int:
    return min(most, 4 * now)


def _address(image: Image.Image, kind: str) -> str:
    written = io.BytesIO()
    image.save(written, format=kind, quality=_QUALITY, optimize=True)
    data = base64.b64encode(written.getvalue()).decode()
    return f"data:image/{kind.lower()};base64,{data}"


def curves(alt: str, across: str, lines: Sequence[tuple[str, str, Sequence[float]]]) -> str:
    """Curves over one another as an ``<svg>``, each from 0 to 1.

    Args:
        alt: what they show, for those who cannot see it.
        across: what runs across, under them.
        lines: name, class of CSS, values.
    """
    drawn, names = [], []
    for number, (name, style, values) in enumerate(lines):
        count = max(1, len(values) - 1)
        points = " ".join(
            f"{10 + 300 * at / count:.1f},{130 - 110 * value:.1f}"
            for at, value in enumerate(values)
        )
        drawn.append(f'<polyline class="{style}" points="{points}"/>')
        names.append(
            f'<text class="{style}" x="{20 + 150 * number}" y="12">{html.escape(name)}</text>'
        )
    return (
        f'<svg viewBox="0 0 320 150" role="img" aria-label="{html.escape(alt)}">'
        '<line class="axis" x1="10" y1="130" x2="310" y2="130"/>'
        + "".join(drawn + names)
        + f'<text class="axis" x="160" y="146">{html.escape(across)}</text></svg>'
    )
