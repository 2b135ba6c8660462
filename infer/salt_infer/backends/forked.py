"""Sessions and the process that loaded them."""

from __future__ import annotations

import os
from pathlib import Path

from salt_infer.errors import ModelError


class Loader:
    """The process that loaded a model file. One that is forked off it has the file's memory and
    none of the runtime's threads: whatever one of those held at that moment is waited for without
    end. OpenVINO does so at once, ONNX Runtime where other threads were running batches.
    """

    def __init__(self, path: Path) -> None:
        """Remember this process."""
        self._path, self._process = path, os.getpid()

    def check(self) -> None:
        """Raise ModelError in another process than that."""
        if os.getpid() != self._process:
            raise ModelError(
                f"{self._path} was loaded before this process was forked from the one that has the "
                "runtime's threads; load it here, or start processes by spawn"
            )
