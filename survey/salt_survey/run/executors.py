"""Who runs the slabs: this process, or Ray; see :mod:`salt_infer.execution.local` for tiles."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from salt_infer.backends.selection import Tell
from salt_infer.errors import PackageError, UsageError
from salt_infer.execution.base import ModelRequest
from salt_infer.execution.request import ExecutorRequest
from salt_infer.execution.stage_clock import StageClock
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.model_info import ModelInfo
from salt_infer.system.cpu import available_cpus, lanes_here
from salt_infer.system.signals import Check
from salt_survey.reading.survey import Survey
from salt_survey.run.slab_work import Told, Work, finished_slabs
from salt_survey.run.slabs import Slab, SlabDone
from salt_survey.run.store import Store


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
        told: Told,
    ) -> Generator[SlabDone]:  # fmt: skip
        """Yield slabs that are in the store, each once, in any order. Closed early it drops what is
        in flight.

        Args:
            slabs: those to run; no means.
            work: what to do with them.
            volumes: input and output.
            clock: told of the work.
            check: called while there is nothing to do; may raise.
            told: of sections as they are done.

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
        told: Told,
    ) -> Generator[SlabDone]:  # fmt: skip
        """See :meth:`SlabExecutor.finished`; here they come in order."""
        store = Store.open(volumes.store, writable=True)
        done = finished_slabs(
            slabs, work, volumes.survey, self.model, store, clock, available_cpus(), check, told
        )
        with contextlib.closing(done):
            yield from done

    def about(self) -> dict[str, Any]:
        """Its name."""
        return {"name": "local"}


def open_executor(
    request: ExecutorRequest, model: ModelRequest, sections: int, tell: Tell
) -> SlabExecutor:
    """Load the model where it is to run.

    Args:
        request: where.
        model: what.
        sections: how many there are: fewer than cores are not run a core each.
        tell: is given a line of what a user should know at once.

    Raises:
        UsageError: a GPU was named, and Ray is to choose.
        ModelError: the model cannot be loaded.
        PackageError: Ray was asked for and is not installed.
        ExecutorError: the cluster cannot be reached, or has no room.
    """
    if request.name == "local":
        lanes = max(1, min(lanes_here(), sections))
        return LocalSlabs(model.load(None, tell, lanes, in_turn=sections > 1))
    if model.provider.device_id:
        raise UsageError("--device-id is not for --engine ray, which gives each actor a GPU")
    try:
        from salt_survey.run.ray_slabs import RaySlabs
    except ModuleNotFoundError as error:
        raise PackageError(
            f"--engine ray needs Ray ({error.name} is not installed); "
            "pip install 'salt-toolkit[ray]'"
        ) from error
    return RaySlabs(request, model, tell)
