"""One export, from checkpoints to a published file that carries its proof."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import onnx

from salt_export import (
    comparison,
    contracts,
    cost,
    float16,
    graph,
    guard,
    int8,
    loading,
    members,
    outcome,
    provenance,
    samples,
    temporary,
    tensorrt,
)
from salt_export.float16 import Rounding
from salt_export.guard import Found
from salt_export.outcome import Done
from salt_export.parity import Parity, Tiles
from salt_export.request import Job
from salt_export.targets import Target
from salt_export.tolerances import COMPARED_TILES, TOLERANCES
from salt_export.trial import Guard
from salt_infer.modelfile.contract import ModelContract
from salt_infer.system.whole_files import write_together
from salt_train.network.model import SaltNet
from salt_train.scoring.evaluate import Decision

CALIBRATION_POOL = 1200  # tiles that those to calibrate on are chosen from


def export(job: Job) -> Done:
    """Export, verify, publish by rename.

    Raises:
        CheckpointError, ExportError, ParityError: nothing is left at ``job.model``.
        UsageError: an output exists, another run writes it, or a path cannot be used.
    """
    job.check()
    with outcome.writing(job, job.model, job.report):
        return _export(job)


def _export(job: Job) -> Done:
    if job.check_tensorrt:
        tensorrt.library()  # if it is not there, that is told before minutes of work
    job.doing("reading checkpoints and tiles")
    seen = loading.tiles(job)
    loaded, models = loading.networks(job)
    learnt = provenance.learnt(loaded)
    for line in provenance.flattered(learnt, seen):
        job.say(line)
    wanted = job.wanted
    job.doing("tracing the network")
    networks = graph.halved(models) if wanted.precision == "fp16" else models
    proto = graph.unquantised(networks, wanted.gated, job.opset, wanted.precision)
    spent = cost.of_all(models)
    contract = contracts.draft(loaded, job.target, wanted, graph.opset(proto), spent)
    proofs: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if wanted.precision == "int8":
            held = _quantised(job, wanted, proto, contract, folder)
            proto, proofs = held.proto, {"int8": held.to_json()}
        elif wanted.precision == "fp16":
            proofs = {"half": _rounded(job, models, networks, contract, seen.tiles).to_json()}
        draft = folder / job.model.name
        draft.write_bytes(graph.with_contract(proto, contract, learnt))
        proofs |= tensorrt.built(job, draft)
        found = comparison.compare(job, models, draft, contract, seen)
    members.tell(job, loaded, models, *seen)
    proven = _proven(contract, proto, found, proofs)
    data = graph.with_contract(proto, proven, learnt)
    done = Done(proven, found, spent, len(data))
    write_together({**outcome.report(job, done), job.model: data}, job.overwrite)
    return done


def _proven(
    contract: ModelContract, proto: onnx.ModelProto, found: Parity, proofs: dict[str, Any]
) -> ModelContract:
    """The contract with what was measured of the graph, and the graph's digest."""
    return dataclasses.replace(
        contract,
        provenance={**contract.provenance, "graph_sha256": graph.digest(proto)},
        verification=found.to_json() | proofs,
    )


def _quantised(
    job: Job, wanted: Target, proto: onnx.ModelProto, contract: ModelContract, folder: Path
) -> Found:
    """The graph in int8, its loss kept within bounds."""
    assert job.calibrate is not None
    pool, _ = samples.read(job.calibrate, None, CALIBRATION_POOL)
    samples.check_different(job.calibrate, pool)
    tiles, truth = samples.read(job.verify_images or job.calibrate, job.labels, COMPARED_TILES)
    decision = Decision(contract.threshold, contract.gate)
    limits = Guard(pool, tiles, truth, decision, job.max_drop, job.say, job.doing)

    def finish(quantised: onnx.ModelProto) -> bytes:
        return graph.with_contract(quantised, contract)

    with temporary.room(folder):
        found = guard.search(proto, int8.STYLES[wanted.int8], limits, finish, folder)
    job.say(found.line())
    return found


def _rounded(
    job: Job,
    models: list[SaltNet],
    halved: list[SaltNet],
    contract: ModelContract,
    tiles: Tiles,
) -> Rounding:
    """What float16 itself does, whatever the file."""
    job.doing("rounding to float16")
    decision = Decision(contract.threshold, contract.gate)
    reference, rounded = (graph.DenseGraph(each).eval() for each in (models, halved))
    found = float16.rounding(reference, rounded, tiles, decision)
    found.check(TOLERANCES["fp16"])
    job.say(found.line())
    return found
