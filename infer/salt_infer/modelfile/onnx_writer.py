"""Writes small ONNX models of operators and constants, without a package for it.

Their fields are few of ``onnx.proto``, in the encoding of Protocol Buffers
(https://protobuf.dev/programming-guides/encoding/); :mod:`salt_infer.modelfile.onnx_reader` reads
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

OPSET = 18  # that of the files which are exported
_IR_VERSION = 8  # the first that has it
_KINDS = {"float32": 1, "uint8": 2, "int64": 7, "bool": 9}  # TensorProto.DataType
_INT, _INTS = 2, 7  # AttributeProto.AttributeType


class GraphWriter:
    """A graph, operator by operator; values go by the names that its methods return."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []

    def input(self, name: str, kind: str, shape: Sequence[int]) -> str:
        """A value that is given; ``kind`` as NumPy spells it."""
        self._inputs.append(_edge(name, kind, shape))
        return name

    def constant(self, value: npt.ArrayLike, kind: str) -> str:
        """A value that is known."""
        array = np.asarray(value, kind)
        name = f"constant-{len(self._constants)}"
        fields = [_field(1, size) for size in array.shape]  # dims
        fields += [_field(2, _KINDS[kind]), _field(8, name), _field(9, array.tobytes())]
        self._constants.append(b"".join(fields))
        return name

    def add(self, operator: str, *inputs: str, **attributes: int | Sequence[int]) -> str:
        """The output of an operator."""
        name = f"value-{len(self._nodes)}"
        self._node(operator, inputs, name, attributes)
        return name

    def output(self, value: str, name: str, kind: str, shape: Sequence[int]) -> None:
        """Have a value be an output."""
        self._node("Identity", (value,), name, {})
        self._outputs.append(_edge(name, kind, shape))

    def model(self) -> bytes:
        """The whole model."""
        parts = ((1, self._nodes), (5, self._constants), (11, self._inputs), (12, self._outputs))
        fields = [_field(number, each) for number, values in parts for each in values]
        graph = b"".join([*fields, _field(2, "graph")])
        opset = _field(1, "") + _field(2, OPSET)
        return _field(1, _IR_VERSION) + _field(7, graph) + _field(8, opset)

    def _node(
        self, operator: str, inputs: Sequence[str], output: str, attributes: dict[str, Any]
    ) -> None:
        fields = [_field(1, name) for name in inputs]
        fields += [_field(2, output), _field(3, f"node-{len(self._nodes)}"), _field(4, operator)]
        fields += [_field(5, b"".join(_attribute(*each))) for each in attributes.items()]
        self._nodes.append(b"".join(fields))


def _attribute(name: str, value: int | Sequence[int]) -> Iterator[bytes]:
    yield _field(1, name)
    if isinstance(value, int):
        yield _field(3, value) + _field(20, _INT)
    else:
        yield from (_field(8, each) for each in value)
        yield _field(20, _INTS)


def _edge(name: str, kind: str, shape: Sequence[int]) -> bytes:
    sizes = b"".join(_field(1, _field(1, size)) for size in shape)
    tensor = _field(1, _KINDS[kind]) + _field(2, sizes)
    return _field(1, name) + _field(2, _field(1, tensor))


def _field(number: int, value: int | str | bytes) -> bytes:
    """A number as a varint, all else counted."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    value &= 2**64 - 1  # negative numbers are 64-bit two's complement
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
