"""Masks to run-length strings and back, in the competition's format.

Pixels are numbered from 1, down the columns first (``mask.T.ravel()``); a string holds
``start length`` pairs; the empty mask is the empty string.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from salt_infer.errors import RleError

TILE_SHAPE = (101, 101)  # rows, columns of a TGS tile

_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)  # 18 digits always fit an int64


def encode(masks: npt.NDArray[Any]) -> list[str]:
    """Encode a batch of masks at once.

    Args:
        masks: [N, H, W], bool or any number; every non-zero pixel is salt.

    Returns:
        N strings in the order of the masks.

    Raises:
        ValueError: ``masks`` is not three-dimensional.
    """
    if masks.ndim != 3:
        raise ValueError(
            f"masks have shape {masks.shape}, expected [N, H, W]; for one mask use masks[None]"
        )
    count, height, width = masks.shape
    if masks.size == 0:
        return [""] * count
    # One empty pixel before and after each mask, so that no run crosses from mask to mask and
    # every run has a rising and a falling edge.
    padded = np.zeros((count, height * width + 2), dtype=np.bool_)
    padded[:, 1:-1].reshape(count, width, height)[:] = masks.transpose(0, 2, 1) != 0
    flat = padded.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    owner, position = np.divmod(edges, height * width + 2)
    starts, ends = position[0::2], position[1::2]
    numbers = np.empty(edges.size, dtype=np.int64)
    numbers[0::2] = starts + 1
    numbers[1::2] = ends - starts
    words = _words(height * width)
    texts = [words[number] for number in numbers.tolist()]
    bounds = np.searchsorted(owner, np.arange(count + 1)).tolist()
    return [" ".join(texts[bounds[i] : bounds[i + 1]]) for i in range(count)]


@functools.cache
def _words(largest: int) -> list[str]:
    """Decimal strings of 0..largest: a table look-up is several times faster than ``str``."""
    return [str(number) for number in range(largest + 1)]


def decode(text: str, shape: tuple[int, int] = TILE_SHAPE) -> npt.NDArray[np.uint8]:
    """Decode one run-length string.

    Args:
        text: ``start length`` pairs separated by blanks; empty for an empty mask.
        shape: rows and columns of the mask.

    Returns:
        uint8 mask of that shape, 1 where there is salt.

    Raises:
        RleError: odd count, not a number, a zero length, out of range, overlapping or not
            ascending; the message names the offending run.
    """
    height, width = shape
    numbers = [_number(word, index) for index, word in enumerate(text.split())]
    if len(numbers) % 2:
        raise RleError(
            f"run-length string has {len(numbers)} numbers, expected an even count of "
            "'start length' pairs; is the last length missing?"
        )
    flat = np.zeros(height * width, dtype=np.uint8)
    free_from, previous_start = 1, 0
    for index, (start, length) in enumerate(zip(numbers[0::2], numbers[1::2], strict=True)):
        _check_run(index, start, length, free_from, previous_start, height * width)
        flat[start - 1 : start - 1 + length] = 1
        free_from, previous_start = start + length, start
    return np.ascontiguousarray(flat.reshape(width, height).T)


def _number(word: str, index: int) -> int:
    if not _NUMBER.fullmatch(word):
        if word.isascii() and word.isdecimal():
            raise RleError(f"number {index + 1} of the run-length string has {len(word)} digits")
        raise RleError(
            f"number {index + 1} of the run-length string is {word[:20]!r}, expected a "
            "non-negative decimal integer"
        )
    return int(word)


def _check_run(
    index: int, start: int, length: int, free_from: int, previous_start: int, pixels: int
) -> None:
    run = f"run {index + 1} of the run-length string ({start} {length})"
    if length < 1:
        raise RleError(f"{run} has length {length}, expected at least 1")
    if start < 1 or start + length - 1 > pixels:
        raise RleError(
            f"{run} covers pixels {start}..{start + length - 1}, out of range 1..{pixels}; "
            "pixels are numbered from 1, and the tile size must be the one it was encoded with"
        )
    if start <= previous_start:
        raise RleError(f"{run} starts at or before run {index} does: runs must be ascending")
    if start < free_from:
        raise RleError(f"{run} overlaps run {index}, which ends at pixel {free_from - 1}")
