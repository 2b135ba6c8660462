"""The weights in an ONNX file, read without the onnx package.

They are a few fields of ``onnx.proto`` in the encoding of Protocol Buffers; the operators between
them are stepped over.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer.modelfile.protobuf import MalformedError, Span, Walk
from salt_train.errors import CheckpointError

# Numbers of fields, by their messages.
_MODEL_GRAPH, _GRAPH_INITIALISER = 7, 5
_TENSOR_DIM, _TENSOR_KIND, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9
_FLOATS = {1: "<f4", 10: "<f2"}  # element types; weights are of no other

Weights = dict[str, npt.NDArray[np.float32]]


def read(path: Path) -> Weights:
    """Initialisers of float32 or float16 by name, all as float32.

    Raises:
        CheckpointError: it is no such file, or keeps weights in another way than salt-export.
    """
    try:
        with open(path, "rb") as file:
            walk = Walk(file)
            graphs = walk.all(walk.whole(), _MODEL_GRAPH)
            tensors = [each for graph in graphs for each in walk.all(graph, _GRAPH_INITIALISER)]
            return dict(found for each in tensors if (found := _tensor(walk, each)))
    except (OSError, MalformedError) as error:
        raise CheckpointError(
            f"{path} cannot be read as an ONNX file with weights ({error}); expected one that "
            "salt-export wrote"
        ) from error


def _tensor(walk: Walk, message: int | Span) -> tuple[str, npt.NDArray[np.float32]] | None:
    """Name and values of a TensorProto; None where it is not of floats."""
    shape: list[int] = []
    fields: dict[int, int | Span] = {}
    for number, value in walk.fields(message):
        if number == _TENSOR_DIM and isinstance(value, int):
            shape.append(value)
        fields[number] = value
    kind, name, raw = (fields.get(number) for number in (_TENSOR_KIND, _TENSOR_NAME, _TENSOR_RAW))
    if not isinstance(kind, int) or kind not in _FLOATS:
        return None
    if not isinstance(name, Span) or not isinstance(raw, Span):
        raise MalformedError("a tensor without a name or raw data")
    element = np.dtype(_FLOATS[kind])
    if raw.end - raw.start != math.prod(shape) * element.itemsize:
        raise MalformedError(f"{raw.end - raw.start} bytes for a tensor of shape {shape}")
    values = np.frombuffer(walk.read(raw), element).reshape(shape)
    return walk.read(name).decode(errors="replace"), values.astype(np.float32)
