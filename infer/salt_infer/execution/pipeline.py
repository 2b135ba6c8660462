"""Tiles to run-length strings: decode, run and encode at the same time, in bounded memory.

::

    tiles -> groups -> [decode, a pool] -> [run, one thread or some] -> [encode, one thread] -> rows

:mod:`salt_infer.execution.flow` moves them. Group boundaries depend on the list of tiles and the
batch size alone, so nothing in the output depends on timing, or on which groups an earlier run has
done.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from salt_infer.batch.result import BatchResult, Cancel, Drawn
from salt_infer.data.source import Tile, TileSource
from salt_infer.execution.decoders import Decoders
from salt_infer.execution.decoding import Decoded, Group, stamp_of
from salt_infer.execution.flow import Stage, Timed, flow, pools, timed_work
from salt_infer.execution.request import DecodeIn
from salt_infer.execution.results import FinishedGroup
from salt_infer.execution.stage_clock import StageClock
from salt_infer.predictor.model import SaltModel
from salt_infer.system.signals import Check, never


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """How the work is cut up.

    Attributes:
        batch_size: tiles a batch.
        decode_workers: threads that read and decode.
        decode_in: whether they do it themselves, see :mod:`salt_infer.execution.decoders`.
        details: work out each tile's confidence.
        probabilities: they are kept.
        checksums: work out each tile's.
    """

    batch_size: int = 32
    decode_workers: int = 2
    decode_in: DecodeIn = "auto"
    details: bool = False
    probabilities: bool = False
    checksums: bool = False

    @property
    def more_than_masks(self) -> bool:
        """Whether the model has to tell its probabilities."""
        return self.details or self.probabilities


class Ran(NamedTuple):
    """A group after the model.

    Attributes:
        decoded: the group before it.
        result: what the model says; None where no tile of the group could be read.
        run_s: seconds that it took; None likewise.
    """

    decoded: Decoded
    result: BatchResult | Drawn | None
    run_s: float | None


def finished_groups(
    source: TileSource,
    model: SaltModel,
    options: RunOptions,
    clock: StageClock,
    groups: Iterable[int] | None = None,
    check: Check = never,
) -> Generator[FinishedGroup]:
    """Yield finished groups in the order of ``source.tiles``.

    Closing the generator early, or an exception in the caller, cancels what is in flight.

    Args:
        source: the tiles.
        model: what runs them.
        options: how the work is cut up.
        clock: told of the work.
        groups: numbers of the groups to run, see :func:`group_count`; all of them if None.
        check: called while there is nothing to do; may raise.

    Raises:
        ModelError: the model failed; bad tiles do not raise, they are in ``FinishedGroup.bad``.
    """
    cancel = Cancel()

    def run(decoded: Decoded) -> Ran:
        ran = run_group(decoded, model, options, cancel)
        if ran.run_s is not None:
            clock.ran(ran.run_s)
        return ran

    def encode(ran: Ran) -> FinishedGroup:
        return encode_group(ran, model, options)

    workers = clock.threads["decode"] = options.decode_workers
    runners = clock.threads["run"] = model.session.at_once
    most = workers + 1 + unwritten(model)
    with (
        _decoders(source, options, cancel, clock) as decoders,
        cancel.ends(source.give_up),
        pools((workers, runners, 1), cancel) as (reader, runner, encoder),
    ):
        stages = (
            Stage(reader, timed_work(clock, "decode", decoders.decode), most),
            Stage(runner, timed_work(clock, "run", run), unwritten(model)),
            Stage(encoder, timed_work(clock, "encode", encode), 1),
        )
        for group in flow(_groups(source.tiles, options.batch_size, groups), stages, check):
            yield group.value


@contextlib.contextmanager
def _decoders(
    source: TileSource, options: RunOptions, cancel: Cancel, clock: StageClock
) -> Iterator[Decoders]:
    decoders = Decoders(
        source, options.batch_size, options.decode_workers, options.decode_in, cancel
    )
    try:
        with cancel.ends(decoders.kill):
            yield decoders
    finally:
        decoders.close()
        clock.processes = decoders.processes


def unwritten(model: SaltModel) -> int:
    """Batches that the model has begun and the caller has not yet taken: what SIGKILL may cost.

    Those that run at once, and one that is encoded and written while the next is begun. Were that
    to wait, SIGKILL would cost one less, and the model would stand still after each batch: little
    beside two cores' work, much beside a GPU's.
    """
    return model.session.at_once + 1


def group_count(tiles: int, size: int) -> int:
    """How many groups of so many tiles there are; they are numbered from 0 in the tiles' order."""
    return -(-tiles // size)


def group_of(tiles: Sequence[Tile], size: int, number: int) -> Group:
    """A group by its number: everywhere the same tiles."""
    return Group(number, tiles[number * size : (number + 1) * size])


def stamps_of(
    source: TileSource, groups: Iterable[int], options: RunOptions, check: Check = never
) -> Iterator[tuple[int, str]]:
    """Number and :func:`stamp_of` of groups as they are now; nothing is read of them."""

    def stamp(group: Group) -> tuple[int, str]:
        return group.number, stamp_of([source.stamp(tile) for tile in group.tiles])

    with ThreadPoolExecutor(options.decode_workers) as pool:
        cut = (timed.value for timed in _groups(source.tiles, options.batch_size, groups))
        yield from flow(cut, [Stage(pool, stamp, 2 * options.decode_workers)], check)


def _groups(
    tiles: Sequence[Tile], size: int, wanted: Iterable[int] | None
) -> Iterator[Timed[Group]]:
    for number in range(group_count(len(tiles), size)) if wanted is None else wanted:
        yield Timed(group_of(tiles, size, number), time.perf_counter())


def run_group(
    decoded: Decoded, model: SaltModel, options: RunOptions, cancel: Cancel | None = None
) -> Ran:
    """What the model says of a group's tiles, if there are any.

    Raises:
        ModelError: the model failed, or it was cancelled.
    """
    if not decoded.ids:
        return Ran(decoded, None, None)
    started = time.perf_counter()
    result = model.run(decoded.tiles, cancel, probabilities=options.more_than_masks)
    return Ran(decoded, result, time.perf_counter() - started)


def encode_group(ran: Ran, model: SaltModel, options: RunOptions) -> FinishedGroup:
    """Masks, run-length strings and all else that is kept of what was run."""
    if ran.result is None:
        return FinishedGroup.of(ran.decoded, None)
    decided = model.decide(ran.result)
    sure = decided.confidence if options.details else None
    return FinishedGroup.of(
        ran.decoded, decided, sure, options.probabilities, crc32=options.checksums
    )
