"""One export, from checkpoints to a published file that carries its proof."""

from __future__ import annotations

import dataclasses
import datetime
import json
import tempfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from salt_export import cost, graph, parity, provenance
from salt_export.cost import Cost
from salt_export.errors import ExportError
from salt_export.parity import Parity, Tolerance
from salt_infer.contract import ModelContract
from salt_infer.files import check_output, write_whole
from salt_infer.labels import Labels
from salt_infer.session import ModelSession
from salt_infer.tiles import open_tiles
from salt_train import checkpoint as checkpoints
from salt_train import dataset, synthetic
from salt_train.checkpoint import Checkpoint
from salt_train.evaluate import Decision
from salt_train.model import SaltNet

Precision = Literal["fp32", "fp16"]
TargetName = Literal["portable", "cpu", "cuda", "tensorrt"]

LABELLED_TILES = 400  # tiles that the score is compared on: seconds, and enough to see a loss


@dataclasses.dataclass(frozen=True)
class Target:
    """What a device profits from.

    Attributes:
        gated: decode only tiles that pass the gate. TensorRT cannot: the number of tiles that pass
            is only known when the graph runs.
        precision: arithmetic of the networks.
    """

    gated: bool
    precision: Precision


TARGETS: dict[TargetName, Target] = {
    "portable": Target(gated=False, precision="fp32"),
    "cpu": Target(gated=True, precision="fp32"),
    "cuda": Target(gated=False, precision="fp16"),
    "tensorrt": Target(gated=False, precision="fp16"),
}
# How far a file of each precision may be from the network in float32. In float16 a weight is off by
# up to 2^-11 of itself; over some forty layers a pixel near the threshold moves by about 0.01.
TOLERANCES: dict[str, Tolerance] = {
    "fp32": parity.FP32,
    "fp16": Tolerance(probability=0.05, flipped=1e-3),
}


@dataclasses.dataclass(frozen=True)
class Job:
    """What was asked for; None means the target's own choice.

    Attributes:
        checkpoints: one, or the members of an ensemble.
        model: file to write, or to verify.
        target: device that the file is meant for.
        gated, precision: override the target's.
        opset: ONNX operator set.
        verify_images: tiles to verify on; synthetic ones if None.
        labels: their true masks.
        report: where to write what was done as JSON.
        overwrite: replace files that exist.
    """

    checkpoints: tuple[Path, ...]
    model: Path
    target: TargetName = "portable"
    gated: bool | None = None
    precision: Precision | None = None
    opset: int = graph.OPSET
    verify_images: Path | None = None
    labels: Path | None = None
    report: Path | None = None
    overwrite: bool = False


@dataclasses.dataclass(frozen=True)
class Done:
    """What an export or a verification has shown."""

    contract: ModelContract
    parity: Parity
    cost: Cost
    size: int  # bytes

    def lines(self, model: Path) -> list[str]:
        """For people."""
        contract = self.contract
        return [
            f"{model}: {self.size / 1e6:.1f} MB, {contract.precision} "
            f"{'gated' if contract.gated else 'dense'}, opset {contract.opset}",
            f"{self.cost.gmac:.2f} GMAC a view ({self.cost.gmac_as_drawn:.2f} with hypercolumns "
            f"projected after upsampling), {self.cost.parameters / 1e6:.2f} M parameters",
            *self.parity.lines(),
        ]


def export(job: Job) -> Done:
    """Export, verify, publish by rename.

    Raises:
        CheckpointError, ExportError, ParityError: nothing is left at ``job.model``.
        UsageError: an output exists, or a path cannot be used.
    """
    inputs = (*job.checkpoints, job.verify_images, job.labels)
    check_output(job.model, ".onnx", inputs, job.overwrite)
    if job.report:
        check_output(job.report, ".json", inputs, job.overwrite)
    loaded, models = _load(job)
    wanted = _resolved(job)
    networks = graph.halved(models) if wanted.precision == "fp16" else models
    proto = graph.build(networks, wanted.gated, job.opset)
    spent = _cost(models)
    contract = _contract(job, loaded, wanted, graph.opset(proto), spent)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / job.model.name
        draft.write_bytes(graph.with_contract(proto, contract))
        found = _verified(job, models, draft, contract)
    contract = dataclasses.replace(contract, verification=found.to_json())
    data = graph.with_contract(proto, contract)
    write_whole(job.model, data, job.overwrite)
    done = Done(contract, found, spent, len(data))
    _write_report(job, done)
    return done


def verify(job: Job) -> Done:
    """Compare a file that is there with the checkpoints that it says it was made from.

    Raises:
        ExportError: it was made from other checkpoints.
        ParityError: it computes something else.
    """
    if job.report:
        check_output(job.report, ".json", (*job.checkpoints, job.model), job.overwrite)
    loaded, models = _load(job)
    contract = ModelSession(job.model).contract
    given = tuple(each.sha256 for each in loaded)
    if contract.checkpoints != given:
        raise ExportError(
            f"{job.model} was made from checkpoints {_short(contract.checkpoints)}, these are "
            f"{_short(given)}"
        )
    found = _verified(job, models, job.model, contract)
    done = Done(contract, found, _cost(models), job.model.stat().st_size)
    _write_report(job, done)
    return done


def _load(job: Job) -> tuple[list[Checkpoint], list[SaltNet]]:
    loaded = [checkpoints.load(path) for path in job.checkpoints]
    return loaded, [checkpoints.build_model(each) for each in loaded]


def _resolved(job: Job) -> Target:
    """The target with what was asked for instead."""
    preset = TARGETS[job.target]
    wanted = Target(
        gated=preset.gated if job.gated is None else job.gated,
        precision=job.precision or preset.precision,
    )
    if job.target == "tensorrt" and wanted.gated:
        raise ExportError(
            "TensorRT takes no gated file: how many tiles pass the gate is only known when the "
            "graph runs; leave out --gated"
        )
    return wanted


def _verified(job: Job, models: list[SaltNet], path: Path, contract: ModelContract) -> Parity:
    tiles, masks = _tiles(job)
    decision = Decision(contract.threshold, contract.gate)
    found = parity.compare(graph.DenseGraph(models).eval(), path, tiles, decision, masks)
    found.check(TOLERANCES.get(contract.precision, parity.FP32))
    return found


def _tiles(job: Job) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None]:
    """Tiles to verify on and, where there are labels, their masks."""
    if job.verify_images is None:
        if job.labels:
            raise ExportError("--labels are of tiles; give these with --verify-images")
        return synthetic.draw(parity.TILES, seed=0).tiles, None
    count = LABELLED_TILES if job.labels else parity.TILES
    with open_tiles(job.verify_images) as source:
        chosen = source.tiles[:count]
        tiles = dataset.read_tiles(source, chosen)
    if job.labels is None:
        return tiles, None
    with Labels(job.labels) as labels:
        return tiles, labels.masks([tile.id for tile in chosen])


def _cost(models: list[SaltNet]) -> Cost:
    total, *more = (cost.of(model) for model in models)
    for each in more:
        total = total + each
    return total


def _contract(
    job: Job, loaded: list[Checkpoint], wanted: Target, opset: int, spent: Cost
) -> ModelContract:
    """Without its verification."""
    networks = [each.config.model for each in loaded]
    first = networks[0]
    decisions = [each.decision for each in loaded]
    return ModelContract(
        architecture=" + ".join(network.architecture for network in networks),
        gated=wanted.gated,
        precision=wanted.precision,
        opset=opset,
        threshold=float(np.mean([decision.threshold for decision in decisions])),
        gate=float(np.mean([decision.gate for decision in decisions])),
        tta="hflip",
        tile_px=first.tile_px,
        canvas_px=first.canvas_px,
        padding="replicate",
        mean=first.mean,
        std=first.std,
        checkpoints=tuple(each.sha256 for each in loaded),
        versions=provenance.versions(),
        validation=provenance.validation(loaded),
        provenance={
            "target": job.target,
            "git_commit": provenance.git_commit(),
            "gmac": round(spent.gmac, 4),
            "parameters": spent.parameters,
        },
        verification={},
    )


def _write_report(job: Job, done: Done) -> None:
    if job.report is None:
        return
    value: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": provenance.command_line(),
        "model": str(job.model),
        "bytes": done.size,
        "cost": dataclasses.asdict(done.cost),
        "parity": done.parity.to_json(),
        "contract": dataclasses.asdict(done.contract),
    }
    write_whole(job.report, (json.dumps(value, indent=2) + "\n").encode(), job.overwrite)


def _short(digests: tuple[str, ...]) -> str:
    return ", ".join(digest[:12] for digest in digests)
