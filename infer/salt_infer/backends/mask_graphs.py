"""Masks drawn where the probabilities are: small graphs that run on the device after the network.

A tile's answer is 1.3 KB of bits instead of 41 KB of float32 for each view. The graphs do the very
arithmetic that :mod:`salt_infer.predictor.model` and :mod:`salt_infer.batch.doubtful` do with
NumPy, each step of it rounded by IEEE 754 alone, so that masks do not depend on who drew them: they
are graphs of their own, as a runtime that joined them with the network's could round otherwise.

Bits are those of ``numpy.packbits``, down the columns first, as run-length strings number pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from salt_infer.batch.doubtful import NEAR
from salt_infer.masks.rle import TILE_SHAPE
from salt_infer.modelfile.contract import GATE, PROBABILITY, SALT
from salt_infer.modelfile.onnx_writer import GraphWriter

# Inputs and outputs beside the contract's.
THRESHOLD, MASKS, NEARBY = "threshold", "masks", "nearby"
JUDGED = "judged"  # ``salt`` on its way to the host, NaN if one of the tile's pixels is
FIRST, PLACES = "first", "places"

_HEIGHT, _WIDTH = TILE_SHAPE
_PIXELS = _HEIGHT * _WIDTH
BYTES = -(-_PIXELS // 8)  # of a mask
_LAST = -(2**63)  # Slice: to the very first, going backwards
_TO_FLOAT, _TO_UINT8 = 1, 2  # TensorProto.DataType


def unpack(bits: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """uint8 [K, BYTES] -> bool [K, 101, 101], a view of memory that goes down the columns."""
    pixels = np.unpackbits(bits, axis=1, count=_PIXELS).view(np.bool_)
    return pixels.reshape(-1, _WIDTH, _HEIGHT).transpose(0, 2, 1)


def masks(count: int, views: int) -> bytes:
    """Mean of the views, threshold and gate.

    ``probability`` float32 [N, V, 101, 101], ``salt`` float32 [N], ``threshold`` and ``gate``
    float32 [] -> ``masks`` uint8 [N, BYTES], all 0 where the gate stops the tile; ``judged``.

    Args:
        count: N.
        views: V, 1 or 2; the second is mirrored.
    """
    graph = GraphWriter()
    probability = graph.input(PROBABILITY, "float32", (count, views, *TILE_SHAPE))
    salt = graph.input(SALT, "float32", (count,))
    mean = _view(graph, probability, 0, count)
    if views == 2:
        mean = _mean(graph, mean, _mirrored(graph, _view(graph, probability, 1, count)))
    passed = graph.add("Greater", salt, graph.input(GATE, "float32", ()))
    opened = graph.add("Reshape", passed, graph.constant([count, 1, 1], "int64"))
    drawn = graph.add("And", _above(graph, mean), opened)
    _give_masks(graph, drawn, count)
    _give_judged(graph, salt, mean, count)
    return graph.model()


def first_pass(count: int) -> bytes:
    """What one view says, before any gate, and how much of it is in doubt.

    ``probability`` float32 [N, 1, 101, 101], ``salt`` float32 [N], ``threshold`` float32 [] ->
    ``masks``; ``nearby`` float32 [N], pixels that are near the threshold; ``judged``.
    """
    graph = GraphWriter()
    probability = graph.input(PROBABILITY, "float32", (count, 1, *TILE_SHAPE))
    salt = graph.input(SALT, "float32", (count,))
    plain = _view(graph, probability, 0, count)
    _give_masks(graph, _above(graph, plain), count)
    distance = graph.add("Abs", graph.add("Sub", plain, THRESHOLD))
    near = graph.add("Less", distance, graph.constant(NEAR, "float32"))
    flat = graph.add("Reshape", near, graph.constant([count, _PIXELS], "int64"))
    graph.output(_sum(graph, graph.add("Cast", flat, to=_TO_FLOAT), 1), NEARBY, "float32", (count,))
    _give_judged(graph, salt, plain, count)
    return graph.model()


def second_pass(count: int, again: int) -> bytes:
    """The mean of two passes.

    ``first`` float32 [N, 1, 101, 101], ``places`` int64 [M] among its tiles, ``probability``
    float32 [M, 1, 101, 101] of those mirrored, ``salt`` float32 [M], ``threshold`` float32 [] ->
    ``masks`` uint8 [M, BYTES], ``judged`` float32 [M], of the second pass alone.

    Args:
        count: N.
        again: M.
    """
    graph = GraphWriter()
    first = graph.input(FIRST, "float32", (count, 1, *TILE_SHAPE))
    places = graph.input(PLACES, "int64", (again,))
    probability = graph.input(PROBABILITY, "float32", (again, 1, *TILE_SHAPE))
    salt = graph.input(SALT, "float32", (again,))
    before = _view(graph, graph.add("Gather", first, places, axis=0), 0, again)
    mean = _mean(graph, before, _mirrored(graph, _view(graph, probability, 0, again)))
    _give_masks(graph, _above(graph, mean), again)
    _give_judged(graph, salt, mean, again)
    return graph.model()


def _view(graph: GraphWriter, probability: str, view: int, count: int) -> str:
    """[N, V, H, W] -> one of its views, [N, H, W]."""
    bounds = ([view], [view + 1], [1])
    chosen = graph.add("Slice", probability, *(graph.constant(each, "int64") for each in bounds))
    return graph.add("Reshape", chosen, graph.constant([count, *TILE_SHAPE], "int64"))


def _mirrored(graph: GraphWriter, value: str) -> str:
    """[N, H, W] from right to left."""
    bounds = ([-1], [_LAST], [2], [-1])
    return graph.add("Slice", value, *(graph.constant(each, "int64") for each in bounds))


def _mean(graph: GraphWriter, one: str, other: str) -> str:
    return graph.add("Mul", graph.add("Add", one, other), graph.constant(0.5, "float32"))


def _above(graph: GraphWriter, mean: str) -> str:
    return graph.add("Greater", mean, graph.input(THRESHOLD, "float32", ()))


def _give_masks(graph: GraphWriter, drawn: str, count: int) -> None:
    """bool [N, H, W] as bits. Sums of eight powers of two are exact in any arithmetic."""
    columns = graph.add("Cast", graph.add("Transpose", drawn, perm=[0, 2, 1]), to=_TO_FLOAT)
    flat = graph.add("Reshape", columns, graph.constant([count, _PIXELS], "int64"))
    rest = graph.constant(np.zeros((count, BYTES * 8 - _PIXELS)), "float32")
    padded = graph.add("Concat", flat, rest, axis=1)
    eights = graph.add("Reshape", padded, graph.constant([count, BYTES, 8], "int64"))
    weighed = graph.add("Mul", eights, graph.constant(2.0 ** np.arange(7, -1, -1), "float32"))
    bits = graph.add("Cast", _sum(graph, weighed, 2), to=_TO_UINT8)
    graph.output(bits, MASKS, "uint8", (count, BYTES))


def _give_judged(graph: GraphWriter, salt: str, mean: str, count: int) -> None:
    """The judge's answer as it is; what loses every comparison would else look like no salt."""
    flat = graph.add("Reshape", mean, graph.constant([count, _PIXELS], "int64"))
    nothing = graph.add("Mul", _sum(graph, flat, 1), graph.constant(0.0, "float32"))
    graph.output(graph.add("Add", salt, nothing), JUDGED, "float32", (count,))


def _sum(graph: GraphWriter, value: str, axis: int) -> str:
    return graph.add("ReduceSum", value, graph.constant([axis], "int64"), keepdims=0)
