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

AT_ONCE = 8  # tiles: a quarter of a megabyte, which stays in a core's own cache

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # by channels
_CHANNELS = {mode: channels for channels, mode in _MODES.items()}

Bytes = npt.NDArray[np.uint8]


class Rows(NamedTuple):
    """A sound tile, unpacked.

    Attributes:
        channels: of 8 bits: 1 is grey, 3 RGB, 4 RGBA.
        data: row by row, a filter 0..4 and the pixels.
    """

    channels: int
    data: bytes


def pixels(tiles: Sequence[Rows], shape: tuple[int, int]) -> Bytes:
    """Grey values of tiles; see :func:`salt_infer.png.decode` for how colours become grey.

    Args:
        tiles: any number; the memory grows with it.
        shape: rows and columns of each.

    Returns:
        uint8 [N, H, W].
    """
    found = np.empty((len(tiles), *shape), np.uint8)
    start = 0
    for channels, alike in itertools.groupby(tiles, key=lambda tile: tile.channels):
        data = [tile.data for tile in alike]
        rows = np.frombuffer(b"".join(data), np.uint8).reshape(len(data), shape[0], -1)
        _undo(rows, channels, found[start : start + len(data)])
        start += len(data)
    return found


def _undo(rows: Bytes, channels: int, out: Bytes) -> None:
    """[N, H, 1 + W * channels] -> [N, H, W]. Nearly all tiles in colour are grey ones, and a third
    of the work.
    """
    grey = channels == 1 or _are_grey(rows, channels)
    out[:] = _undone(rows, _MODES[1], channels) if grey else _undone(rows, _MODES[channels], 1)


def _are_grey(rows: Bytes, channels: int) -> bool:
    """Whether red, green and blue are alike everywhere. Filters take each channel by itself, so
    stored bytes are alike where the pixels are.
    """
    alike = rows[:, :, 1:-1] == rows[:, :, 2:]
    return bool((alike[:, :, ::channels] & alike[:, :, 1::channels]).all())


def _undone(rows: Bytes, mode: str, step: int) -> Bytes:
    """Of the bytes of each row every so many-th is taken, and is of an image of that mode."""
    count, height, stride = rows.shape
    tall = np.zeros((count, height + 1, 1 + (stride - 1) // step), np.uint8)
    tall[:, 1:, 0] = rows[:, :, 0]
    tall[:, 1:, 1:] = rows[:, :, 1::step]
    width = (tall.shape[2] - 1) // _CHANNELS[mode]
    size = (width, count * (height + 1))
    image = Image.frombytes(mode, size, zlib.compress(tall.data, 0), "zip", mode, 0)
    return np.asarray(image.convert("L")).reshape(count, height + 1, width)[:, 1:]
