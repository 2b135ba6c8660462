"""A model file on a runtime of the CPU: arithmetic, and how threads are laid out."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from common import gemm, rounds
from salt_infer.backends import availability
from salt_infer.backends.base import Session
from salt_infer.backends.onnxruntime_session import ModelSession, peek
from salt_infer.backends.openvino_session import PRECISION, OpenVinoSession
from salt_infer.backends.providers import SessionPlan
from salt_infer.system.cpu import this_machine


class Spinning(SessionPlan):
    """ONNX Runtime's own default: threads without work keep their core busy."""

    @property
    def entries(self) -> Mapping[str, str]:
        return {**super().entries, "session.intra_op.allow_spinning": "1"}


@dataclasses.dataclass(frozen=True)
class Setup:
    """A model file on a runtime.

    Attributes:
        path: of the file.
        provider: ``cpu`` or ``openvino``.
        arithmetic: of the network's layers.
        threads: all together.
        parts: batches under way at a time, by sessions (``cpu``) or streams (``openvino``), among
            which the threads are divided.
        spinning: see :class:`Spinning`.
    """

    path: Path
    provider: str
    arithmetic: gemm.Arithmetic
    threads: int
    parts: int = 1
    spinning: bool = False

    def open(self) -> list[Session]:
        """A session for each part."""
        if self.provider == "openvino":
            hint = "bf16" if self.arithmetic == "bf16" else "f32"
            options = {PRECISION: hint, "NUM_STREAMS": str(self.parts)}
            session = OpenVinoSession(self.path, self.threads, options)
            return [session] * self.parts
        plan = Spinning() if self.spinning else SessionPlan()
        each = max(1, self.threads // self.parts)
        return [ModelSession(self.path, each, plan) for _ in range(self.parts)]

    @property
    def layout(self) -> str:
        what = "stream" if self.provider == "openvino" else "session"
        threads = rounds.plural(max(1, self.threads // self.parts), "thread")
        spins = ", spinning" if self.spinning else ""
        return f"{rounds.plural(self.parts, what)} of {threads}{spins}"

    @property
    def name(self) -> str:
        return f"{self.path.name}, {self.provider} {self.arithmetic}, {self.layout}"


def of(models: Sequence[Path], threads: int) -> Iterator[Setup]:
    """Every file on every runtime that there is, in every arithmetic that this one has for it."""
    for path in models:
        stored = peek(path).precision
        own: gemm.Arithmetic = "int8" if stored == "int8" else "fp32"  # neither computes in fp16
        yield Setup(path, "cpu", own, threads)
        if any(availability.problems("openvino")):
            continue
        yield Setup(path, "openvino", own, threads)
        if own != "int8" and "BF16" in this_machine().features:
            yield Setup(path, "openvino", "bf16", threads)


def layouts(plain: Sequence[Setup]) -> list[Setup]:
    """The same with the threads in other layouts, and spinning where the runtime has a switch."""
    changed = []
    for setup in plain:
        parts = {1, setup.threads}
        spins = (False, True) if setup.provider == "cpu" else (False,)
        for count, spinning in itertools.product(sorted(parts), spins):
            changed.append(dataclasses.replace(setup, parts=count, spinning=spinning))
    return [setup for setup in changed if setup not in plain]
