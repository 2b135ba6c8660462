"""Weights stored in float16, arithmetic in float32: half the file, at the speed of the whole one.

For CPUs, which gain nothing from arithmetic in float16: each weight is followed by a Cast, and
runtimes compute casts of constants once, when they load a file. What is computed is the network
with each weight rounded once: by up to 2^-11 of itself, or 2^-25 where it is below 2^-14, as one in
ten of a layer may be.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALLEST = 256  # elements: biases and scalars stay as they are, at next to no cost
STORED = "_fp16"  # added to the name of a stored weight; its own is that of the Cast's output


def stored_in_half(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its float32 weights stored in float16.

    Args:
        proto: with weights in float32; left as it is.

    Returns:
        Its tensors that are smaller than SMALLEST, and those with a value that float16 cannot hold,
        are float32 as before.
    """
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    casts = []
    for tensor in result.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        value = numpy_helper.to_array(tensor)
        if value.size < SMALLEST or np.abs(value).max() > np.finfo(np.float16).max:
            continue
        name, stored = tensor.name, f"{tensor.name}{STORED}"
        tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float16), stored))
        casts.append(
            helper.make_node("Cast", [stored], [name], f"{name}_cast", to=TensorProto.FLOAT)
        )
    nodes = [*casts, *result.graph.node]  # what is used comes first
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    onnx.checker.check_model(result, full_check=True)
    return result
