"""A network to an ONNX file with its contract inside.

The graph takes raw tiles in several views and gives probabilities at tile size. Inputs are cast
to float first: TensorRT takes uint8 only straight into a Cast.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

import onnx
import torch
from torch import Tensor, nn

from salt_export.errors import ExportError
from salt_infer.contract import GATE, KEPT, METADATA_KEY, PROBABILITY, SALT, TILES, ModelContract
from salt_train.model import SaltNet

# 18 is the oldest operator set that torch's exporter writes without converting; newer ones add
# nothing this graph uses, and old sets are what execution providers cover best.
OPSET = 18


class DenseGraph(nn.Module):
    """uint8 [N, V, H, W] -> probability float32 [N, V, H, W], salt float32 [N]."""

    def __init__(self, model: SaltNet) -> None:
        super().__init__()
        self.model = model

    def forward(self, tiles: Tensor) -> tuple[Tensor, Tensor]:
        features = _encode(self.model, tiles)
        logits = self.model.decode(features)
        salt = self.model.salt(features, logits).reshape(tiles.shape[:2]).mean(dim=1)
        return torch.sigmoid(logits).reshape(tiles.shape), salt


class GatedGraph(nn.Module):
    """The same with an early exit: only tiles whose ``salt`` is above ``gate`` are decoded.

    uint8 [N, V, H, W], float32 [] -> probability float32 [K, V, H, W], salt float32 [N],
    kept int64 [K].
    """

    def __init__(self, model: SaltNet) -> None:
        super().__init__()
        self.model = model

    def forward(self, tiles: Tensor, gate: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        count, views = tiles.shape[:2]
        features = _encode(self.model, tiles)
        salt = self.model.salt(features).reshape(count, views).mean(dim=1)
        kept = torch.nonzero(salt > gate)[:, 0]
        # Without these the exporter specialises K, which is only known when the graph runs.
        k = kept.shape[0]
        for known in (k != 0, k >= 1, k <= count):
            torch._check(known)  # type: ignore[no-untyped-call]
        chosen = [
            level.reshape(count, views, *level.shape[1:])[kept].flatten(0, 1) for level in features
        ]
        probability = torch.sigmoid(self.model.decode(chosen))
        return probability.reshape(k, views, *tiles.shape[2:]), salt, kept


def _encode(model: SaltNet, tiles: Tensor) -> list[Tensor]:
    """Features of all views, [N * V, ...]."""
    count, views, height, width = tiles.shape
    return model.encode(tiles.float().reshape(count * views, 1, height, width) / 255.0)


def build(model: SaltNet, gated: bool) -> onnx.ModelProto:
    """Trace the network into a checked ONNX model, without a contract yet.

    Raises:
        ExportError: torch cannot export it, the result is not valid ONNX, or a network without a
            judge is to be gated.
    """
    if gated and model.judge_head is None:
        raise ExportError(
            f"{model.config.architecture} has no judge, so nothing tells before decoding which "
            "tiles to leave out; export it with --dense"
        )
    edge = model.config.tile_px
    example = torch.zeros((2, 2, edge, edge), dtype=torch.uint8)
    sizes = {0: torch.export.Dim("N", min=1), 1: torch.export.Dim("V", min=1)}
    inputs: tuple[Tensor, ...] = (example,)
    shapes: tuple[dict[int, torch.export.Dim], ...] = (sizes,)
    graph: nn.Module = DenseGraph(model)
    if gated:
        graph, inputs, shapes = GatedGraph(model), (example, torch.tensor(0.5)), (sizes, {})
    names = ([TILES, GATE], [PROBABILITY, SALT, KEPT]) if gated else ([TILES], [PROBABILITY, SALT])
    try:
        with _quiet():
            program = torch.onnx.export(
                graph.eval(), inputs, dynamo=True, dynamic_shapes=shapes, opset_version=OPSET,
                input_names=names[0], output_names=names[1], external_data=False, verbose=False,
            )  # fmt: skip
        assert program is not None  # it is None only for the old, file-writing exporter
        proto = program.model_proto
        onnx.checker.check_model(proto, full_check=True)
    except (torch.onnx.errors.OnnxExporterError, onnx.checker.ValidationError) as error:
        raise ExportError(f"{model.config.architecture} cannot be exported: {error}") from error
    return proto


def opset(proto: onnx.ModelProto) -> int:
    """The ONNX operator set that a model really uses."""
    (version,) = (entry.version for entry in proto.opset_import if entry.domain == "")
    return int(version)


def with_contract(proto: onnx.ModelProto, contract: ModelContract) -> bytes:
    """The file's bytes: the graph with the contract in its metadata and nothing that varies from
    one export to the next (the exporter notes source lines in every node).
    """
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    del result.metadata_props[:]
    _strip(result.graph)
    onnx.helper.set_model_props(result, {METADATA_KEY: contract.to_json()})
    data: bytes = result.SerializeToString(deterministic=True)
    return data


def _strip(graph: onnx.GraphProto) -> None:
    del graph.metadata_props[:]
    for item in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's progress lines and its warnings about its own internals are for its authors;
    what matters about the result is checked afterwards.
    """
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
