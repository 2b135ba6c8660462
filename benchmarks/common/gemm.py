"""What a processor can multiply at most: large matrix products, by each library that may have the
best kernel. None of them is known to be fastest everywhere, so the best of them counts.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from salt_infer.backends.openvino_session import core

Arithmetic = Literal["fp32", "fp16", "bf16", "int8"]

SIZE = 2048  # rows and columns: two operands in fp32 are 32 MB, more than a core's caches
TIMES = 5  # products a sample, so that none is over before the threads have woken up
OPSET, IR_VERSION = 18, 10


@dataclasses.dataclass(frozen=True)
class Gemm:
    """A product of two square matrices.

    Attributes:
        library: that computes it, and with what.
        arithmetic: of the operands.
        compute: it, once.
        size: rows and columns.
    """

    library: str
    arithmetic: Arithmetic
    compute: Callable[[], object]
    size: int

    def run(self) -> None:
        """Compute it TIMES times."""
        for _ in range(TIMES):
            self.compute()

    @property
    def operations(self) -> float:
        """Multiplications and additions of a run."""
        return 2.0 * self.size**3 * TIMES


def all_of(threads: int, size: int = SIZE) -> Iterator[Gemm]:
    """Every product that the installed packages can compute on the CPU.

    Args:
        threads: for each.
        size: rows and columns.
    """
    for arithmetic in ("fp32", "int8"):
        run = _onnxruntime(product(arithmetic, size), operands(arithmetic, size), threads)
        yield Gemm(f"ONNX Runtime {_OPERATOR[arithmetic]}", arithmetic, run, size)
    if importlib.util.find_spec("torch"):
        for name, run in _torch(size, threads):
            yield Gemm("torch mm", name, run, size)
    if importlib.util.find_spec("openvino"):
        for name, hint in (("fp32", "f32"), ("bf16", "bf16")):
            run = _openvino(product("fp32", size), operands("fp32", size), threads, hint)
            yield Gemm("OpenVINO MatMul", name, run, size)
        run = _openvino(quantised(size), operands("fp32", size)[:1], threads, "f32")
        yield Gemm("OpenVINO MatMul, quantised", "int8", run, size)


_OPERATOR = {"fp32": "MatMul", "fp16": "MatMul", "int8": "MatMulInteger"}


def operands(arithmetic: Arithmetic, size: int) -> list[np.ndarray]:
    """Two matrices; of int8 unsigned by signed, as activations by weights."""
    random = np.random.default_rng(0)
    if arithmetic == "int8":
        return [
            random.integers(0, 256, (size, size), dtype=np.uint8),
            random.integers(-127, 128, (size, size), dtype=np.int8),
        ]
    kind = np.float16 if arithmetic == "fp16" else np.float32
    return [random.standard_normal((size, size)).astype(kind) for _ in range(2)]


def product(arithmetic: Arithmetic, size: int) -> bytes:
    """An ONNX file that multiplies an input by a constant, as networks do."""
    first, second = operands(arithmetic, size)
    kind = helper.np_dtype_to_tensor_dtype(first.dtype)
    out = TensorProto.INT32 if arithmetic == "int8" else kind
    node = helper.make_node(_OPERATOR[arithmetic], ["a", "b"], ["c"])
    return _file([node], kind, out, size, {"b": second})


def quantised(size: int) -> bytes:
    """The same in 8 bits as exporters write it, which OpenVINO computes with U8 by S8."""
    node = helper.make_node
    nodes = [
        node("QuantizeLinear", ["a", "scale", "zero_u8"], ["aq"]),
        node("DequantizeLinear", ["aq", "scale", "zero_u8"], ["af"]),
        node("DequantizeLinear", ["b", "scale", "zero_s8"], ["bf"]),
        node("MatMul", ["af", "bf"], ["c"]),
    ]
    constants = {
        "b": operands("int8", size)[1],
        "scale": np.float32(0.03),
        "zero_u8": np.uint8(128),
        "zero_s8": np.int8(0),
    }
    return _file(nodes, TensorProto.FLOAT, TensorProto.FLOAT, size, constants)


def _file(
    nodes: list[onnx.NodeProto], kind: int, out: int, size: int, constants: dict[str, Any]
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "gemm",
        [helper.make_tensor_value_info("a", kind, (size, size))],
        [helper.make_tensor_value_info("c", out, (size, size))],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
    return bytes(model.SerializeToString())


def _onnxruntime(file: bytes, inputs: list[np.ndarray], threads: int) -> Callable[[], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"])
    return lambda: session.run(None, {"a": inputs[0]})


def _torch(size: int, threads: int) -> Iterator[tuple[Arithmetic, Callable[[], object]]]:
    import torch

    torch.set_num_threads(threads)
    first, second = map(torch.from_numpy, operands("fp32", size))
    halves = first.bfloat16(), second.bfloat16()
    yield "fp32", lambda: torch.mm(first, second)
    yield "bf16", lambda: torch.mm(*halves)


def _openvino(
    file: bytes, inputs: list[np.ndarray], threads: int, hint: str
) -> Callable[[], object]:
    asked = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads}
    compiled = core().compile_model(core().read_model(file), "CPU", asked)
    request = compiled.create_infer_request()
    return lambda: request.infer({"a": inputs[0]}, share_inputs=True, share_outputs=True)
