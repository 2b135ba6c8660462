"""A run in this process."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any, Self

from salt_infer.data.source import TileSource
from salt_infer.execution.pipeline import RunOptions, finished_groups
from salt_infer.execution.results import FinishedGroup
from salt_infer.execution.stage_clock import StageClock
from salt_infer.predictor.model import SaltModel
from salt_infer.system.signals import Check


class LocalExecutor:
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
        clock: StageClock,
        groups: Iterable[int],
        check: Check,
    ) -> Generator[FinishedGroup]:
        """See :meth:`salt_infer.execution.base.Executor.finished`; here they come in order."""
        return finished_groups(source, self.model, options, clock, groups, check)

    def about(self) -> dict[str, Any]:
        """Its name."""
        return {"name": "local"}
