"""Tiles read here, to be decoded elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from salt_infer.batch.result import Cancel
from salt_infer.data.source import Tile, TileSource
from salt_infer.errors import ModelError, TileError

MOST_BYTES = 4 * 1024 * 1024  # of a group: 32 tiles take a tenth of it


class Held(TileSource):
    """The files of some tiles, in memory; it can be pickled."""

    def __init__(self, tiles: Sequence[Tile], stamps: list[str], files: list[bytes | str]) -> None:
        """Hold them.

        Args:
            tiles: no id twice.
            stamps: of each, from before it was read.
            files: of each what is in it, or why it could not be read.
        """
        self.tiles = list(tiles)
        self._held = dict(zip(self.tiles, zip(stamps, files, strict=True), strict=True))

    def read(self, tile: Tile) -> bytes:
        _, file = self._held[tile]
        if isinstance(file, str):
            raise TileError(file)
        return file

    def stamp(self, tile: Tile) -> str:
        return self._held[tile][0]


def hold(source: TileSource, tiles: Sequence[Tile], cancel: Cancel) -> Held | None:
    """Read tiles; None where they are too large to be sent anywhere.

    Raises:
        ModelError: it was cancelled.
    """
    stamps: list[str] = []
    files: list[bytes | str] = []
    room = MOST_BYTES
    for tile in tiles:
        if cancel.cancelled:
            raise ModelError("the run was given up")
        stamps.append(source.stamp(tile))
        try:
            files.append(source.read(tile))
        except TileError as error:
            files.append(str(error))
        room -= len(files[-1])
        if room < 0:
            return None
    return Held(tiles, stamps, files)
