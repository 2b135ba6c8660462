"""What Ray's processes do, on any node: read and decode a group of tiles, run the model on it.

These are the steps of :mod:`salt_infer.execution.pipeline`; a row of Ray Data is one of its groups,
with the bad tiles and their reasons in it. Ray itself is not needed here.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import time
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from salt_infer.backends.selection import Concurrency
from salt_infer.batch.result import Cancel
from salt_infer.data.source import Tile, TileSource
from salt_infer.errors import ExecutorError, ModelError, SaltError, TileError
from salt_infer.execution import pipeline
from salt_infer.execution.base import ModelRequest
from salt_infer.execution.decoding import Decoded, Group, decode_group
from salt_infer.execution.journal_protocols import Record
from salt_infer.execution.pipeline import RunOptions
from salt_infer.execution.results import FinishedGroup
from salt_infer.predictor.model_info import ModelInfo

TRIES = 4  # times that a group may be begun

Group_ = TypeVar("Group_", bound=Record)

Row = dict[str, Any]  # of Ray Data: one column that holds one of the objects below


@dataclasses.dataclass(frozen=True)
class Waiting:
    """A group that is to be run: unlike ``Group`` it can be sent, with the source of its tiles.

    Attributes:
        number: of the group.
        part: its tiles, see :meth:`salt_infer.data.source.TileSource.part`.
    """

    number: int
    part: TileSource


@dataclasses.dataclass(frozen=True)
class Read:
    """A group that was read and decoded, and how many seconds that took."""

    decoded: Decoded
    decode_s: float


@dataclasses.dataclass(frozen=True)
class Done(Generic[Group_]):
    """A group that went through the model, and the seconds of each step. Where there was nothing
    to run ``run_s`` is None.
    """

    group: Group_
    decode_s: float
    run_s: float | None
    encode_s: float


class Registry(Protocol):
    """Where actors say that they are there and what they begin."""

    def joined(self, model: ModelInfo) -> bool:
        """The process that calls has loaded the model; says whether another did and died."""

    def began(self, group: int) -> Callable[[], int]:
        """It begins a group; what is given back waits until that is known, and says how often the
        group was begun.
        """


def decode(row: Row, witness: TileSource) -> Row:
    """Waiting -> Read.

    Args:
        row: of the data set.
        witness: some tiles that could be found where the run was started.

    Returns:
        In place of a Read an ExecutorError, if none of the witnesses can be found here.
    """
    started = time.perf_counter()
    waiting: Waiting = row["group"]
    part = waiting.part
    try:
        _find(_Same(witness))
    except ExecutorError as error:
        return {"group": error}
    try:
        decoded = decode_group(part, Group(waiting.number, part.tiles), Cancel())
    finally:
        part.close()
    return {"group": Read(decoded, time.perf_counter() - started)}


class Predictor:
    """Holds the model in an actor: Read -> Done.

    What goes wrong is in the row too, in place of the Done: Ray would wrap an exception, and try
    an actor again that cannot be.
    """

    def __init__(
        self, request: ModelRequest, threads: int, expected: ModelInfo, options: RunOptions,
        registry: Registry,
    ) -> None:  # fmt: skip
        """Load the model, which has to be the one that is expected."""
        self._options, self._registry = options, registry
        self._failed: SaltError | None = None
        try:
            self._model = request.load(lambda line: None, Concurrency(threads))
            loaded = ModelInfo.of(self._model)
            compare(loaded, expected)
            self._follows = registry.joined(loaded)
        except SaltError as error:
            self._failed = error

    def __call__(self, row: Row) -> Row:
        """Run one group."""
        read: Read | SaltError = row["group"]
        if isinstance(read, SaltError) or self._failed:
            return {"group": self._failed or read}
        times = self._registry.began(read.decoded.number)
        try:
            if self._follows:  # only then is it worth waiting for
                check(f"batch that begins with {read.decoded.ids[:1]}", times(), "--batch-size")
            done: Done[FinishedGroup] | ModelError = self._run(read)
        except ModelError as error:
            done = error
        times()
        return {"group": done}

    def _run(self, read: Read) -> Done[FinishedGroup]:
        ran = pipeline.run_group(read.decoded, self._model, self._options)
        started = time.perf_counter()
        group = pipeline.encode_group(ran, self._model, self._options)
        return Done(group, read.decode_s, ran.run_s, time.perf_counter() - started)


def probe(request: ModelRequest, threads: int) -> ModelInfo:
    """What a node says of the model, before the actors load it."""
    return ModelInfo.of(request.load(lambda line: None, Concurrency(threads)))


def compare(loaded: ModelInfo, expected: ModelInfo) -> None:
    """What a node has loaded has to answer as the others do; raises ExecutorError."""
    if loaded.answers != expected.answers:
        raise ExecutorError(
            f"node {_here()} has {_told(loaded)}, and others {_told(expected)}: have the same "
            "model, packages and kind of processor or GPU on every node"
        )


def check(group: str, times: int, option: str) -> None:
    """Ray would start a group again without end.

    Raises:
        ModelError: it was begun too often; ``option`` is what would make it smaller.
    """
    if times > TRIES:
        raise ModelError(
            f"the {group} was begun {times - 1} times, and each time its process died; it may need "
            f"more memory than there is: give a smaller {option}, or fewer --actors"
        )


class _Same:
    """All witnesses are one: each process looks once."""

    def __init__(self, source: TileSource) -> None:
        self.source = source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.source.tiles == self.source.tiles

    def __hash__(self) -> int:
        return hash(tuple(self.source.tiles))


@functools.lru_cache(maxsize=1)
def _find(witness: _Same) -> None:
    """A folder that is not mounted here must not make all of its tiles bad ones."""
    tiles = witness.source.tiles
    try:
        found = any(_is_there(witness.source, tile) for tile in tiles)
    finally:
        witness.source.close()
    if tiles and not found:
        raise ExecutorError(
            f"node {_here()} finds none of {', '.join(tile.path for tile in tiles)}, "
            "which are there where the run was started: the tiles have to be under the same path "
            "on every node"
        )


def found_in(source: TileSource) -> list[Tile]:
    """Up to three of its tiles that can be read here."""
    tiles = source.tiles
    some = {tiles[0], tiles[len(tiles) // 2], tiles[-1]}
    return [tile for tile in sorted(some) if _is_there(source, tile)]


def _is_there(source: TileSource, tile: Tile) -> bool:
    try:
        source.read(tile)
    except TileError:
        return False
    return True


def _here() -> str:
    return os.uname().nodename


def _told(model: ModelInfo) -> str:
    known = model.session
    where = ", ".join((known.provider, known.runtime, known.device))
    return f"{known.path.name} ({known.sha256[:12]}) on {where}"
