"""What is odd about a tile that can be read: signs of grey values that are no amplitudes.

A valid PNG may hold numbers that were never stretched, a colour map, or what nobody sees. A model
answers all the same, and its answer looks like any other: so such tiles are counted and told of.
Of the competition's tiles that are not of one grey, none leaves an eighth of its range unused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from salt_infer.system.text import shown

Odd = Mapping[str, Sequence[str]]  # ids of tiles by the keys of WHAT

# Of one tile and of many.
WHAT = {
    "narrow-16": "16-bit, with at most 1/16 of the range in use: stretched to 0..65535?",
    "narrow-8": "8-bit, with at most 1/16 of the range in use: stretched to 0..255?",
    "faint": "of less than 2/5 of the range of greys: the shipped model knows tiles that are each "
    "stretched to all of it, and finds other masks in fainter ones",
    "wrapped": "dark and bright with no grey between: were signed numbers saved as unsigned?",
    "two-valued": "made of two values alone, as masks are",
    "coloured": "coloured, and read by brightness, which colour maps do not keep in order: "
    "write the amplitudes as grey",
    "hidden": "transparent in places, where what is hidden was read: write without alpha",
}

_SHARE, _FAINT = 1 / 16, 2 / 5  # of a range
_TINT = 16  # of 255; what JPEG makes of grey differs by less from channel to channel
_MIDDLE = slice(64, 192)  # between the dark and the bright quarter of 256 levels
_MANY = 0.1  # of the pixels
_NAMED = 3  # tiles in a sentence


def of(
    stored: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    grey: npt.NDArray[np.uint8],
    transparency: npt.NDArray[np.uint8] | None,
) -> tuple[str, ...]:
    """Keys of WHAT, for one tile.

    Args:
        stored: uint8 [H, W, C], or uint16 [H, W, 1]: the colours.
        grey: uint8 [H, W], what they were read as.
        transparency: uint8 [H, W], 255 where a pixel is opaque; None where all are.
    """
    found = _of_greys(stored, grey)
    if stored.shape[2] > 1 and _tint(stored) > _TINT:
        found = "coloured"
    hidden = transparency is not None and bool((transparency < 255).any())
    return tuple(kind for kind in (found, "hidden" if hidden else "") if kind)


def of_greys(tiles: npt.NDArray[np.uint8]) -> list[tuple[str, ...]]:
    """The same for opaque 8-bit grey tiles, uint8 [N, H, W]: what all have in common is looked at
    for all at once, and a glance at a row clears most of the rest.
    """
    flat, row = tiles.reshape(len(tiles), -1), tiles[:, tiles.shape[1] // 2]
    low, high = flat.min(axis=1), flat.max(axis=1)
    wide = high - low >= 256 * _FAINT
    third = ((row != low[:, None]) & (row != high[:, None])).any(axis=1)
    middle = ((row >= _MIDDLE.start) & (row < _MIDDLE.stop)).any(axis=1)
    cleared = (low == high) | (wide & third & middle)
    return [
        () if sure else of(tile[:, :, None], tile, None)
        for tile, sure in zip(tiles, cleared.tolist(), strict=True)
    ]


def lines(found: Odd, tiles: int) -> tuple[str, ...]:
    """A sentence for each kind that was met, in the order of WHAT.

    Args:
        found: tiles that are odd.
        tiles: how many were read.
    """
    return tuple(
        f"{len(ids)} of {tiles} tiles are {text} ({_some(ids)})"
        for kind, text in WHAT.items()
        if (ids := found.get(kind, ()))
    )


def add(found: dict[str, list[str]], name: str, kinds: Iterable[str]) -> None:
    """Note a tile that is of some kinds."""
    for kind in kinds:
        found.setdefault(kind, []).append(name)


def _some(ids: Sequence[str]) -> str:
    names = sorted(ids)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(shown, names[:_NAMED])) + more


def _of_greys(
    stored: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], grey: npt.NDArray[np.uint8]
) -> str:
    wide = stored.dtype == np.uint16
    values = stored if wide else grey
    low, high = int(values.min()), int(values.max())
    if low == high:  # tiles of one grey are common, and right
        return ""
    levels = 65536 if wide else 256
    if high - low < levels * _SHARE:
        return "narrow-16" if wide else "narrow-8"
    if ((values == low) | (values == high)).all():
        return "two-valued"
    if _wrapped(grey):
        return "wrapped"
    return "faint" if high - low < levels * _FAINT else ""


def _wrapped(grey: npt.NDArray[np.uint8]) -> bool:
    """Whether there are many dark and many bright pixels, and none between."""
    dark = grey < _MIDDLE.start
    if (~dark & (grey < _MIDDLE.stop)).any():
        return False
    return bool(_MANY < dark.mean() < 1 - _MANY)


def _tint(colours: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> int:
    """Of uint8 [H, W, 3] the largest difference between a pixel's channels."""
    raw = colours.tobytes()  # of bytes, this takes a tenth of the time that it takes of arrays
    if raw[0::3] == raw[1::3] == raw[2::3]:
        return 0
    return int(np.ptp(colours, axis=2).max())
