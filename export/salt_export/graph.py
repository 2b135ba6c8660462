"""One network, or an ensemble, to an ONNX file with its contract inside.

The graph takes raw tiles in several views and gives probabilities at tile size. Inputs are cast
to float first: TensorRT takes uint8 only straight into a Cast.
"""

from __future__ import annotations

import copy
import hashlib
import importlib
import warnings
from collections.abc import Sequence

import onnx
import torch
from torch import Tensor, nn

from salt_export import request
from salt_export.errors import ExportError
from salt_export.halved_weights import stored_in_half
from salt_export.quiet import quieted
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
from salt_infer.modelfile.learnt import METADATA_KEY as LEARNT_KEY
from salt_infer.modelfile.learnt import UNKNOWN, Learnt
from salt_infer.system import signals
from salt_train.network.model import SaltNet


class DenseGraph(nn.Module):
    """uint8 [N, V, H, W] -> probability float32 [N, V, H, W], salt float32 [N].

    Several networks are an ensemble: the mean of their probabilities and of their salt.
    """

    def __init__(self, models: Sequence[SaltNet]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, tiles: Tensor) -> tuple[Tensor, Tensor]:
        probability, salt = [], []
        for model, features in self._encoded(tiles):
            logits = model.decode(features)
            probability.append(torch.sigmoid(logits.float()))
            salt.append(model.salt(features, logits))
        return _mean(probability).reshape(tiles.shape), _over_views(salt, tiles)

    def _encoded(self, tiles: Tensor) -> list[tuple[SaltNet, list[Tensor]]]:
        """Each network with its features of all views, [N * V, ...]."""
        count, views, height, width = tiles.shape
        batch = tiles.float().reshape(count * views, 1, height, width) / 255.0
        pairs = []
        for model in self.models:
            assert isinstance(model, SaltNet)
            pairs.append((model, model.encode(batch)))
        return pairs


class GatedGraph(DenseGraph):
    """The same with an early exit: only tiles whose ``salt`` is above ``gate`` are decoded.

    uint8 [N, V, H, W], float32 [] -> probability float32 [K, V, H, W], salt float32 [N],
    kept int64 [K].
    """

    def forward(  # type: ignore[override]
        self, tiles: Tensor, gate: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        count, views = tiles.shape[:2]
        encoded = self._encoded(tiles)
        salt = _over_views([model.salt(features) for model, features in encoded], tiles)
        kept = torch.nonzero(salt > gate)[:, 0]
        # Without these the exporter specialises K, which is only known when the graph runs.
        k = kept.shape[0]
        for known in (k != 0, k >= 1, k <= count):
            torch._check(known)  # type: ignore[no-untyped-call]
        probability = []
        for model, features in encoded:
            chosen = [
                level.reshape(count, views, *level.shape[1:])[kept].flatten(0, 1)
                for level in features
            ]
            probability.append(torch.sigmoid(model.decode(chosen).float()))
        return _mean(probability).reshape(k, views, *tiles.shape[2:]), salt, kept


def _over_views(salt: list[Tensor], tiles: Tensor) -> Tensor:
    """Each network's salt of all views, [N * V] -> mean over networks and views, [N]."""
    return _mean(salt).reshape(tiles.shape[:2]).mean(dim=1)


def _mean(members: list[Tensor]) -> Tensor:
    return members[0] if len(members) == 1 else torch.stack(members).mean(dim=0)


def halved(models: Sequence[SaltNet]) -> list[SaltNet]:
    """Copies that compute in float16; what comes before and after them stays float32."""
    return [copy.deepcopy(model).half() for model in models]


def build(models: Sequence[SaltNet], gated: bool, opset: int = request.OPSET) -> onnx.ModelProto:
    """Trace networks into a checked ONNX model, without a contract yet.

    Args:
        models: one, or the members of an ensemble, in evaluation mode.
        gated: with the early exit.
        opset: ONNX operator set.

    Raises:
        ExportError: torch cannot export it, the result is not valid ONNX, or a network without a
            judge is to be gated.
    """
    _check_members(models, gated)
    edge = models[0].config.tile_px
    example = torch.zeros((2, 2, edge, edge), dtype=torch.uint8)
    sizes = {0: torch.export.Dim("N", min=1), 1: torch.export.Dim("V", min=1)}
    inputs: tuple[Tensor, ...] = (example,)
    shapes: tuple[dict[int, torch.export.Dim], ...] = (sizes,)
    graph: nn.Module = DenseGraph(models)
    if gated:
        graph, inputs, shapes = GatedGraph(models), (example, torch.tensor(0.5)), (sizes, {})
    names = ([TILES, GATE], [PROBABILITY, SALT, KEPT]) if gated else ([TILES], [PROBABILITY, SALT])
    with signals.deferred_signals():  # raised inside it, one would come out as another error
        importlib.import_module("torch._dynamo")  # which torch.onnx loads when it needs it
    try:
        # Its warnings are about its own internals; what matters about the result is checked below.
        with quieted("torch.onnx"), warnings.catch_warnings(action="ignore"):
            program = torch.onnx.export(
                graph.eval(), inputs, dynamo=True, dynamic_shapes=shapes, opset_version=opset,
                input_names=names[0], output_names=names[1], external_data=False, verbose=False,
            )  # fmt: skip
        assert program is not None  # it is None only for the old, file-writing exporter
        proto = program.model_proto
        onnx.checker.check_model(proto, full_check=True)
    except (torch.onnx.errors.OnnxExporterError, onnx.checker.ValidationError) as error:
        raise ExportError(f"{models[0].config.architecture} cannot be exported: {error}") from error
    return proto


def unquantised(
    networks: Sequence[SaltNet], gated: bool, opset: int, precision: str
) -> onnx.ModelProto:
    """The graph at a precision, before it is quantised where that is int8."""
    proto = build(networks, gated, opset)
    return stored_in_half(proto) if precision == "fp16-weights" else proto


def _check_members(models: Sequence[SaltNet], gated: bool) -> None:
    for model in models:
        if gated and model.judge_head is None:
            raise ExportError(
                f"{model.config.architecture} has no judge, so nothing tells before decoding which "
                "tiles to leave out; export it with --dense"
            )
        if model.config.tile_px != models[0].config.tile_px:
            raise ExportError(
                f"members take tiles of {models[0].config.tile_px} and {model.config.tile_px} px, "
                "expected one size"
            )


def opset(proto: onnx.ModelProto) -> int:
    """The ONNX operator set that a model really uses."""
    (version,) = (entry.version for entry in proto.opset_import if entry.domain == "")
    return int(version)


def with_contract(
    proto: onnx.ModelProto, contract: ModelContract, learnt: Learnt = UNKNOWN
) -> bytes:
    """The file's bytes: the graph with the contract in its metadata, what its networks have learnt
    from, and the checksum of it all.
    """
    result = stripped(proto)
    texts = {METADATA_KEY: contract.to_json(), LEARNT_KEY: learnt.to_text()}
    onnx.helper.set_model_props(result, texts | {checksum.METADATA_KEY: checksum.NONE_YET})
    return checksum.written(result.SerializeToString(deterministic=True))


def stripped(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Without metadata, which varies from one export to the next: the exporter notes source lines
    in every node.
    """
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    del result.metadata_props[:]
    graph = result.graph
    del graph.metadata_props[:]
    for item in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
    return result


def frame(proto: onnx.ModelProto) -> tuple[object, ...]:
    """What a graph rests on: operator sets by domain, and functions."""
    sets = sorted((entry.domain, entry.version) for entry in proto.opset_import)
    bodies = sorted(each.SerializeToString(deterministic=True) for each in proto.functions)
    return (*sets, *bodies)


def digest(proto: onnx.ModelProto) -> str:
    """sha256 of a model's operators and weights, whatever its metadata."""
    data: bytes = stripped(proto).graph.SerializeToString(deterministic=True)
    return hashlib.sha256(data).hexdigest()
