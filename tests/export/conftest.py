"""Exports whose slowest parts are made once, or smaller."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

import onnx
import pytest

from salt_export import graph, job, parity, request
from salt_export.request import OPSET
from salt_train.network.model import SaltNet

_traced: dict[str, bytes] = {}


def _digest(models: Sequence[SaltNet], gated: bool, opset: int) -> str:
    """Of all that a graph follows from."""
    found = hashlib.sha256(f"{gated} {opset}".encode())
    for model in models:
        found.update(repr(dataclasses.asdict(model.config)).encode())
        for name, tensor in model.state_dict().items():
            found.update(f"{name} {tensor.dtype}".encode() + tensor.numpy().tobytes())
    return found.hexdigest()


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that were traced before are not again: torch takes six seconds for one."""
    honest = graph.build

    def build(models: Sequence[SaltNet], gated: bool, opset: int = OPSET) -> onnx.ModelProto:
        key = _digest(models, gated, opset)
        if key not in _traced:
            _traced[key] = honest(models, gated, opset).SerializeToString()
        return onnx.load_from_string(_traced[key])

    monkeypatch.setattr(graph, "build", build)


@pytest.fixture
def few_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer tiles and batches, where it is not the comparison with torch that finds anything."""
    monkeypatch.setattr(parity, "BATCH_SIZES", (1, 2))
    for module in (job, parity, request):
        monkeypatch.setattr(module, "TILES", 8)
