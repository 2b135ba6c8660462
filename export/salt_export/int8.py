"""A float32 graph to int8, as quantize and dequantize nodes around what runs in int8.

The trunk alone is quantised: from the first convolution to the one before the last. Padding and
normalisation before it, logits and what follows them, and the judge stay in float32. Quantisation
itself is ONNX Runtime's (https://onnxruntime.ai/docs/performance/model-optimizations/).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime import quantization
from onnxruntime.quantization import calibrate as runtime
from onnxruntime.quantization.calibrate import HistogramCollector
from onnxruntime.quantization.shape_inference import quant_pre_process

from salt_export.errors import CalibrationError
from salt_export.quiet import quieted
from salt_infer.modelfile.contract import GATE, TILES

Method = Literal["minmax", "entropy", "percentile"]
METHODS: tuple[Method, ...] = get_args(Method)

BATCH = 8  # tiles at once: every activation of every tile of it is in memory
# Logits near the threshold decide: 8 bits are too coarse for them.
_KEPT_IN_FLOAT = ("judge_head.", "head.last.")
_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})
# Of other operators the first input alone carries activations; the rest are shapes and indices.
_JOINING = frozenset({"Add", "Concat", "Div", "Mul", "Sub"})

_CALIBRATORS: dict[Method, tuple[quantization.CalibrationMethod, dict[str, Any]]] = {
    "minmax": (quantization.CalibrationMethod.MinMax, {}),
    # 128 steps stand for the values of 512 bins; ONNX Runtime's default of 128 bins clips nothing.
    "entropy": (quantization.CalibrationMethod.Entropy, {"num_bins": 512}),
    "percentile": (
        quantization.CalibrationMethod.Percentile, {"percentile": 99.99, "symmetric": False},
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Style:
    """How a device wants its int8.

    Attributes:
        activations: type of activations; weights are int8, symmetric, with a scale a channel.
        symmetric: activations too have no zero point.
        bias: biases are int32, or stay in float32.
    """

    activations: quantization.QuantType
    symmetric: bool
    bias: bool


# x86 multiplies unsigned by signed bytes; TensorRT wants no zero points and refuses int32 biases.
STYLES = {
    "cpu": Style(quantization.QuantType.QUInt8, symmetric=False, bias=True),
    "tensorrt": Style(quantization.QuantType.QInt8, symmetric=True, bias=False),
}


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A float32 model, ready to be quantised.

    Attributes:
        path: where it lies, constants folded and shapes inferred.
        float_nodes: names of nodes that are never quantised.
        sources: name of each node that may be quantised -> layers that its activations come from
            without another between; of a convolution, transposed ones too, its own.
        layers: those that are quantised, by their weights' names, in the order of the graph.
    """

    path: Path
    float_nodes: tuple[str, ...]
    sources: Mapping[str, frozenset[str]]
    layers: tuple[str, ...]

    def excluded(self, in_float: Collection[str]) -> list[str]:
        """Names of nodes that are not quantised where some layers are left in float32: what comes
        of those alone is as it was, too, and in 8 bits would lose what they kept.
        """
        kept = {name for name, layers in self.sources.items() if layers.issubset(in_float)}
        return [*self.float_nodes, *kept]


def prepare(proto: onnx.ModelProto, folder: Path) -> Prepared:
    """Fold and infer what quantisation needs; the file goes into ``folder``."""
    source, path = folder / "float32.onnx", folder / "prepared.onnx"
    onnx.save(proto, source)
    quant_pre_process(source, path, skip_symbolic_shape=True)
    nodes = list(onnx.load(path).graph.node)
    trunk = {
        node.name for node in nodes if node.op_type in _CONVOLUTIONS and not _kept_in_float(node)
    }
    inside = _between(nodes, trunk)
    return Prepared(
        path,
        tuple(node.name for node in nodes if node.name not in inside),
        _sources([node for node in nodes if node.name in inside], trunk),
        tuple(_layer(node) for node in nodes if node.name in trunk),
    )


def _sources(nodes: list[onnx.NodeProto], trunk: set[str]) -> dict[str, frozenset[str]]:
    """Of nodes in topological order, see :class:`Prepared`."""
    values: dict[str, frozenset[str]] = {}
    found = {}
    for node in nodes:
        of_inputs = (values.get(each, frozenset()) for each in _activations(node))
        own = frozenset([_layer(node)]) if node.name in trunk else frozenset().union(*of_inputs)
        found[node.name] = own
        values.update(dict.fromkeys(node.output, own))
    return found


def calibrate(
    prepared: Prepared,
    tiles: npt.NDArray[np.uint8],
    method: Method,
    folder: Path,
    least_and_greatest: Path | None = None,
) -> Path:
    """Measure the range of every activation; the file with it goes into ``folder``.

    Args:
        prepared: the model.
        tiles: uint8 [N, 101, 101].
        method: how the range follows from the values seen.
        folder: for files.
        least_and_greatest: what ``minmax`` gave of the same tiles, which the others begin with;
            measured if None.

    Raises:
        CalibrationError: ONNX Runtime finds no range for some activation.
    """
    with quieted():
        calibrator = _calibrator(prepared, method, folder)
        if method != "minmax":
            seen = least_and_greatest or calibrate(prepared, tiles, "minmax", folder)
            calibrator.collector = _spanning(calibrator, runtime.load_tensors_data(seen))
        _collect(calibrator, tiles)
        ranges = folder / f"{method}.json"
        try:
            runtime.save_tensors_data(calibrator.compute_data(), ranges)
        except (AssertionError, ValueError) as error:
            raise CalibrationError(f"ONNX Runtime finds no range ({error})") from error
    return ranges


def _calibrator(prepared: Prepared, method: Method, folder: Path) -> Any:
    kind, options = _CALIBRATORS[method]
    augmented = str(folder / f"{method}.onnx")
    return quantization.create_calibrator(
        prepared.path, None, augmented, kind, extra_options=options
    )


def _collect(calibrator: Any, tiles: npt.NDArray[np.uint8]) -> None:
    gated = GATE in {each.name for each in calibrator.infer_session.get_inputs()}
    for start in range(0, len(tiles), BATCH):
        calibrator.collect_data(_Reader(tiles[start : start + BATCH], gated))


def _spanning(calibrator: Any, seen: Any) -> HistogramCollector:
    """Empty histograms from the least to the greatest of all values of an activation.

    Without them the first batch's values would be divided into bins, and as many of the same width
    added as later ones ask for: 70,000 where the first tiles hardly stir a channel, which takes
    hours to search, if it does not fail.
    """
    collector = HistogramCollector(
        calibrator.method, calibrator.symmetric, calibrator.num_bins,
        calibrator.num_quantized_bins, calibrator.percentile, calibrator.scenario,
    )  # fmt: skip
    for name in calibrator.tensors_to_calibrate:
        low, high = (np.float32(np.max(value)) for value in seen[name].range_value)
        most = np.maximum(np.abs(low), np.abs(high))
        counts, edges = np.histogram(
            np.zeros(0, np.float32), calibrator.num_bins, range=(-most, most)
        )
        collector.histogram_dict[name] = (counts, edges, low, high, most)
    return collector


def quantize(
    prepared: Prepared, ranges: Path, method: Method, style: Style, in_float: Collection[str] = ()
) -> onnx.ModelProto:
    """Insert the quantize and dequantize nodes.

    Args:
        prepared: the model.
        ranges: what :func:`calibrate` gave.
        method: the one it was made with.
        style: the device's.
        in_float: layers to leave in float32 as well, with what comes of them alone.
    """
    output = ranges.with_suffix(".int8.onnx")
    with quieted():
        quantization.quantize_static(
            prepared.path,
            output,
            per_channel=True,
            activation_type=style.activations,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=prepared.excluded(in_float),
            calibrate_method=_CALIBRATORS[method][0],
            calibration_cache_path=ranges,
            extra_options={"ActivationSymmetric": style.symmetric, "QuantizeBias": style.bias},
        )
    proto = onnx.load(output)
    _drop_unused_domains(proto)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _drop_unused_domains(proto: onnx.ModelProto) -> None:
    """Quantisation declares every operator set that it knows, experimental ones too."""
    used = {node.domain for node in proto.graph.node}
    kept = [entry for entry in proto.opset_import if entry.domain in used]
    del proto.opset_import[:]
    proto.opset_import.extend(kept)


class _Reader(quantization.CalibrationDataReader):  # type: ignore[misc]  # untyped base
    """One batch of tiles, a view each; a gated model decodes them all."""

    def __init__(self, tiles: npt.NDArray[np.uint8], gated: bool) -> None:
        self._feeds: dict[str, Any] | None = {TILES: tiles[:, None]}
        if gated:
            self._feeds[GATE] = np.array(-1, np.float32)

    def get_next(self) -> dict[str, Any] | None:
        feeds, self._feeds = self._feeds, None
        return feeds


def _kept_in_float(node: onnx.NodeProto) -> bool:
    return any(part in node.input[1] for part in _KEPT_IN_FLOAT)


def _layer(node: onnx.NodeProto) -> str:
    """The module whose weight a convolution has, such as ``models.0.encoder.conv1``."""
    return str(node.input[1]).removesuffix(".weight")


def _between(nodes: list[onnx.NodeProto], marks: set[str]) -> set[str]:
    """Names of nodes that activations reach from a marked node and that lead to one; those too."""
    after = _reached(nodes, marks)
    return after & _reached([_reversed(node) for node in reversed(nodes)], marks)


def _reached(nodes: list[onnx.NodeProto], marks: set[str]) -> set[str]:
    """Nodes, in topological order, that are marked or take activations from one that is."""
    reached: set[str] = set()
    values: set[str] = set()
    for node in nodes:
        if node.name in marks or values & set(_activations(node)):
            reached.add(node.name)
            values.update(node.output)
    return reached


def _activations(node: onnx.NodeProto) -> list[str]:
    return list(node.input if node.op_type in _JOINING else node.input[:1])


def _reversed(node: onnx.NodeProto) -> onnx.NodeProto:
    """The node with its activations going the other way."""
    return onnx.helper.make_node("Concat", list(node.output), _activations(node), node.name)
