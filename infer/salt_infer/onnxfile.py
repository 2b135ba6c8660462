"""What an ONNX file says of itself, read without any runtime.

Wanted are the metadata and the graph's inputs and outputs, some kilobytes among megabytes of
weights. They are few fields of ``onnx.proto`` in the encoding of Protocol Buffers
(https://protobuf.dev/programming-guides/encoding/); all others are stepped over in the file, and
what is read has bounds. A package that parses all of it would be one more to install.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from salt_infer.contract import METADATA_KEY, ModelContract
from salt_infer.errors import ModelError
from salt_infer.modelfile import Edge, check_edges, read_contract, sha256_of

MAX_TEXT_BYTES = 4 * 1024 * 1024  # of a name or a contract
MAX_FIELDS = 1_000_000  # that are looked at, of all messages: a network has some thousand

# Numbers of fields, by their messages.
_MODEL_GRAPH, _MODEL_METADATA = 7, 14
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_GRAPH_INPUT, _GRAPH_OUTPUT = 11, 12
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR = 1, 2, 1
_TENSOR_KIND, _TENSOR_SHAPE, _SHAPE_SIZE = 1, 2, 1
_SIZE_NUMBER, _SIZE_NAME = 1, 2

_KINDS = {1: "float", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool", 10: "float16"}
_VARINT, _FIXED64, _MESSAGE, _FIXED32 = 0, 1, 2, 5
_VARINT_BITS = 64


@dataclasses.dataclass(frozen=True)
class ModelFile:
    """A model file that nothing has loaded: whether a runtime takes it, only a run shows.

    Attributes:
        path: of the file.
        sha256: hex digest of it.
        contract: what it promises.
        inputs, outputs: of its graph.
    """

    path: Path
    sha256: str
    contract: ModelContract
    inputs: tuple[Edge, ...]
    outputs: tuple[Edge, ...]


class _Span(NamedTuple):
    """Where a message or text lies in the file."""

    start: int
    end: int


class _MalformedError(ValueError):
    """It is no such file."""


def read_model(path: Path) -> ModelFile:
    """Read what a file says of itself.

    Raises:
        ModelError: not there, or no ONNX file.
        ContractError: no contract, or one that contradicts the graph.
    """
    digest = sha256_of(path)
    try:
        with open(path, "rb") as file:
            walk = _Walk(file)
            texts, graphs = [], []
            for number, value in walk.fields(_Span(0, os.fstat(file.fileno()).st_size)):
                if number == _MODEL_METADATA and walk.text(value, _ENTRY_KEY) == METADATA_KEY:
                    texts.append(walk.text(value, _ENTRY_VALUE))
                elif number == _MODEL_GRAPH:
                    graphs.append(value)
            if len(graphs) != 1 or len(texts) > 1:
                raise _MalformedError(f"{len(graphs)} graphs and {len(texts)} contracts")
            inputs = tuple(map(walk.edge, walk.all(graphs[0], _GRAPH_INPUT)))
            outputs = tuple(map(walk.edge, walk.all(graphs[0], _GRAPH_OUTPUT)))
    except (OSError, _MalformedError) as error:
        raise ModelError(f"{path} cannot be read as an ONNX file ({error})") from error
    contract = read_contract(texts[0] if texts else None, path)
    check_edges(inputs, outputs, contract, path)
    return ModelFile(path, digest, contract, inputs, outputs)


class _Walk:
    """Through a file's messages; raises _MalformedError."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._left = file, MAX_FIELDS

    def fields(self, message: int | _Span) -> Iterator[tuple[int, int | _Span]]:
        """Number and value of each field: where it lies, or a number that stands for itself."""
        if isinstance(message, int):
            raise _MalformedError("a number in place of a message")
        at = message.start
        while at < message.end:
            self._left -= 1
            if self._left < 0:
                raise _MalformedError(f"more than {MAX_FIELDS} fields")
            tag, at = self._varint(at, message.end)
            value, at = self._value(tag & 7, at, message.end)
            yield tag >> 3, value

    def all(self, message: int | _Span, wanted: int) -> list[int | _Span]:
        """Values of the fields of one number."""
        return [value for number, value in self.fields(message) if number == wanted]

    def text(self, message: int | _Span, wanted: int) -> str:
        """A field that is text; empty if there is none."""
        texts = [self._text(value) for value in self.all(message, wanted)]
        return texts[-1] if texts else ""

    def edge(self, message: int | _Span) -> Edge:
        """A ValueInfoProto."""
        tensors = [
            tensor
            for kind in self.all(message, _VALUE_TYPE)
            for tensor in self.all(kind, _TYPE_TENSOR)
        ]
        if len(tensors) != 1:
            raise _MalformedError("an input or output that is no tensor")
        kinds = self.all(tensors[0], _TENSOR_KIND)
        sizes = [
            self._size(size)
            for shape in self.all(tensors[0], _TENSOR_SHAPE)
            for size in self.all(shape, _SHAPE_SIZE)
        ]
        kind = kinds[-1] if kinds else 0
        name = _KINDS.get(kind, f"type {kind}") if isinstance(kind, int) else "unknown"
        return Edge(self.text(message, _VALUE_NAME), name, tuple(sizes))

    def _size(self, message: int | _Span) -> int | str | None:
        numbers = self.all(message, _SIZE_NUMBER)
        if numbers and isinstance(numbers[-1], int):
            return numbers[-1]
        return self.text(message, _SIZE_NAME) or None

    def _value(self, kind: int, at: int, end: int) -> tuple[int | _Span, int]:
        """A field's value, and where it ends."""
        if kind == _VARINT:
            return self._varint(at, end)
        if kind == _MESSAGE:
            size, at = self._varint(at, end)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise _MalformedError(f"a field of kind {kind}")
        if at + size > end:
            raise _MalformedError("a field that is longer than what it is in")
        return _Span(at, at + size), at + size

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        self._file.seek(at)
        value = 0
        for shift in range(0, _VARINT_BITS, 7):
            byte = self._file.read(1)
            at += 1
            if not byte or at > end:
                raise _MalformedError("it ends within a number")
            value |= (byte[0] & 0x7F) << shift
            if byte[0] < 0x80:
                return value, at
        raise _MalformedError("a number without an end")

    def _text(self, value: int | _Span) -> str:
        if isinstance(value, int) or value.end - value.start > MAX_TEXT_BYTES:
            raise _MalformedError("a text that is a number, or too long")
        self._file.seek(value.start)
        return self._file.read(value.end - value.start).decode(errors="replace")
