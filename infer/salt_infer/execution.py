"""Who carries out a run: this process, or a Ray cluster (``--engine``).

An engine takes the numbers of groups and gives the groups back, finished. Groups are the same
whoever runs them, and all else is the caller's: the journal, the outputs, what becomes of a bad
tile.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, Protocol, Self

from salt_infer import pipeline
from salt_infer.clock import StageClock
from salt_infer.engine import EngineRequest
from salt_infer.errors import PackageError, UsageError
from salt_infer.facts import ModelFacts
from salt_infer.interruption import Check
from salt_infer.machine import lanes_here
from salt_infer.model import SaltModel
from salt_infer.opening import Tell
from salt_infer.pipeline import RunOptions
from salt_infer.providers import ProviderRequest
from salt_infer.record import Finished
from salt_infer.tiles import TileSource
from salt_infer.views import Tta


@dataclasses.dataclass(frozen=True)
class ModelRequest:
    """What model is to be loaded; None means the model's own default.

    Attributes:
        path: of the file; the one that ships for the provider if None.
        threshold, gate, tta, min_area: see :class:`salt_infer.model.Settings`.
        provider: what is to run it.
        batch_size: tiles a batch; as many as suit the provider if None.
    """

    path: Path | None
    threshold: float | None
    gate: float | None
    tta: Tta | None
    min_area: int
    provider: ProviderRequest
    batch_size: int | None

    def load(
        self, threads: int | None, tell: Tell, lanes: int = 1, in_turn: bool = False
    ) -> SaltModel:
        """Load it here; arguments and errors as of :meth:`salt_infer.model.SaltModel.load`."""
        return SaltModel.load(
            self.path, threshold=self.threshold, gate=self.gate, tta=self.tta,
            min_area=self.min_area, threads=threads, lanes=lanes, in_turn=in_turn,
            provider=self.provider, batch_size=self.batch_size, tell=tell,
        )  # fmt: skip


class Engine(Protocol):
    """Something that has loaded a model and runs tiles; close it by ``with``."""

    @property
    def model(self) -> SaltModel | ModelFacts:
        """What was loaded."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...

    def finished(
        self,
        source: TileSource,
        options: RunOptions,
        probabilities: bool,
        clock: StageClock,
        groups: Iterable[int],
        check: Check,
    ) -> Generator[Finished]:
        """Yield finished groups, each once, in any order. Closed early it drops what is in flight.

        Args:
            source: the tiles.
            options: how the work is cut up.
            probabilities: keep them.
            clock: told of the work.
            groups: numbers of those to run.
            check: called while there is nothing to do; may raise.

        Raises:
            ModelError: the model failed.
            EngineError: those who run it are gone.
        """

    def about(self) -> dict[str, Any]:
        """For the report: ``name``, and what else is to be said."""


class LocalEngine:
    """The process itself."""

    def __init__(self, model: SaltModel) -> None:
        self.model = model

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """There is nothing to give back."""

    def finished(
        self,
        source: TileSource,
        options: RunOptions,
        probabilities: bool,
        clock: StageClock,
        groups: Iterable[int],
        check: Check,
    ) -> Generator[Finished]:
        """See :meth:`Engine.finished`; here they come in order."""
        batches = pipeline.masks_of(source, self.model, options, clock, groups, check)
        with contextlib.closing(batches):
            for batch in batches:
                with clock("journal"):
                    group = Finished.of(batch, probabilities)
                yield group

    def about(self) -> dict[str, Any]:
        """Its name."""
        return {"name": "local"}


def open_engine(
    request: EngineRequest, model: ModelRequest, decoders: int | None, tell: Tell, groups: int
) -> Engine:
    """Load the model where it is to run.

    Args:
        request: where.
        model: what.
        decoders: how many are to read and decode tiles at a time; see ``--workers``.
        tell: is given a line of what a user should know at once.
        groups: how many there are: fewer than cores are not run a core each.

    Raises:
        UsageError: a GPU was named, and Ray is to choose.
        ModelError: the model cannot be loaded.
        PackageError: Ray was asked for and is not installed.
        EngineError: the cluster cannot be reached, or has no room.
    """
    if request.name == "local":
        return LocalEngine(model.load(None, tell, min(lanes_here(), groups), groups > 1))
    if model.provider.device_id:
        raise UsageError("--device-id is not for --engine ray, which gives each actor a GPU")
    try:
        from salt_infer.ray_engine import RayEngine
    except ModuleNotFoundError as error:
        raise PackageError(
            f"--engine ray needs Ray ({error.name} is not installed); "
            "pip install 'salt-toolkit[ray]'"
        ) from error
    return RayEngine(request, model, decoders, tell)
