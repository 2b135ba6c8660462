"""What ``gpu.py`` is to run: files, providers, batches, and options beside the usual ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from salt_infer.backends.onnxruntime_session import peek
from salt_infer.backends.option_rules import GRAPH, NHWC, SEARCH, TF32, Given
from salt_infer.backends.providers import Provider


def variants(provider: Provider, precision: str) -> list[Given]:
    """Options that a file is run with beside those that were chosen for it."""
    if provider != "cuda":
        return []
    exhaustive, plain = (SEARCH, "EXHAUSTIVE"), (NHWC, "0" if precision == "fp16" else "1")
    more: list[Given] = [((plain),), (exhaustive,), (plain, exhaustive), ((GRAPH, "1"),)]
    return [*more, ((TF32, "1"),)] if precision == "fp32" else more


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is to be measured.

    Attributes:
        models: files.
        providers: each runs every file.
        batches: sizes.
        asked: options to run the largest batch with; None for :func:`variants`.
    """

    models: Sequence[Path]
    providers: Sequence[Provider]
    batches: Sequence[int]
    asked: Sequence[Given] | None = None

    def options(self, provider: Provider, path: Path, batch: int) -> list[Given]:
        """Those that a file is run with."""
        if batch < max(self.batches):
            return [()]
        more = self.asked if self.asked is not None else variants(provider, peek(path).precision)
        return [(), *more]
