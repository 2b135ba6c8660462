"""Who carries out a run: this process, or a Ray cluster (``--engine``).

An executor takes the numbers of groups and gives the groups back, finished. Groups are the same
whoever runs them, and all else is the caller's: the journal, the outputs, what becomes of a bad
tile.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, Protocol, Self

from salt_infer.backends.providers import ProviderRequest
from salt_infer.backends.selection import ALONE, Concurrency
from salt_infer.data.source import TileSource
from salt_infer.execution.pipeline import RunOptions
from salt_infer.execution.results import FinishedGroup
from salt_infer.execution.stage_clock import StageClock
from salt_infer.modelfile.contract import Tta
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.model_info import ModelInfo
from salt_infer.system.callbacks import Tell
from salt_infer.system.signals import Check


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """What model is to be loaded; None means the model's own default.

    Attributes:
        path: of the file; the one that ships for the provider if None.
        threshold, gate, tta, min_area: see :class:`salt_infer.predictor.settings.Settings`.
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

    def load(self, tell: Tell, concurrency: Concurrency = ALONE) -> SaltModel:
        """Load it here; errors as of :meth:`salt_infer.predictor.model.SaltModel.load`."""
        return SaltModel.load(
            self.path, threshold=self.threshold, gate=self.gate, tta=self.tta,
            min_area=self.min_area, provider=self.provider, batch_size=self.batch_size, tell=tell,
            **concurrency._asdict(),
        )  # fmt: skip


class Executor(Protocol):
    """Something that has loaded a model and runs tiles; close it by ``with``."""

    @property
    def model(self) -> SaltModel | ModelInfo:
        """What was loaded."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...

    def finished(
        self,
        source: TileSource,
        options: RunOptions,
        clock: StageClock,
        groups: Iterable[int],
        check: Check,
    ) -> Generator[FinishedGroup]:
        """Yield finished groups, each once, in any order. Closed early it drops what is in flight.

        Args:
            source: the tiles.
            options: how the work is cut up, and what is kept of it.
            clock: told of the work.
            groups: numbers of those to run.
            check: called while there is nothing to do; may raise.

        Raises:
            ModelError: the model failed.
            ExecutorError: those who run it are gone.
        """

    def about(self) -> dict[str, Any]:
        """For the report: ``name``, and what else is to be said."""
