"""Tiles of a slow source, fetched before they are asked for."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from salt_infer.data.source import Tile, TileSource
from salt_infer.errors import TileError
from salt_infer.system.daemon_threads import Daemons, GivenUpError

THREADS = 32  # that wait for a bucket or server at a time
AHEAD = 32  # tiles fetched beyond one that was asked for
MAX_WAITING = 256  # fetched and not asked for: 1 GB if each were as large as a file may be


class ReadAhead(TileSource):
    """Another source, read by many threads: a bucket answers slowly, but many at a time.

    With each tile those that follow it are fetched too, so every thread that reads its own stretch
    of the tiles in order, as the pipeline's do, finds them there.
    """

    def __init__(self, source: TileSource) -> None:
        """Read ``source``, which is closed with this one."""
        self._source, self.tiles = source, source.tiles
        self._position = {tile.id: position for position, tile in enumerate(source.tiles)}
        self._asked = bytearray(len(source.tiles))
        self._waiting: dict[int, Future[bytes]] = {}
        self._lock = threading.Lock()
        self._readers = Daemons(THREADS, "read-ahead")

    def read(self, tile: Tile) -> bytes:
        first = self._position[tile.id]
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                self._drop_before(first)
            for position in range(first, min(first + 1 + AHEAD, len(self.tiles))):
                self._fetch(position)
            future = self._waiting.pop(first, None) or self._begun(first)
        try:
            return self._readers.result(future)
        except GivenUpError as error:
            raise TileError(str(error)) from error

    def _drop_before(self, first: int) -> None:
        """Give up what nobody came for: a resumed run leaves tiles out. Who comes after all reads
        the tile anew.
        """
        for position in [at for at, each in self._waiting.items() if at < first and each.done()]:
            del self._waiting[position]

    def stamp(self, tile: Tile) -> str:
        return self._source.stamp(tile)

    def part(self, tiles: Sequence[Tile]) -> TileSource:
        return _Later(self._source.part(tiles))

    def _fetch(self, position: int) -> None:
        """Begin, once for each tile: a second reading is the caller's own."""
        if not self._asked[position] and len(self._waiting) < MAX_WAITING:
            self._asked[position] = True
            self._waiting[position] = self._begun(position)

    def _begun(self, position: int) -> Future[bytes]:
        return self._readers.submit(functools.partial(self._source.read, self.tiles[position]))

    def give_up(self) -> None:
        self._readers.give_up()

    def close(self) -> None:
        self._readers.close()
        self._source.close()


class _Later(TileSource):
    """Some tiles of a slow source: without threads, but read ahead by the process that they are
    sent to.
    """

    def __init__(self, source: TileSource) -> None:
        self._source, self.tiles = source, source.tiles

    def read(self, tile: Tile) -> bytes:
        return self._source.read(tile)

    def stamp(self, tile: Tile) -> str:
        return self._source.stamp(tile)

    def part(self, tiles: Sequence[Tile]) -> TileSource:
        return _Later(self._source.part(tiles))

    def __reduce__(self) -> tuple[type[ReadAhead], tuple[TileSource]]:
        return ReadAhead, (self._source,)
