"""Is a model file all there is of the model? One may name other files that hold its weights: then
neither its digest nor its verification says anything of these.

Read field by field, as the onnx package is not a part of inference; the numbers are those of
onnx.proto.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

from salt_infer.errors import ModelError
from salt_infer.modelfile.protobuf import Span, Walk

# Which fields of a message hold which messages, from a model down to all of its tensors.
_PARTS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
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
        with open(path, "rb") as file:
            outside = external(file)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read as ONNX ({error}); expected a file from salt-export"
        ) from error
    if outside:
        raise ModelError(
            f"{path} keeps {outside[0]!r} and {len(outside) - 1} more tensors in other files; "
            "expected one file, as salt-export writes it"
        )


def external(file: IO[bytes]) -> list[str]:
    """Names of the tensors that an ONNX model has elsewhere.

    Raises:
        ValueError: it is not such a model.
    """
    walk = Walk(file)
    found = []
    todo: list[tuple[str, int | Span]] = [("model", walk.whole())]
    while todo:
        kind, message = todo.pop()
        if kind == "tensor":
            fields = dict(walk.fields(message))
            name = fields.get(_NAME)
            if _EXTERNAL_DATA in fields:
                found.append(
                    walk.read(name).decode(errors="replace") if isinstance(name, Span) else ""
                )
        else:
            parts = _PARTS[kind]
            todo += [(parts[at], part) for at, part in walk.fields(message) if at in parts]
    return sorted(found)
