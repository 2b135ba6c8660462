"""Is a model file all there is of the model? One may name other files that hold its weights: then
neither its digest nor its verification says anything of these.

Read from the protobuf encoding (https://protobuf.dev/programming-guides/encoding/), as the onnx
package is not a part of inference; the numbers are those of onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from salt_infer.errors import ModelError

_VARINT, _EIGHT_BYTES, _COUNTED, _FOUR_BYTES = 0, 1, 2, 5  # wire types in use today
# Which fields of a message hold which messages, from a model down to all of its tensors.
_PARTS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_NAME, _EXTERNAL_DATA = 8, 13  # of a tensor


def check(path: Path) -> None:
    """Refuse a model file that keeps data in others.

    Args:
        path: a file that a runtime has loaded, so that it is an ONNX file.

    Raises:
        ModelError: it does, or cannot be read.
    """
    try:
        outside = external(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read as ONNX ({error}); expected a file from salt-export"
        ) from error
    if outside:
        raise ModelError(
            f"{path} keeps {outside[0]!r} and {len(outside) - 1} more tensors in other files; "
            "expected one file, as salt-export writes it"
        )


def external(data: bytes) -> list[str]:
    """Names of the tensors that an ONNX model has elsewhere.

    Raises:
        ValueError: it is not such a model.
    """
    found = []
    todo = [("model", memoryview(data))]
    while todo:
        kind, message = todo.pop()
        if kind == "tensor":
            fields = dict(_fields(message))
            if _EXTERNAL_DATA in fields:
                found.append(bytes(fields.get(_NAME, b"")).decode(errors="replace"))
        else:
            parts = _PARTS[kind]
            todo += [(parts[number], part) for number, part in _fields(message) if number in parts]
    return sorted(found)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and bytes of each field that has a length; numbers are passed over."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _COUNTED:
            size, at = _varint(message, at)
            yield number, message[at : at + size]
            at += size
        elif kind == _VARINT:
            _, at = _varint(message, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"wire type {kind} at byte {at}")
    if at > len(message):
        raise ValueError("it ends within a field")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of 7 bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("it ends within a number")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f"a number of more than ten bytes at byte {at}")
