"""What an ONNX file says of itself, read without any runtime.

Wanted are the metadata and the graph's inputs and outputs, some kilobytes among megabytes of
weights. They are few fields of ``onnx.proto`` in the encoding of Protocol Buffers
(https://protobuf.dev/programming-guides/encoding/); all others are stepped over in the file, and
what is read has bounds. A package that parses all of it would be one more to install.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from salt_infer.errors import ContractError, ModelError
from salt_infer.modelfile import checksum, external_data
from salt_infer.modelfile import learnt as learnt_tiles
from salt_infer.modelfile.contract import METADATA_KEY, ModelContract
from salt_infer.modelfile.learnt import UNKNOWN, Learnt
from salt_infer.modelfile.protobuf import MAX_FIELDS, MalformedError, Span, Walk
from salt_infer.modelfile.signature import Edge, check_edges, read_contract, sha256_of
from salt_infer.system import file_kind

MAX_TEXT_BYTES = 4 * 1024 * 1024  # of a name or a contract
MAX_LEARNT_BYTES = 64 * 1024 * 1024  # of the list of tiles that were learnt: six million

# Numbers of fields, by their messages.
_MODEL_GRAPH, _MODEL_METADATA = 7, 14
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_GRAPH_INPUT, _GRAPH_OUTPUT = 11, 12
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR = 1, 2, 1
_TENSOR_KIND, _TENSOR_SHAPE, _SHAPE_SIZE = 1, 2, 1
_SIZE_NUMBER, _SIZE_NAME = 1, 2

# Entries of the metadata that are read, and their longest texts.
_TEXTS = {
    METADATA_KEY: MAX_TEXT_BYTES,
    learnt_tiles.METADATA_KEY: MAX_LEARNT_BYTES,
    checksum.METADATA_KEY: len(checksum.NONE_YET),
}

_KINDS = {1: "float", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool", 10: "float16"}


@dataclasses.dataclass(frozen=True)
class ModelFile:
    """A model file that nothing has loaded: whether a runtime takes it, only a run shows.

    Attributes:
        path: of the file.
        sha256: hex digest of it.
        contract: what it promises.
        inputs, outputs: of its graph.
        learnt: the tiles that its networks have learnt from; UNKNOWN where it does not say.
    """

    path: Path
    sha256: str
    contract: ModelContract
    inputs: tuple[Edge, ...]
    outputs: tuple[Edge, ...]
    learnt: Learnt = UNKNOWN


def read_model(path: Path) -> ModelFile:
    """Read what a file says of itself.

    Raises:
        ModelError: not there, no ONNX file, or not as it was written.
        ContractError: no contract, or one that contradicts the graph.
    """
    digest = sha256_of(path)
    with _walking(path) as walk:
        texts, graphs = walk.texts(), walk.all(walk.whole(), _MODEL_GRAPH)
        if len(graphs) != 1:
            raise MalformedError(f"{len(graphs)} graphs")
        inputs = tuple(map(walk.edge, walk.all(graphs[0], _GRAPH_INPUT)))
        outputs = tuple(map(walk.edge, walk.all(graphs[0], _GRAPH_OUTPUT)))
    contract = read_contract(texts.get(METADATA_KEY), path)
    check_edges(inputs, outputs, contract, path)
    return ModelFile(path, digest, contract, inputs, outputs, _learnt(texts, path))


def kept_contract(
    text: str | None, inputs: Iterable[Edge], outputs: Iterable[Edge], path: Path
) -> ModelContract:
    """The contract of a file that a runtime has loaded, once all of it holds.

    Args:
        text: its metadata entry.
        inputs: of the graph, as the runtime sees it.
        outputs: likewise.
        path: the file.

    Raises:
        ContractError: there is none, or it contradicts the graph.
        ModelError: there are two, of which runtimes take one or the other; or parts of the model
            are in other files.
    """
    contract = read_contract(text, path)
    with _walking(path) as walk:
        walk.entries()
    external_data.check(path)
    check_edges(inputs, outputs, contract, path)
    return contract


@contextlib.contextmanager
def _walking(path: Path) -> Iterator[_Walk]:
    """Raise ModelError where it is no ONNX file."""
    try:
        with open(path, "rb") as file:
            yield _Walk(file, MAX_FIELDS)
    except (OSError, MalformedError) as error:
        reason = file_kind.no_model(path, str(error))
        raise ModelError(f"{path} cannot be read as an ONNX file ({reason})") from error


def learnt_of(path: Path, sha256: str) -> Learnt:
    """What the networks of a file have learnt from; UNKNOWN where it is no longer there, or is
    another than the one with that digest.
    """
    try:
        file = read_model(path)
    except ModelError:
        return UNKNOWN
    return file.learnt if file.sha256 == sha256 else UNKNOWN


def _learnt(texts: Mapping[str, str], path: Path) -> Learnt:
    if (text := texts.get(learnt_tiles.METADATA_KEY)) is None:
        return UNKNOWN
    try:
        return Learnt.from_text(text)
    except ContractError as error:
        raise ContractError(f"{path}: {error}") from error


class _Walk(Walk):
    """Through the messages of an ONNX file."""

    def entries(self) -> dict[str, list[Span]]:
        """Where the texts of the metadata's entries lie that are of use; none is read."""
        found: dict[str, list[Span]] = {}
        for entry in self.all(self.whole(), _MODEL_METADATA):
            name = self.text(entry, _ENTRY_KEY)
            if (most := _TEXTS.get(name)) is None:
                continue
            if name in found:
                raise MalformedError(f"two entries {name}")
            found[name] = self._spans(entry, _ENTRY_VALUE, most)
        return found

    def texts(self) -> dict[str, str]:
        """The texts themselves."""
        return {name: self._last(spans) for name, spans in self.entries().items()}

    def text(self, message: int | Span, wanted: int) -> str:
        """A field that is text, of MAX_TEXT_BYTES at most; empty if there is none."""
        return self._last(self._spans(message, wanted, MAX_TEXT_BYTES))

    def edge(self, message: int | Span) -> Edge:
        """A ValueInfoProto."""
        tensors = [
            tensor
            for kind in self.all(message, _VALUE_TYPE)
            for tensor in self.all(kind, _TYPE_TENSOR)
        ]
        if len(tensors) != 1:
            raise MalformedError("an input or output that is no tensor")
        kinds = self.all(tensors[0], _TENSOR_KIND)
        sizes = [
            self._size(size)
            for shape in self.all(tensors[0], _TENSOR_SHAPE)
            for size in self.all(shape, _SHAPE_SIZE)
        ]
        kind = kinds[-1] if kinds else 0
        name = _KINDS.get(kind, f"type {kind}") if isinstance(kind, int) else "unknown"
        return Edge(self.text(message, _VALUE_NAME), name, tuple(sizes))

    def _size(self, message: int | Span) -> int | str | None:
        numbers = self.all(message, _SIZE_NUMBER)
        if numbers and isinstance(numbers[-1], int):
            return numbers[-1]
        return self.text(message, _SIZE_NAME) or None

    def _spans(self, message: int | Span, wanted: int, most: int) -> list[Span]:
        """Where a field lies that is text, of so many bytes at most."""
        spans = []
        for value in self.all(message, wanted):
            if isinstance(value, int) or value.end - value.start > most:
                raise MalformedError("a text that is a number, or too long")
            spans.append(value)
        return spans

    def _last(self, spans: list[Span]) -> str:
        """A field's text: of several the last; empty if there is none."""
        return self.read(spans[-1]).decode(errors="replace") if spans else ""
