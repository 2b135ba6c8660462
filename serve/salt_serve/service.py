"""The model behind its queue: uploads in, results out."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

from salt_infer.data.png import Examined
from salt_infer.errors import InputError
from salt_infer.system.cpu import decoders_here
from salt_serve import answers, levels
from salt_serve.batcher import Batcher, BatchOptions
from salt_serve.errors import RequestError
from salt_serve.limits import Budget, Limits
from salt_serve.metrics import Metrics
from salt_serve.predictor import Found, Predictor, Query
from salt_serve.schemas import Predictions, Problem, ServedModel, ServerLimits, TileAnswer, Wanted
from salt_serve.schemas import TileRefusal as Refused
from salt_serve.uploads import Upload

T = TypeVar("T")
Outcome = Found | BaseException

log = logging.getLogger("uvicorn.error")  # where the server's own words go


class Service:
    """Answers uploads; use it as a context, within one event loop.

    Attributes:
        limits: what a request may hold.
        budget: what requests hold now.
        batcher: the queue before the model.
        metrics: what was counted.
    """

    def __init__(self, predictor: Predictor, limits: Limits, options: BatchOptions) -> None:
        """Serve a model.

        Raises:
            InputError: the queue is shorter than a request may be.
        """
        if options.queue < limits.files:
            raise InputError(
                f"the queue holds {options.queue} tiles and a request may have {limits.files}; "
                "make the queue at least as long"
            )
        self._predictor, self.limits = predictor, limits
        self.settings = predictor.model.settings
        self.budget, self.metrics = Budget(limits.held_bytes), Metrics()
        self.batcher: Batcher[Query, Found] = Batcher(self._timed, options)
        self._steps = levels.levels(self.settings.threshold)
        self._pool = ThreadPoolExecutor(decoders_here(), thread_name_prefix="codec")
        self._describe()

    async def __aenter__(self) -> Self:
        await self.batcher.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.batcher.__aexit__(*exception)
        self._pool.shutdown()

    @property
    def ready(self) -> bool:
        """Whether there is room for a tile in the queue and for any upload in memory."""
        room = self.budget.left >= self.limits.request_bytes
        return room and self.batcher.alive and not self.batcher.full

    async def predict(
        self, uploads: Sequence[Upload], wanted: Wanted
    ) -> tuple[int, Predictions | Problem]:
        """Answer a request; the first of the pair is its HTTP status.

        Raises:
            BusyError: no room in the queue.
        """
        decoded = await self._aside(lambda: answers.decode_all(uploads, self.limits))
        tiles = [each for each in decoded if isinstance(each, Examined)]
        futures = self.batcher.submit([Query(tile.pixels, wanted.probabilities) for tile in tiles])
        found = iter(await asyncio.gather(*futures, return_exceptions=True))
        outcomes: list[Outcome] = [
            next(found) if isinstance(each, Examined) else each for each in decoded
        ]
        odd = [each.odd if isinstance(each, Examined) else () for each in decoded]
        status, body = await self._aside(lambda: self._answer(uploads, outcomes, odd, wanted))
        self._note(body, outcomes)
        return status, body

    def model(self) -> ServedModel:
        """What is served."""
        session, limits = self._predictor.model.session, self.limits
        return ServedModel(
            file=session.path.name,
            sha256=session.sha256,
            provider=session.provider,
            threshold=self.settings.threshold,
            gate=self.settings.gate,
            tta=self.settings.tta,
            judged=self.settings.judged,
            limits=ServerLimits(
                file_bytes=limits.file_bytes,
                files=limits.files,
                request_bytes=limits.request_bytes,
            ),
            contract=dataclasses.asdict(session.contract),
        )

    def _timed(self, queries: list[Query]) -> list[Found]:
        started = time.perf_counter()
        found = self._predictor(queries)
        self.metrics.batch_seconds.observe(time.perf_counter() - started)
        self.metrics.batch_tiles.observe(len(queries))
        return found

    def _answer(
        self,
        uploads: Sequence[Upload],
        outcomes: Sequence[Outcome],
        odd: Sequence[Sequence[str]],
        wanted: Wanted,
    ) -> tuple[int, Predictions | Problem]:
        steps = self._steps if wanted.probabilities else None
        results: list[TileAnswer | Refused] = [
            answers.answer(upload.name, outcome, steps, kinds)
            if isinstance(outcome, Found)
            else answers.refuse(upload.name, outcome)
            for upload, outcome, kinds in zip(uploads, outcomes, odd, strict=True)
        ]
        sha256 = self._predictor.model.session.sha256
        return answers.summarise(results, sha256, self.settings, steps, wanted.each)

    def _note(self, body: Predictions | Problem, outcomes: Sequence[Outcome]) -> None:
        for result in body.results or []:
            self.metrics.tiles.labels(str(result.status)).inc()
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, RequestError):
                log.error("a tile failed", exc_info=outcome)

    def _describe(self) -> None:
        session, metrics = self._predictor.model.session, self.metrics
        metrics.model.labels(session.path.name, session.sha256, session.provider).set(1)
        metrics.queue.set_function(lambda: self.batcher.waiting)
        metrics.held.set_function(lambda: self.budget.held)

    async def _aside(self, work: Callable[[], T]) -> T:
        """Do it in the pool: decoding and encoding must not hold up the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
