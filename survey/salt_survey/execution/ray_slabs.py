"""Slabs on a Ray cluster (extra ``ray``): an actor runs one slab at a time and writes its chunks.

Connection, actors, and what happens when nodes are lost are those of
:mod:`salt_infer.execution.ray_executor`; survey and output have to be under the same paths on every
node.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from salt_infer.backends.selection import Concurrency
from salt_infer.errors import ExecutorError, SaltError
from salt_infer.execution import ray_worker
from salt_infer.execution.base import ModelRequest
from salt_infer.execution.ray_cluster import ActorRegistry, ray
from salt_infer.execution.ray_executor import RayExecutor
from salt_infer.execution.ray_worker import Done
from salt_infer.execution.stage_clock import StageClock
from salt_infer.predictor.model_info import ModelInfo
from salt_infer.system.callbacks import Advance
from salt_infer.system.signals import Check
from salt_survey.errors import SurveyError
from salt_survey.execution.executors import Volumes
from salt_survey.execution.slab_work import Work, finished_slabs
from salt_survey.execution.slabs import Slab, SlabDone
from salt_survey.reading.survey import Survey
from salt_survey.scan.record import Scan
from salt_survey.volume.store import Store

Row = dict[str, Any]  # of Ray Data: one column that holds a Slab, a Done, or an error


@dataclasses.dataclass(frozen=True)
class Places:
    """Where a slab comes from and goes to: can be sent to another process.

    Attributes:
        survey: absolute path.
        scan: how it is read.
        digest: of the survey, as it was seen where the run is.
        store: absolute path.
    """

    survey: Path
    scan: Scan
    digest: str
    store: Path


class RaySlabs:
    """A connection to a cluster; see :class:`salt_survey.execution.executors.SlabExecutor`."""

    def __init__(self, executor: RayExecutor) -> None:
        """By a connection that knows what the model is."""
        self._executor = executor

    @property
    def model(self) -> ModelInfo:
        """What that node has loaded."""
        return self._executor.model

    def __enter__(self) -> RaySlabs:
        return self

    def __exit__(self, *exception: object) -> None:
        self._executor.__exit__(*exception)

    def finished(
        self, slabs: Sequence[Slab], work: Work, volumes: Volumes, clock: StageClock, check: Check,
        advance: Advance,
    ) -> Generator[SlabDone]:  # fmt: skip
        """See :meth:`salt_survey.execution.executors.SlabExecutor.finished`."""
        survey = volumes.survey
        places = Places(
            survey.path.absolute(), survey.scan, survey.digest(), volumes.store.absolute()
        )
        by_number = {slab.number: slab for slab in slabs}

        def rows(missing: set[int], registry: ActorRegistry) -> Any:
            waiting = [{"group": by_number[number]} for number in sorted(missing)]
            data = ray.data.from_items(waiting, override_num_blocks=len(waiting))
            return self._executor.on_actors(data, SlabActor, work, places, registry)

        done = self._executor.taken(set(by_number), rows, clock, check)
        with contextlib.closing(done):
            for each in done:
                advance(len(by_number[each.number]))
                yield each

    def about(self) -> dict[str, Any]:
        """The actors, and how many slabs were begun once more."""
        return self._executor.about()


class SlabActor:
    """Holds the model: Slab -> Done. What goes wrong is in the row, in place of the Done."""

    def __init__(
        self, request: ModelRequest, threads: int, expected: ModelInfo, work: Work, places: Places,
        registry: ray_worker.Registry,
    ) -> None:  # fmt: skip
        """Load the model, which has to be the one that is expected, and open the survey."""
        self._work, self._registry = work, registry
        self._failed: SaltError | None = None
        try:
            self._model = request.load(lambda line: None, Concurrency(threads))
            loaded = ModelInfo.of(self._model)
            ray_worker.compare(loaded, expected)
            self._survey = _opened(places)
            self._store = Store.open(places.store, writable=True)
            self._follows = registry.joined(loaded)
        except SaltError as error:
            self._failed = error

    def __call__(self, row: Row) -> Row:
        """Run one slab."""
        slab: Slab = row["group"]
        if self._failed:
            return {"group": self._failed}
        times = self._registry.began(slab.number)
        try:
            if self._follows:  # only then is it worth waiting for
                ray_worker.check(f"slab of {slab.kind} {slab.lines}", times(), "--memory")
            done: Done[SlabDone] | SaltError = self._run(slab)
        except SaltError as error:
            done = error
        times()  # what was told has arrived
        return {"group": done}

    def _run(self, slab: Slab) -> Done[SlabDone]:
        clock = StageClock()
        found = finished_slabs([slab], self._work, self._survey, self._model, self._store, clock)
        (done,) = found
        busy = clock.busy_s
        return Done(done, busy["decode"], busy["run"], busy["encode"] + busy["journal"])


def _opened(places: Places) -> Survey:
    try:
        survey = Survey.open(places.survey, places.scan)
    except SurveyError as error:
        raise ExecutorError(
            f"a node cannot read the survey ({error}); it has to be under the same path everywhere"
        ) from error
    if survey.digest() != places.digest:
        raise ExecutorError(f"{places.survey} is another file on a node than where the run is")
    survey.forget_positions()
    return survey
