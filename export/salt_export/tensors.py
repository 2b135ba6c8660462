"""The weights in a file against those of its network, number by number.

What a file of low precision computes may differ from its network by a lot; its weights may not. An
8-bit weight lies within half a step of the one it stands for, all others are the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from salt_export.errors import ParityError

HALF_A_STEP = 0.5001  # steps; float32 scales round a little

Tensors = Mapping[str, npt.NDArray[np.generic]]
_Value = tuple[npt.NDArray[np.generic], npt.NDArray[np.float64]]


def check(network: onnx.ModelProto, file: onnx.ModelProto) -> int:
    """Compare all weights.

    Args:
        network: the graph in the file's precision, or in float32 where the file is quantised.
        file: the file.

    Returns:
        How many tensors were compared.

    Raises:
        ParityError: one is missing, has another shape, or differs; names the one that differs most.
    """
    wanted, found, axes = _tensors(network), _tensors(file), _axes(file)
    for name in (_limits(network) & wanted.keys()) - found.keys():
        del wanted[name]  # an 8-bit range ends where its Clip did
    values = {name: _in(found, name, axes) for name in wanted}
    if missing := [name for name, value in values.items() if value is None]:
        raise ParityError(
            f"{len(missing)} of the network's {len(wanted)} tensors are not in the file, such as "
            f"{missing[0]}; another program merged or renamed them, or another version wrote it: "
            "export it anew"
        )
    apart = {name: _apart(wanted[name], *value) for name, value in values.items() if value}
    worst = max(apart, key=lambda name: apart[name], default="")
    if worst and apart[worst] > 0:
        raise ParityError(
            f"weight {worst} differs from the network's {_by(apart[worst])}; the file was changed "
            "after its export, or written by another version: export it anew"
        )
    return len(apart)


def _by(apart: float) -> str:
    return f"by {apart:.3g}" if np.isfinite(apart) else "in its shape, or is no number"


def _tensors(proto: onnx.ModelProto) -> dict[str, npt.NDArray[np.generic]]:
    return {each.name: numpy_helper.to_array(each) for each in proto.graph.initializer}


def _limits(proto: onnx.ModelProto) -> set[str]:
    """Names of what is nothing but a limit of a Clip, as of a ReLU6, and no weight."""
    limits, others = set[str](), set[str]()
    for node in proto.graph.node:
        clips = node.op_type == "Clip"
        limits.update(node.input[1:] if clips else ())
        others.update(node.input[:1] if clips else node.input)
    return limits - others


def _axes(proto: onnx.ModelProto) -> dict[str, int]:
    """Axis that a quantised tensor's scales are for: that of a transposed convolution is 1."""
    return {
        node.input[0]: attribute.i
        for node in proto.graph.node
        for attribute in node.attribute
        if node.op_type == "DequantizeLinear" and attribute.name == "axis"
    }


def _in(found: Tensors, name: str, axes: Mapping[str, int]) -> _Value | None:
    """A file's values of a tensor, and how far they may be apart; None where it has none."""
    if name in found:
        return found[name], np.zeros(())
    if f"{name}_quantized" not in found:
        return None
    scale, zero = _beside(found, name, "scale"), _beside(found, name, "zero_point")
    if scale is None:
        return None
    zero = np.zeros(()) if zero is None else zero
    return _dequantized(found[f"{name}_quantized"], scale, zero, axes.get(f"{name}_quantized", 0))


def _beside(found: Tensors, name: str, what: str) -> npt.NDArray[np.generic] | None:
    """What belongs to a quantised tensor. A bias has it by another name: its scale is the product
    of two others.
    """
    return found.get(f"{name}_{what}", found.get(f"{name}_quantized_{what}"))


def _apart(
    wanted: npt.NDArray[np.generic],
    value: npt.NDArray[np.generic],
    allowed: npt.NDArray[np.float64],
) -> float:
    """Largest difference beyond what rounding explains; infinite for another shape."""
    if value.shape != wanted.shape:
        return float("inf")
    difference = np.abs(value.astype(np.float64) - wanted.astype(np.float64))
    beyond = np.where(difference <= allowed, 0.0, difference)
    return float(np.nan_to_num(beyond, nan=np.inf).max(initial=0.0))


def _dequantized(
    quantised: npt.NDArray[np.generic],
    scale: npt.NDArray[np.generic],
    zero: npt.NDArray[np.generic],
    axis: int,
) -> _Value:
    """The values that 8 bits stand for, and half a step of each channel."""
    steps = quantised.astype(np.float64)
    count = steps.shape[axis] if axis < steps.ndim else 1
    if not {scale.size, zero.size} <= {1, count}:
        return np.empty(0), np.empty(0)  # which fits no weight
    channels = [-1 if each == axis else 1 for each in range(steps.ndim)]
    width = scale.astype(np.float64).reshape(channels)
    return (steps - zero.astype(np.float64).reshape(channels)) * width, np.abs(width) * HALF_A_STEP
