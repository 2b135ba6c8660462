from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from salt_infer.data import prefetch
from salt_infer.data.prefetch import AHEAD, MAX_WAITING, THREADS, ReadAhead
from salt_infer.data.source import Tile, TileSource
from salt_infer.errors import TileError


class Slow(TileSource):
    """Tiles whose bytes are their ids; every tenth is bad; counts how often each is read."""

    def __init__(self, count: int, together: int = 1) -> None:
        self.tiles = [Tile(f"{index:05d}", "") for index in range(count)]
        self.reads: Counter[str] = Counter()
        self.closed = False
        # Reading goes on only when so many readers are there.
        self.barrier = threading.Barrier(together, timeout=600)

    def read(self, tile: Tile) -> bytes:
        self.reads[tile.id] += 1
        self.barrier.wait()
        if tile.id.endswith("0"):
            raise TileError(f"{tile.id} is bad")
        return tile.id.encode()

    def close(self) -> None:
        self.closed = True


def read(source: TileSource, tile: Tile) -> bytes:
    try:
        return source.read(tile)
    except TileError as error:
        return str(error).encode()


def expected(tile: Tile) -> bytes:
    return f"{tile.id} is bad".encode() if tile.id.endswith("0") else tile.id.encode()


def reading_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("read-ahead")]


def test_one_caller_keeps_many_threads_busy() -> None:
    slow = Slow(THREADS * 10, together=THREADS)
    with ReadAhead(slow) as source:
        for tile in source.tiles[: THREADS * 3]:
            assert read(source, tile) == expected(tile)
        slow.barrier.abort()
    assert slow.closed
    assert not reading_threads()


@pytest.mark.parametrize("group", [1, 7, 32, 500])
def test_every_tile_is_read_once_by_threads_that_read_groups(group: int) -> None:
    """As the pipeline does: each thread reads a stretch of the tiles in order."""
    slow = Slow(1000)

    def stretch(first: int) -> list[bytes]:
        return [read(source, tile) for tile in source.tiles[first : first + group]]

    with ReadAhead(slow) as source, ThreadPoolExecutor(4) as pool:
        found = [data for part in pool.map(stretch, range(0, 1000, group)) for data in part]
    assert found == [expected(tile) for tile in slow.tiles]
    assert set(slow.reads.values()) == {1}


def test_what_waits_is_bounded_however_tiles_are_asked_for() -> None:
    slow = Slow(100_000)
    with ReadAhead(slow) as source:
        for tile in source.tiles[:: AHEAD * 2]:
            assert read(source, tile) == expected(tile)
        read(source, source.tiles[5])
    assert len(slow.reads) <= 100_000 / (AHEAD * 2) + 1 + MAX_WAITING


def test_a_second_reading_is_a_reading() -> None:
    slow = Slow(3)
    with ReadAhead(slow) as source:
        for _ in range(2):
            assert source.read(source.tiles[1]) == b"00001"
    assert slow.reads["00001"] == 2


def test_closing_drops_what_was_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    class Waits(Slow):
        def read(self, tile: Tile) -> bytes:
            time.sleep(0.02)
            return super().read(tile)

    monkeypatch.setattr(prefetch, "THREADS", 2)
    slow = Waits(1000)
    with ReadAhead(slow) as source:
        read(source, source.tiles[0])
    assert len(slow.reads) < AHEAD
    assert not reading_threads()


def test_given_up_it_lets_nobody_wait_for_a_server_that_hangs() -> None:
    slow = Slow(10, together=2 * THREADS)  # they are never so many
    with ReadAhead(slow) as source:
        threading.Timer(0.1, source.give_up).start()
        with pytest.raises(TileError, match="given up"):
            source.read(source.tiles[1])
    assert slow.closed
    slow.barrier.abort()
