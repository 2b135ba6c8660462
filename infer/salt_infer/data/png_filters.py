"""Rows of PNGs to pixels, many tiles at once.

A row is stored as what differs from the pixels to its left and above. Pillow undoes that in C and
without the interpreter's lock, and is called once for many tiles: they lie under each other in one
tall image, each below a black row, which is what a PNG's first row has above it.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from salt_infer.data import oddities

AT_ONCE = 32  # tiles, a megabyte of colours: with fewer the calls cost more than caches gain

RGB = 3  # channels
_MODES = {1: "L", RGB: "RGB", 4: "RGBA"}  # by channels
_CHANNELS = {mode: channels for channels, mode in _MODES.items()}

Bytes = npt.NDArray[np.uint8]
Odd = tuple[str, ...]


class Rows(NamedTuple):
    """A sound tile, unpacked.

    Attributes:
        channels: of 8 bits: 1 is grey, 3 RGB, 4 RGBA.
        data: row by row, a filter 0..4 and the pixels.
        odd: keys of :data:`salt_infer.data.oddities.WHAT`; None where that is to be seen yet.
    """

    channels: int
    data: bytes
    odd: Odd | None = None


def examine(tiles: Sequence[Rows], shape: tuple[int, int]) -> tuple[Bytes, list[Odd]]:
    """Grey values of tiles, and what is odd about them; see :func:`salt_infer.data.png.decode` for
    how colours become grey.

    Args:
        tiles: any number; the memory grows with it.
        shape: rows and columns of each.

    Returns:
        uint8 [N, H, W], and for each tile keys of :data:`salt_infer.data.oddities.WHAT`.
    """
    found = np.empty((len(tiles), *shape), np.uint8)
    odd: list[Odd] = []
    for channels, alike in itertools.groupby(tiles, key=lambda tile: tile.channels):
        start, data = len(odd), [tile.data for tile in alike]
        # Not joined as bytes: arrays are copied without the lock.
        rows = np.stack([np.frombuffer(each, np.uint8).reshape(shape[0], -1) for each in data])
        odd += _undo(rows, channels, found[start : start + len(data)])
    known = [tile.odd for tile in tiles]
    return found, [seen if told is None else told for told, seen in zip(known, odd, strict=True)]


def _undo(rows: Bytes, channels: int, out: Bytes) -> list[Odd]:
    """[N, H, 1 + W * channels] -> [N, H, W]. Nearly all tiles in colour are grey ones, and a third
    of the work.
    """
    if channels == 1 or (channels == RGB and _are_grey(rows)):
        out[:] = _undone(rows, _MODES[1], channels)[0]
        return oddities.of_greys(out)
    grey, colours = _undone(rows, _MODES[channels], 1)
    out[:] = grey
    alpha = colours[..., RGB] if channels > RGB else [None] * len(out)
    each = zip(colours[..., :RGB], out, alpha, strict=True)
    return [oddities.of(stored, shown, visible) for stored, shown, visible in each]


def _are_grey(rows: Bytes) -> bool:
    """Whether red, green and blue are alike everywhere. Filters take each channel by itself, so
    stored bytes are alike where the pixels are.
    """
    alike = rows[:, :, 1:-1] == rows[:, :, 2:]
    return bool((alike[:, :, ::RGB] & alike[:, :, 1::RGB]).all())


def _undone(rows: Bytes, mode: str, step: int) -> tuple[Bytes, Bytes]:
    """Of the bytes of each row every so many-th is taken, and is of an image of that mode.

    Returns:
        uint8 [N, H, W], and what it was made from, [N, H, W] or [N, H, W, C].
    """
    count, height, stride = rows.shape
    tall = np.zeros((count, height + 1, 1 + (stride - 1) // step), np.uint8)
    tall[:, 1:, 0] = rows[:, :, 0]
    tall[:, 1:, 1:] = rows[:, :, 1::step]
    width = (tall.shape[2] - 1) // _CHANNELS[mode]
    size = (width, count * (height + 1))
    image = Image.frombytes(mode, size, zlib.compress(tall.data, 0), "zip", mode, 0)
    stored = np.asarray(image)
    grey = stored if mode == _MODES[1] else np.asarray(image.convert("L"))
    each = (count, height + 1, width)
    return grey.reshape(each)[:, 1:], stored.reshape(*each, *stored.shape[2:])[:, 1:]
