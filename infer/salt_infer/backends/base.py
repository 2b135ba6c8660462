"""What every runtime's session is to the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from salt_infer.backends.node_placement import Placement
from salt_infer.batch.result import BatchResult, Cancel
from salt_infer.modelfile.contract import ModelContract


class Session(Protocol):
    """A loaded model, whatever runs it; safe to use from several threads.

    Attributes:
        path: the model file.
        sha256: hex digest of it.
        contract: what it promises.
        inputs, outputs: name, element type and shape of each of the file's.
        placement: which nodes run where.
        notes: what is to be told of how it runs; empty where all is as asked.
        at_once: threads that should call :meth:`run` at the same time, if there are batches enough.
    """

    path: Path
    sha256: str
    contract: ModelContract
    inputs: list[str]
    outputs: list[str]
    placement: Placement
    notes: tuple[str, ...]
    at_once: int

    @property
    def provider(self) -> str:
        """What runs it, by its own name."""

    @property
    def runtime(self) -> str:
        """Name and version of what the provider belongs to: another may round differently."""

    @property
    def device(self) -> str:
        """The processor or GPU: another may round differently."""

    def run(
        self, tiles: npt.NDArray[np.uint8], gate: float, cancel: Cancel | None = None
    ) -> BatchResult:
        """Run one batch.

        Args:
            tiles: uint8 [N, V, 101, 101].
            gate: 0..1; tiles whose ``salt`` is not above it are not kept.
            cancel: lets another thread end the batch early.

        Raises:
            ModelError: the runtime failed, or the batch was cancelled.
        """
