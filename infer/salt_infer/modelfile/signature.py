"""A model file before any runtime runs it: its digest, its contract, its edges."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from salt_infer.errors import ContractError, ModelError, NoModelError
from salt_infer.masks.rle import TILE_SHAPE
from salt_infer.modelfile import checksum
from salt_infer.modelfile.contract import (
    GATE,
    KEPT,
    METADATA_KEY,
    PROBABILITY,
    SALT,
    TILES,
    ModelContract,
)
from salt_infer.system import digest
from salt_infer.system.text import shown

Edges = dict[str, tuple[str, tuple[int | None, ...]]]  # kind and shape by name


class Edge(NamedTuple):
    """An input or output of a graph.

    Attributes:
        name: in the graph.
        kind: element type as the ONNX Runtime spells it, ``uint8`` or ``float``.
        shape: sizes; None or a name where any size will do.
    """

    name: str
    kind: str
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        shape = ", ".join(shown(str(size)) for size in self.shape)  # names are the file's own
        return f"{shown(self.name)} {self.kind} [{shape}]"


def sha256_of(path: Path) -> str:
    """Hex digest of a model file.

    Raises:
        NoModelError: it is not there, or is a directory.
        ModelError: it cannot be read, is not what was written, or no runtime could be told its
            name.
    """
    try:
        os.fspath(path).encode()
        checksum.check(path)
        return digest.of_file(path)
    except UnicodeEncodeError as error:
        raise ModelError(
            f"{os.fspath(path)!a} is not UTF-8, and runtimes take no other paths; rename it"
        ) from error
    except FileNotFoundError as error:
        raise NoModelError(f"{path} does not exist; expected a file from salt-export") from error
    except IsADirectoryError as error:
        raise NoModelError(f"{path} is a directory, expected a file from salt-export") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror or error})") from error


def read_contract(text: str | None, path: Path) -> ModelContract:
    """The contract in a file's metadata entry.

    Raises:
        ContractError: there is none, or it is broken; names the file.
    """
    if text is None:
        raise ContractError(
            f"{path} has no {METADATA_KEY!r} in its metadata; expected a file that salt-export "
            "wrote: export the checkpoint, as networks of other programs are not run here"
        )
    try:
        return ModelContract.from_json(text)
    except ContractError as error:
        raise ContractError(f"{path}: {error}") from error


def check_edges(
    inputs: Iterable[Edge], outputs: Iterable[Edge], contract: ModelContract, path: Path
) -> None:
    """The graph must have the inputs and outputs that the contract stands for.

    Raises:
        ContractError: it has others, or takes tiles of another size.
    """
    edge = contract.tile_px
    if (edge, edge) != TILE_SHAPE:
        raise ContractError(f"{path} takes {edge}x{edge} tiles, this program reads {TILE_SHAPE}")
    takes: Edges = {TILES: ("uint8", (None, None, edge, edge))}
    gives: Edges = {PROBABILITY: ("float", (None, None, edge, edge)), SALT: ("float", (None,))}
    if contract.gated:
        takes |= {GATE: ("float", ())}
        gives |= {KEPT: ("int64", (None,))}
    for what, expected, edges in (("inputs", takes, inputs), ("outputs", gives, outputs)):
        seen = {each.name: (each.kind, tuple(map(_fixed, each.shape))) for each in edges}
        if seen != expected:
            raise ContractError(
                f"{path} has {what} {seen}, its contract promises {expected}; if another program "
                "renamed them or fixed the batch, name the file that salt-export wrote: batches "
                "are fixed here where that is faster"
            )


def _fixed(size: int | str | None) -> int | None:
    return size if isinstance(size, int) else None
