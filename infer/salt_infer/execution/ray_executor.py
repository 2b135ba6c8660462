"""A run on Ray Data (extra ``ray``): tasks that decode, and actors that hold the model.

::

    groups -> [read and decode: tasks, on any node] -> [run and encode: an actor a device] -> here

Ray schedules, moves the tiles, holds back what is too fast, and starts an actor again that has
died. Here the groups are handed out and taken back. What Ray cannot give back, because the actor
that had it waits for a node that is gone, is handed out again to those that are left.
"""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from salt_infer.backends.providers import GPUS, ProviderRequest
from salt_infer.data.source import TileSource
from salt_infer.errors import ExecutorError, SaltError, one_line
from salt_infer.execution import pipeline, ray_cluster, ray_worker
from salt_infer.execution.base import ModelRequest
from salt_infer.execution.flow import WAKE_S
from salt_infer.execution.pipeline import RunOptions
from salt_infer.execution.ray_cluster import ActorInfo, ActorRegistry, ray
from salt_infer.execution.ray_resources import ActorSlots, slots
from salt_infer.execution.ray_worker import Done, Predictor, Waiting
from salt_infer.execution.request import ExecutorRequest
from salt_infer.execution.results import FinishedGroup
from salt_infer.execution.stage_clock import StageClock
from salt_infer.predictor.model_info import ModelInfo
from salt_infer.system.callbacks import Tell
from salt_infer.system.signals import Check

PATIENCE_S = 10.0  # seconds without a group before those of a lost node are given up
_TILES = 256  # of a task: fewer cost more of Ray's time, more are lost with an actor
_WAITING = 64  # groups that came back and are not in the journal


class RayExecutor:
    """A connection to a cluster, and what its nodes say of the model. See
    :class:`salt_infer.execution.base.Executor`.
    """

    def __init__(
        self, request: ExecutorRequest, model: ModelRequest, decoders: int | None, tell: Tell
    ) -> None:
        """Connect, and load the model on one node to see what it is there.

        Raises:
            ExecutorError: the cluster cannot be joined or has no room.
            ModelError: the model cannot be loaded there.
        """
        self._request, self._decoders, self._tell = request, decoders, tell
        self._actors: list[ActorInfo] = []
        self._begun = self._taken = 0
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.redirect_stdout(ray_cluster.Aside()))
            stack.callback(ray_cluster.disconnect)
            ray_cluster.connect(request.ray_address)
            self._load(_everywhere(model))
            self._close = stack.pop_all().close

    def _load(self, model: ModelRequest) -> None:
        wanted, nodes = self._request.actors, ray_cluster.nodes()
        asked = model.provider.provider
        gpu = asked in ("auto", *GPUS) and any(node.get("GPU") for node in nodes)
        info = self._probe(model, slots(nodes, None, gpu))
        assert info.choice is not None
        for line in info.choice.fell_back:
            self._tell(line)
        self.model = info
        # Every actor loads what that one did: what is best must not differ from node to node.
        used = info.choice.used
        options = model.provider.options if used == asked else ()
        request = dataclasses.replace(model.provider, provider=used, options=options)
        self._model = dataclasses.replace(model, provider=request)
        self._slots = slots(nodes, wanted, used in GPUS)

    def _probe(self, model: ModelRequest, one: ActorSlots) -> ModelInfo:
        info = ray.remote(**one.actor)(ray_worker.probe).remote(model, one.threads)
        if not ray.wait([info], timeout=PATIENCE_S)[0]:
            self._tell(f"waiting for the cluster, others may use it: {one.actor} are needed free")
        try:
            found: ModelInfo = ray.get(info)
        except ray.exceptions.RayError as error:
            raise _unwrapped(error) from error
        return found

    def __enter__(self) -> RayExecutor:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()

    def finished(
        self,
        source: TileSource,
        options: RunOptions,
        clock: StageClock,
        groups: Iterable[int],
        check: Check,
    ) -> Generator[FinishedGroup]:
        """See :meth:`salt_infer.execution.base.Executor.finished`."""
        witness = source.part(ray_worker.found_in(source))

        def work(missing: set[int], registry: ActorRegistry) -> ray.data.Dataset:
            waiting = _waiting(source, options, missing)
            return self._work(waiting, witness, options, registry)

        yield from self.taken(set(groups), work, clock, check)

    def taken(
        self,
        missing: set[int],
        work: Callable[[set[int], ActorRegistry], ray.data.Dataset],
        clock: StageClock,
        check: Check,
    ) -> Generator[Any]:
        """Have groups done, and those of lost nodes again, until none is missing.

        Args:
            missing: numbers of the groups.
            work: a data set of :class:`Done`, by :meth:`on_actors`, of those that are missing.
            clock: told of the work.
            check: called while there is nothing to do; may raise.
        """
        while missing:
            before = len(missing)
            self._count_threads(clock)
            registry = ActorRegistry()
            try:
                for done in self._rows(work(missing, registry), check):
                    if done.group.number in missing:
                        missing.remove(done.group.number)
                        self._taken += 1
                        _record_times(clock, done)
                        yield done.group
            finally:
                self._note_actors(registry)
            if missing:
                self._go_on(len(missing) < before)

    def _work(
        self,
        groups: list[Waiting],
        witness: TileSource,
        options: RunOptions,
        registry: ActorRegistry,
    ) -> ray.data.Dataset:
        blocks = -(-len(groups) // max(1, _TILES // options.batch_size))
        read = ray.data.from_items(
            [{"group": group} for group in groups],
            # A block is a task: all actors have some, and none has much.
            override_num_blocks=min(len(groups), max(blocks, 4 * self._slots.count)),
        ).map(
            ray_worker.decode,
            fn_args=(witness,),
            compute=ray.data.TaskPoolStrategy(self._decoders),
            **self._slots.decoder,
        )
        return self.on_actors(read, Predictor, options, registry)

    def on_actors(
        self, rows: ray.data.Dataset, actor: type[Any], *arguments: Any
    ) -> ray.data.Dataset:
        """Rows through actors, which are made with the model's request, their number of threads,
        what is expected of the model, and the arguments.
        """
        return rows.map(
            actor,
            fn_constructor_args=(self._model, self._slots.threads, self.model, *arguments),
            compute=ray.data.ActorPoolStrategy(size=self._slots.count),
            **self._slots.actor,
        )

    def _rows(self, work: ray.data.Dataset, check: Check) -> Iterator[Done[Any]]:
        """What comes back, until all is there or the rest cannot come.

        Raises:
            ModelError: the model failed.
            ExecutorError: Ray gave up.
        """
        with _Feed(work) as feed:
            heard = time.monotonic()
            while True:
                check()
                item = feed.get()
                if isinstance(item, Done):
                    heard = time.monotonic()
                    yield item
                elif isinstance(item, SaltError):
                    raise item
                elif isinstance(item, _End):
                    return
                elif time.monotonic() - heard > PATIENCE_S:
                    if self._slots.room(ray_cluster.nodes()) < self._slots.count:
                        return
                    heard = time.monotonic()

    def _go_on(self, progress: bool) -> None:
        """With the nodes that are left. Joining anew is what ends all that waits for the others.

        Raises:
            ExecutorError: none are left, or they do no better.
        """
        ray_cluster.disconnect()
        ray_cluster.connect(self._request.ray_address)
        left = min(self._slots.room(ray_cluster.nodes()), self._slots.count)
        if not left:
            raise ExecutorError("no node is left that has room for the model")
        if left == self._slots.count and not progress:
            raise ExecutorError("Ray gives nothing back; its logs, in /tmp/ray, may say why")
        self._tell(f"nodes were lost; going on with {left} actor(s)")
        self._slots = dataclasses.replace(self._slots, count=left)

    def _note_actors(self, registry: ActorRegistry) -> None:
        with contextlib.suppress(ray.exceptions.RayError):
            actors, begun = registry.read()
            self._actors += actors
            self._begun += begun

    def _count_threads(self, clock: StageClock) -> None:
        most = self._slots.decoders(ray_cluster.nodes())
        clock.threads["decode"] = min(self._decoders or most, most)
        clock.threads["run"] = clock.threads["encode"] = self._slots.count

    def about(self) -> dict[str, Any]:
        """The actors, those that died among them, and how many groups were begun once more."""
        return {
            "name": "ray",
            "address": self._request.ray_address,
            "actors": [_actor(each) for each in self._actors],
            "retries": self._begun - self._taken,
        }


class _End:
    """All that there was came back."""


class _Feed:
    """Ray Data's rows from a thread of its own: the main thread has signals to look after."""

    def __init__(self, work: ray.data.Dataset) -> None:
        self._queue: queue.Queue[Done[Any] | SaltError | _End] = queue.Queue(_WAITING)
        self._left = threading.Event()
        threading.Thread(target=self._run, args=(work,), daemon=True).start()

    def __enter__(self) -> _Feed:
        return self

    def __exit__(self, *exception: object) -> None:
        self._left.set()

    def get(self) -> Done[Any] | SaltError | _End | None:
        """What comes next; None where nothing came within WAKE_S."""
        try:
            return self._queue.get(timeout=WAKE_S)
        except queue.Empty:
            return None

    def _run(self, work: ray.data.Dataset) -> None:
        try:
            # Nothing is fetched ahead: that would hold back what has come until more comes.
            for batch in work.iter_batches(batch_size=None, prefetch_batches=0):
                for item in batch["group"]:
                    self._put(item)
            self._put(_End())
        except Exception as error:  # given to the main thread, which raises it
            self._put(_unwrapped(error))

    def _put(self, item: Done[Any] | SaltError | _End) -> None:
        while not self._left.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=WAKE_S)
                return


def _everywhere(model: ModelRequest) -> ModelRequest:
    """The same from any folder. Of GPUs an actor sees none but its own, which is number 0."""
    cache = model.provider.engine_cache
    provider: ProviderRequest = model.provider
    if cache is not None:
        provider = dataclasses.replace(provider, engine_cache=cache.absolute())
    path = model.path and model.path.absolute()
    return dataclasses.replace(model, path=path, provider=provider)


def _waiting(source: TileSource, options: RunOptions, numbers: Iterable[int]) -> list[Waiting]:
    tiles, size = source.tiles, options.batch_size
    groups = (pipeline.group_of(tiles, size, number) for number in sorted(numbers))
    return [Waiting(group.number, source.part(group.tiles)) for group in groups]


def _record_times(clock: StageClock, done: Done[Any]) -> None:
    clock.worked("decode", 0.0, done.decode_s)
    clock.worked("encode", 0.0, done.encode_s)
    if done.run_s is not None:
        clock.worked("run", 0.0, done.run_s)
        clock.ran(done.run_s)


def _actor(actor: ActorInfo) -> dict[str, Any]:
    session = actor.model.session
    return {
        "node": actor.node,
        "address": actor.address,
        "pid": actor.pid,
        "devices": list(actor.devices),
        "provider": session.provider,
        "nodes": session.placement.nodes,
    }


def _unwrapped(error: BaseException) -> SaltError:
    """The toolkit's error that Ray has wrapped, or what Ray itself says."""
    seen: BaseException | None = error
    while seen is not None:
        # What wraps it may be of its class, too, and has a traceback for a message.
        if isinstance(seen, SaltError) and not isinstance(seen, ray.exceptions.RayError):
            return seen
        seen = getattr(seen, "cause", None) or seen.__cause__
    return ExecutorError(f"Ray gave up ({type(error).__name__}: {one_line(error)})")
