"""Exports whose slowest parts are made once a run of the tests, or smaller."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import pytest

from salt_export import graph, loading, parity, request
from salt_export.request import OPSET
from salt_train.network.model import SaltNet

if TYPE_CHECKING:
    from tests.conftest import Once

_honest = graph.build


def _digest(models: Sequence[SaltNet], gated: bool, opset: int) -> str:
    """Of all that a graph follows from."""
    found = hashlib.sha256(f"{gated} {opset}".encode())
    for model in models:
        found.update(repr(dataclasses.asdict(model.config)).encode())
        for name, tensor in model.state_dict().items():
            found.update(f"{name} {tensor.dtype}".encode() + tensor.numpy().tobytes())
    return found.hexdigest()


@contextlib.contextmanager
def kept(once: Once) -> Iterator[None]:
    """Networks that were traced before are not again, by whichever process: torch takes six
    seconds for one.
    """

    def build(models: Sequence[SaltNet], gated: bool, opset: int = OPSET) -> onnx.ModelProto:
        def fill(out: Path) -> None:
            onnx.save(_honest(models, gated, opset), out / "x.onnx")

        return onnx.load(once(f"traced-{_digest(models, gated, opset)}", fill) / "x.onnx")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph, "build", build)
        yield


@contextlib.contextmanager
def few_shapes() -> Iterator[None]:
    """Fewer tiles and batches, where it is not the comparison with torch that finds anything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity, "BATCH_SIZES", (1, 2))
        for module in (loading, parity, request):
            patch.setattr(module, "TILES", 8)
        yield
