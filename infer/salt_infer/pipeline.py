"""Tiles to run-length strings: decode, run and encode at the same time, in bounded memory.

::

    tiles -> groups -> [decode, a pool] -> [run, one thread] -> [encode, one thread] -> rows

Each arrow is :func:`_staged`: results come out in the order the groups went in, with a fixed
number in flight. Group boundaries depend on the list of tiles alone, so nothing in the output
depends on timing. The calling thread only waits, which is why Ctrl-C is answered at once.
"""

from __future__ import annotations

import collections
import concurrent.futures as futures
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from salt_infer import confidence, png, rle
from salt_infer.errors import TileError
from salt_infer.model import Decided, SaltModel
from salt_infer.session import BatchResult, Cancel
from salt_infer.tiles import BadTile, Tile, TileSource

WAKE_S = 0.1  # how long a signal may go unseen

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """How the work is cut up.

    Attributes:
        batch_size: tiles a batch.
        decode_workers: threads that read and decode.
        details: work out each tile's confidence.
    """

    batch_size: int = 32
    decode_workers: int = 2
    details: bool = False


@dataclasses.dataclass(frozen=True)
class MaskedBatch:
    """Finished tiles, in the order of the source.

    Attributes:
        ids: of the tiles that could be read.
        rle: their run-length strings.
        decided: what was decided for them; None where no tile could be read.
        confidence: float32 [N], see :mod:`salt_infer.confidence`; None where it was not asked for
            or no tile could be read.
        bad: tiles of the same group that could not be read.
    """

    ids: list[str]
    rle: list[str]
    decided: Decided | None
    confidence: npt.NDArray[np.float32] | None
    bad: list[BadTile]


class StageClock:
    """Busy seconds of each stage, summed over its threads."""

    def __init__(self) -> None:
        self.busy_s: dict[str, float] = {"decode": 0.0, "run": 0.0, "encode": 0.0}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.busy_s[stage] += time.perf_counter() - started


class _Decoded(NamedTuple):
    ids: list[str]
    tiles: npt.NDArray[np.uint8]  # [N, 101, 101]
    bad: list[BadTile]


class _Ran(NamedTuple):
    decoded: _Decoded
    result: BatchResult | None  # None where no tile of the group could be read


def masks_of(
    source: TileSource, model: SaltModel, options: RunOptions, clock: StageClock
) -> Generator[MaskedBatch]:
    """Yield finished batches in the order of ``source.tiles``.

    Closing the generator early, or an exception in the caller, cancels what is in flight.

    Raises:
        ModelError: the model failed; bad tiles do not raise, they are in ``MaskedBatch.bad``.
    """
    cancel = Cancel()

    def decode(group: Sequence[Tile]) -> _Decoded:
        with clock("decode"):
            return _decode(source, group)

    def run(decoded: _Decoded) -> _Ran:
        with clock("run"):
            if not decoded.ids:
                return _Ran(decoded, None)
            return _Ran(decoded, model.run(decoded.tiles, cancel))

    def encode(ran: _Ran) -> MaskedBatch:
        with clock("encode"):
            return _encode(ran, model, options)

    workers = options.decode_workers
    with _pools((workers, 1, 1), cancel) as (decoders, runner, encoder):
        decoded = _staged(decoders, decode, _groups(source.tiles, options.batch_size), workers + 1)
        ran = _staged(runner, run, decoded, in_flight=2)
        yield from _staged(encoder, encode, ran, in_flight=1)


def _staged(
    pool: ThreadPoolExecutor, work: Callable[[_In], _Out], items: Iterable[_In], in_flight: int
) -> Iterator[_Out]:
    """``map(work, items)`` on a pool: results in order, at most ``in_flight`` unfinished."""
    waiting: collections.deque[Future[_Out]] = collections.deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) >= in_flight:
            yield _result(waiting.popleft())
    while waiting:
        yield _result(waiting.popleft())


def _result(future: Future[_Out]) -> _Out:
    """Wait in short steps: Python sees a signal that arrives just before an endless wait only when
    the wait is over, which here may be a batch later.
    """
    while not future.done():
        futures.wait([future], timeout=WAKE_S)
    return future.result()


def _groups(tiles: Sequence[Tile], size: int) -> Iterator[Sequence[Tile]]:
    for start in range(0, len(tiles), size):
        yield tiles[start : start + size]


def _decode(source: TileSource, group: Sequence[Tile]) -> _Decoded:
    ids: list[str] = []
    bad: list[BadTile] = []
    tiles = np.empty((len(group), *rle.TILE_SHAPE), dtype=np.uint8)
    for tile in group:
        try:
            tiles[len(ids)] = png.decode(source.read(tile))
            ids.append(tile.id)
        except TileError as error:
            bad.append(BadTile(tile, str(error)))
    return _Decoded(ids, tiles[: len(ids)], bad)


def _encode(ran: _Ran, model: SaltModel, options: RunOptions) -> MaskedBatch:
    ids, _, bad = ran.decoded
    if ran.result is None:
        return MaskedBatch([], [], None, None, bad)
    decided = model.decide(ran.result)
    texts = [""] * len(ids)
    for index, text in zip(decided.kept.tolist(), rle.encode(decided.masks), strict=True):
        texts[index] = text
    sure = _confidence(decided) if options.details else None
    return MaskedBatch(ids, texts, decided, sure, bad)


def _confidence(decided: Decided) -> npt.NDArray[np.float32]:
    return confidence.of_tiles(decided.salt, decided.kept, decided.probability, decided.masks)


@contextlib.contextmanager
def _pools(workers: Sequence[int], cancel: Cancel) -> Iterator[list[ThreadPoolExecutor]]:
    """Pools of so many threads; given up early, they drop what waits and cancel what runs."""
    pools = [ThreadPoolExecutor(count) for count in workers]
    try:
        yield pools
    except BaseException:
        # Queues first: a thread that is free must not start on what is still waiting.
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)
        cancel()
        raise
    finally:
        for pool in pools:
            pool.shutdown(wait=True)
