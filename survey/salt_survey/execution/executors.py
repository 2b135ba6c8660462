"""Who runs the slabs: this process, or :mod:`salt_survey.execution.ray_slabs`. Of tiles the same is
in :mod:`salt_infer.execution.base`.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from salt_infer.execution.stage_clock import StageClock
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.model_info import ModelInfo
from salt_infer.system.callbacks import Advance
from salt_infer.system.cpu import available_cpus
from salt_infer.system.signals import Check
from salt_survey.execution.slab_work import Work, finished_slabs
from salt_survey.execution.slabs import Slab, SlabDone
from salt_survey.reading.survey import Survey
from salt_survey.sections.in_flight import MOST_WORKERS
from salt_survey.volume.store import Store


@dataclasses.dataclass(frozen=True)
class Volumes:
    """Where slabs come from and where they go.

    Attributes:
        survey: the input, open.
        store: path of the output, which is there.
    """

    survey: Survey
    store: Path


class SlabExecutor(Protocol):
    """Something that has loaded a model and runs slabs; close it by ``with``."""

    @property
    def model(self) -> SaltModel | ModelInfo:
        """What was loaded."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...

    def finished(
        self, slabs: Sequence[Slab], work: Work, volumes: Volumes, clock: StageClock, check: Check,
        advance: Advance,
    ) -> Generator[SlabDone]:  # fmt: skip
        """Yield slabs that are in the store, each once, in any order. Closed early it drops what is
        in flight.

        Args:
            slabs: those to run; no means.
            work: what to do with them.
            volumes: input and output.
            clock: told of the work.
            check: called while there is nothing to do; may raise.
            advance: told of sections as they are done.

        Raises:
            ModelError: the model failed.
            SurveyError: the survey cannot be read any more.
            OutputError: the disk is full.
            ExecutorError: those who run it are gone.
        """

    def about(self) -> dict[str, Any]:
        """For the report: ``name``, and what else is to be said."""


class LocalSlabs:
    """The process itself."""

    def __init__(self, model: SaltModel) -> None:
        self.model = model

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """There is nothing to give back."""

    def finished(
        self, slabs: Sequence[Slab], work: Work, volumes: Volumes, clock: StageClock, check: Check,
        advance: Advance,
    ) -> Generator[SlabDone]:  # fmt: skip
        """See :meth:`SlabExecutor.finished`; here they come in order."""
        store = Store.open(volumes.store, writable=True)
        workers = min(available_cpus(), MOST_WORKERS)
        done = finished_slabs(
            slabs, work, volumes.survey, self.model, store, clock, workers, check, advance
        )
        with contextlib.closing(done):
            yield from done

    def about(self) -> dict[str, Any]:
        """Its name."""
        return {"name": "local"}
