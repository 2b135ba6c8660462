"""One verification: whether a file that is there is what its checkpoints make."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import cast

import onnx

from salt_export import (
    comparison,
    contracts,
    cost,
    graph,
    int8,
    loading,
    members,
    outcome,
    provenance,
    tensorrt,
    tensors,
)
from salt_export.errors import ExportError, ParityError
from salt_export.loading import Seen
from salt_export.outcome import Done
from salt_export.request import Job
from salt_export.targets import Precision, Target
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.modelfile.contract import ModelContract
from salt_infer.modelfile.learnt import Learnt
from salt_infer.modelfile.onnx_reader import read_model
from salt_infer.system.whole_files import write_whole
from salt_train.network.model import SaltNet


def verify(job: Job) -> Done:
    """Compare a file that is there with the checkpoints that it says it was made from.

    Raises:
        ExportError: it was made from other checkpoints, or says something else of them than they
            do.
        ModelError: it cannot be loaded, or keeps data in other files.
        ParityError: it computes something else, or has other weights, or was changed.
    """
    job.check_verification()
    with outcome.writing(job, job.report):
        return _verify(job)


def _verify(job: Job) -> Done:
    job.doing("reading checkpoints and tiles")
    seen = loading.tiles(job)
    loaded, models = loading.networks(job)
    contract = ModelSession(job.model).contract
    file = onnx.load(job.model, load_external_data=False)
    contracts.check(contract, loaded, job.model)
    contracts.check_precision(contract, file, job.model)
    _check_learnt(job, provenance.learnt(loaded), seen)
    spent = cost.of_all(models)
    made = Target(contract.gated, cast(Precision, contract.precision))
    drafted = contracts.draft(loaded, job.target, made, graph.opset(file), spent)
    contracts.check_made(contract, drafted, job.model)
    found = comparison.compare(job, models, job.model, contract, seen)
    if contract.precision == "int8":
        found.check_score(job.max_drop)
    _check_graph(job, models, contract, file)
    if (proven := contract.provenance.get("graph_sha256")) is None:
        job.say("the file does not name the graph that was proven, so that this was not compared")
    elif proven != graph.digest(file):
        raise ParityError(
            f"{job.model} was changed after its export: its graph is not the one that was proven; "
            + "; ".join(found.lines(contract.precision))
        )
    tensorrt.built(job, job.model)
    members.tell(job, loaded, models, *seen)
    done = Done(contract, found, spent, job.model.stat().st_size)
    for path, data in outcome.report(job, done).items():
        write_whole(path, data, job.overwrite)
    return done


def _check_learnt(job: Job, learnt: Learnt, seen: Seen) -> None:
    """The file has to name the tiles that its checkpoints do."""
    said = read_model(job.model).learnt
    if said.to_text() != learnt.to_text():
        raise ExportError(
            f"{job.model} says that it has learnt from {said.words()}, its checkpoints from "
            f"{learnt.words()}; it was changed after its export, or written by another version: "
            "export it anew"
        )
    for line in provenance.flattered(learnt, seen):
        job.say(line)


def _check_graph(
    job: Job, models: list[SaltNet], contract: ModelContract, file: onnx.ModelProto
) -> None:
    """A small change of a weight hides in what a file computes: the weights have to be the
    network's, and of a file that is not quantised the whole graph.
    """
    if contract.precision == "fp32" and (others := provenance.other_exporters(contract.versions)):
        job.say(f"weights were not compared, only what they compute: written with {others}")
        return
    job.doing("tracing the network, to compare its tensors")
    networks = graph.halved(models) if contract.precision == "fp16" else models
    proto = graph.stripped(
        graph.unquantised(networks, contract.gated, contract.opset, contract.precision)
    )
    if contract.precision == "int8":
        with tempfile.TemporaryDirectory() as name:
            proto = onnx.load(int8.prepare(proto, Path(name)).path)
    count = tensors.check(proto, file)
    same = graph.frame(file) == graph.frame(proto) and graph.digest(file) == graph.digest(proto)
    if contract.precision != "int8" and not same:
        raise ParityError(
            f"{job.model} has the network's weights and other operators; it was changed after its "
            "export, or written by another version: export it anew"
        )
    job.say(f"{count} tensors are those of the network")
