"""What a file's contract has to say of its checkpoints."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from salt_export import provenance
from salt_export.cost import Cost
from salt_export.errors import ExportError
from salt_export.targets import Target, TargetName
from salt_export.tolerances import TOLERANCES
from salt_infer.modelfile.contract import ModelContract, judges
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.settings.model_config import ModelConfig

_QUANTISERS = ("QuantizeLinear", "DequantizeLinear")
_MADE = ("gmac", "parameters", "members")  # of the provenance, what follows from the networks


def draft(
    loaded: Sequence[Checkpoint], name: TargetName, wanted: Target, opset: int, spent: Cost
) -> ModelContract:
    """A contract without its verification.

    Args:
        loaded: one checkpoint, or the members of an ensemble.
        name: of the target.
        wanted: what it chose, or was told to.
        opset: ONNX operator set of the graph.
        spent: what the networks cost.
    """
    members = [_member(each) for each in loaded]
    return ModelContract(
        **facts(loaded),
        gated=wanted.gated,
        precision=wanted.precision,
        opset=opset,
        versions=provenance.versions(),
        provenance={
            "target": name,
            "git_commit": provenance.git_commit(),
            "gmac": round(spent.gmac, 4),
            "parameters": spent.parameters,
            "networks": _networks(loaded),
            **({"members": members} if len(members) > 1 else {}),
        },
        verification={},
    )


def facts(loaded: Sequence[Checkpoint]) -> dict[str, Any]:
    """The fields that follow from the checkpoints alone. Threshold and gate of an ensemble are its
    members' mean; canvas and normalisation, where members differ, the first one's.
    """
    first = loaded[0].config.model
    decisions = [each.decision for each in loaded]
    return {
        "architecture": " + ".join(each.config.model.architecture for each in loaded),
        "threshold": float(np.mean([decision.threshold for decision in decisions])),
        "gate": float(np.mean([decision.gate for decision in decisions])),
        "tta": "hflip",
        "tile_px": first.tile_px,
        **_preparation(first),
        "checkpoints": tuple(each.sha256 for each in loaded),
        "validation": provenance.validation(loaded),
    }


def check(contract: ModelContract, loaded: Sequence[Checkpoint], path: Path) -> None:
    """A file may say nothing else of its checkpoints than an export would.

    Raises:
        ExportError: it was made from others, says something else, or has an unknown precision.
    """
    expected = facts(loaded)
    if contract.checkpoints != expected["checkpoints"]:
        if sorted(contract.checkpoints) == sorted(expected["checkpoints"]):
            raise ExportError(
                f"{path} was made from these checkpoints in another order, "
                f"{_short(contract.checkpoints)}: name them in that"
            )
        raise ExportError(
            f"{path} was made from checkpoints {_short(contract.checkpoints)}, these are "
            f"{_short(expected['checkpoints'])}"
        )
    for name, value in expected.items():
        said = getattr(contract, name)
        if _plain(said) != _plain(value):
            raise ExportError(
                f"{path} says {name} {_other(said, value)}, its checkpoints {_other(value, said)}; "
                "it was changed after its export, or written by another version: export it anew"
            )
    networks = _networks(loaded)
    # A file that describes none, as older ones do not, is taken for one with judges.
    unsaid = networks if all(judges({"networks": networks})) else None
    if _plain(contract.provenance.get("networks", unsaid)) != _plain(networks):
        raise ExportError(
            f"{path} says other things of its networks' shapes than its checkpoints; it was "
            "changed after its export: export it anew"
        )
    if contract.precision not in TOLERANCES:
        raise ExportError(
            f"{path} says precision {contract.precision!r}, expected one of {', '.join(TOLERANCES)}"
        )


def check_made(contract: ModelContract, drafted: ModelContract, path: Path) -> None:
    """What a file says of how it was made has to be so: ``drafted`` is what an export would say,
    with the operator set that the file really has.

    Raises:
        ExportError: it says something else.
    """
    own, expected = contract.provenance, drafted.provenance
    for name, said, value in (
        ("opset", contract.opset, drafted.opset),
        *((name, own.get(name), expected.get(name)) for name in _MADE),
    ):
        if _plain(said) != _plain(value):
            raise ExportError(
                f"{path} says {name} {_plain(said)[:200]}, expected {_plain(value)[:200]}; it was "
                "changed after its export: export it anew"
            )


def check_precision(contract: ModelContract, file: onnx.ModelProto, path: Path) -> None:
    """A file that calls itself int8 is held to wider bounds: it has to be.

    Raises:
        ExportError: it says int8 and is not quantised, or the reverse.
    """
    quantised = any(node.op_type in _QUANTISERS for node in file.graph.node)
    if quantised != (contract.precision == "int8"):
        raise ExportError(
            f"{path} says precision {contract.precision!r} and is "
            f"{'' if quantised else 'not '}quantised; it was changed after its export: export it "
            "anew"
        )


def _networks(loaded: Sequence[Checkpoint]) -> list[dict[str, Any]]:
    """The networks' shapes: with them the file's weights can be trained on."""
    return [dataclasses.asdict(each.config.model) for each in loaded]


def _preparation(config: ModelConfig) -> dict[str, Any]:
    """What a network does to a tile before its first layer."""
    return {
        "canvas_px": config.canvas_px,
        "padding": "replicate",
        "mean": config.mean,
        "std": config.std,
    }


def _member(checkpoint: Checkpoint) -> dict[str, Any]:
    decision = checkpoint.decision
    own = {"threshold": decision.threshold, "gate": decision.gate}
    return _preparation(checkpoint.config.model) | own


def _plain(value: Any) -> str:
    """As the contract's JSON has it: what is a tuple here is a list there."""
    return json.dumps(value, sort_keys=True)


def _other(one: Any, two: Any) -> str:
    """What the one says and the two does not; of tables that is some of their entries."""
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        one = {key: value for key, value in one.items() if _plain(value) != _plain(two.get(key))}
    return _plain(one)


def _short(digests: Sequence[str]) -> str:
    return ", ".join(digest[:12] for digest in digests)
