"""A group of tiles, read and decoded; with few imports, as processes do nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from salt_infer.batch.result import Cancel
from salt_infer.data import oddities, png, png_filters
from salt_infer.data.oddities import Odd
from salt_infer.data.png_filters import Rows
from salt_infer.data.source import BadTile, Tile, TileSource
from salt_infer.errors import ModelError, TileError
from salt_infer.masks.rle import TILE_SHAPE


class Group(NamedTuple):
    """The tiles of a batch, and its number."""

    number: int
    tiles: Sequence[Tile]


class Decoded(NamedTuple):
    """A group after decoding.

    Attributes:
        number: of the group.
        stamp: :func:`stamp_of` the group as it was read.
        ids: of the tiles that could be read.
        tiles: these, uint8 [N, 101, 101].
        bad: those that could not be read.
        odd: those of the others that are, see :data:`salt_infer.data.oddities.Odd`.
    """

    number: int
    stamp: str
    ids: list[str]
    tiles: npt.NDArray[np.uint8]
    bad: list[BadTile]
    odd: Odd = {}  # noqa: RUF012  nobody changes it


def stamp_of(stamps: Iterable[str]) -> str:
    """One short text for the stamps of a group's tiles: it differs where one of them does."""
    # A path may hold bytes that are no UTF-8.
    text = "\n".join(stamps).encode(errors="surrogateescape")
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def decode_group(
    source: TileSource, group: Group, cancel: Cancel, into: npt.NDArray[np.uint8] | None = None
) -> Decoded:
    """Read and decode; tiles that cannot be read are among ``bad``.

    Args:
        source: has the tiles.
        group: which of them.
        cancel: lets another thread end it.
        into: uint8 [at least so many, 101, 101] for the pixels; memory of its own if not given.

    Raises:
        ModelError: it was cancelled.
    """
    found = _Found([], [], [], {})
    tiles = np.empty((len(group.tiles), *TILE_SHAPE), np.uint8) if into is None else into
    for start in range(0, len(group.tiles), png_filters.AT_ONCE):
        before = len(found.ids)
        rows = _read(source, group.tiles[start : start + png_filters.AT_ONCE], cancel, found)
        tiles[before : len(found.ids)], odd = png_filters.examine(rows, TILE_SHAPE)
        for name, kinds in zip(found.ids[before:], odd, strict=True):
            oddities.add(found.odd, name, kinds)
    count, stamp = len(found.ids), stamp_of(found.stamps)
    return Decoded(group.number, stamp, found.ids, tiles[:count], found.bad, found.odd)


class _Found(NamedTuple):
    """What is known of a group's tiles so far."""

    stamps: list[str]
    ids: list[str]
    bad: list[BadTile]
    odd: dict[str, list[str]]


def _read(source: TileSource, tiles: Sequence[Tile], cancel: Cancel, found: _Found) -> list[Rows]:
    """The tiles among these that can be read."""
    rows = []
    for tile in tiles:
        if cancel.cancelled:  # else a slow source would keep the program from ending
            raise ModelError("the run was given up")
        # Before it is read: of a tile that changes meanwhile, the stamp is then the old one.
        found.stamps.append(source.stamp(tile))
        try:
            rows.append(png.rows(source.read(tile)))
            found.ids.append(tile.id)
        except TileError as error:
            found.bad.append(BadTile(tile, str(error)))
    return rows
