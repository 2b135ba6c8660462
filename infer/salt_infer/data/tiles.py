"""Tiles as arrays: all of a place at once, for those who call from Python, and what tells one
from another.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from salt_infer.data import oddities, png
from salt_infer.data.dataset import open_images
from salt_infer.data.oddities import Odd
from salt_infer.data.source import Tile, TileSource
from salt_infer.errors import BadTilesError, InputError, TileError
from salt_infer.masks.rle import TILE_SHAPE
from salt_infer.masks.table import find_texts
from salt_infer.system.digest import checksums
from salt_infer.system.location import Location, parse
from salt_infer.system.text import listed, shown

CRC32 = "crc32"  # the column of salt-infer --details that has checksums


class Tiles(NamedTuple):
    """Tiles and what they are called.

    Attributes:
        ids: N names without ``.png``, sorted.
        pixels: uint8 [N, 101, 101], grey values.
    """

    ids: list[str]
    pixels: npt.NDArray[np.uint8]


class Decoded(NamedTuple):
    """Tiles, and what is odd about them.

    Attributes:
        pixels: uint8 [N, 101, 101], grey values.
        odd: those that are, see :data:`salt_infer.data.oddities.Odd`.
    """

    pixels: npt.NDArray[np.uint8]
    odd: Odd


def read_tiles(images: Path | str) -> Tiles:
    """Read tiles as ``salt-infer --images`` does: 16 bits are scaled to 8, RGB becomes luma.

    Args:
        images: a directory or zip, the URL of either, or a list of tiles. All of its tiles are kept
            in memory, 10 kB each.

    Raises:
        InputError: no such place, no tiles in it, or two with one id.
        BadTilesError: some cannot be read; they are named.
        PackageError: what a URL needs is not installed.

    Warns:
        UserWarning: some can be read and hardly be meant, see :mod:`salt_infer.data.oddities`.
    """
    if not isinstance(images, Path | str):
        raise InputError(
            f"images is a {type(images).__name__}, expected one path: of a directory, a zip or a "
            "list of tiles"
        )
    place = parse(str(images))  # as text it has no signature of a link
    with open_images(place) as source:
        ids = [tile.id for tile in source.tiles]
        found = decode_all(place, source, source.tiles)
    for line in oddities.lines(found.odd, len(ids)):
        warnings.warn(line, stacklevel=2)
    return Tiles(ids, found.pixels)


def decode_all(place: Location, source: TileSource, tiles: Sequence[Tile]) -> Decoded:
    """Decode tiles of a source, of which every one is needed.

    Args:
        place: what the source was opened from, for the message.
        source: has the tiles.
        tiles: which of them.

    Raises:
        BadTilesError: some cannot be read; they are named, once all have been tried.
    """
    pixels = np.zeros((len(tiles), *TILE_SHAPE), np.uint8)
    odd, faults = dict[str, list[str]](), []
    for row, tile in enumerate(tiles):
        try:
            pixels[row], kinds = png.examine(source.read(tile))
            oddities.add(odd, tile.id, kinds)
        except TileError as error:
            faults.append((tile.id, str(error)))
    if faults:
        raise BadTilesError(
            f"{shown(str(place))}: {len(faults)} of {len(tiles)} tiles cannot be read; mend or "
            f"remove them:{listed(faults)}"
        )
    return Decoded(pixels, odd)


def others_than(
    submission: Path, written: Sequence[str], pixels: npt.NDArray[np.uint8]
) -> list[int] | None:
    """Which tiles are others than those that a submission was made of, under their names.

    Args:
        submission: a table of ``id,rle_mask``.
        written: N ids, as it has them.
        pixels: uint8 [N, 101, 101].

    Returns:
        Their places; None where it has no column CRC32, as without ``salt-infer --details``.

    Raises:
        LabelError, InputError: it cannot be read.
    """
    if (seen := find_texts(submission, CRC32)) is None:
        return None
    sums = zip(written, checksums(pixels), strict=True)
    # A run that was begun before there was that column, and gone on with since, has empty cells;
    # of what looks like a number, a spreadsheet leaves the zeros out that it begins with.
    found = (
        (place, seen[name].zfill(8), own) for place, (name, own) in enumerate(sums) if seen[name]
    )
    return [place for place, said, own in found if said != own]
