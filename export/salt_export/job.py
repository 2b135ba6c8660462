"""One export, from checkpoints to a published file that carries its proof."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import onnx

from salt_export import (
    contracts,
    cost,
    graph,
    guard,
    int8,
    members,
    parity,
    provenance,
    samples,
    tensorrt,
    tensors,
)
from salt_export.cost import Cost
from salt_export.errors import ParityError
from salt_export.guard import Found, Guard
from salt_export.halved_weights import stored_in_half
from salt_export.parity import Parity, Tiles
from salt_export.request import Job
from salt_export.targets import Precision, Target
from salt_export.tolerances import TILES, TOLERANCES
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.modelfile.contract import ModelContract
from salt_infer.system.files import write_together, write_whole, writing
from salt_train import synthetic
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.errors import CheckpointError
from salt_train.network.model import SaltNet
from salt_train.scoring.evaluate import Decision

COMPARED_TILES = 400  # tiles that scores are compared on: seconds, and enough to see a loss
CALIBRATION_POOL = 1200  # tiles that those to calibrate on are chosen from


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
            *provenance.unscored(self.contract.validation),
        ]


def export(job: Job) -> Done:
    """Export, verify, publish by rename.

    Raises:
        CheckpointError, ExportError, ParityError: nothing is left at ``job.model``.
        UsageError: an output exists, another run writes it, or a path cannot be used.
    """
    job.check()
    with _writing(job, job.model, job.report):
        return _export(job)


@contextlib.contextmanager
def _writing(job: Job, *paths: Path | None) -> Iterator[None]:
    """:func:`salt_infer.system.files.writing`, told of where it keeps less away than it should."""
    with writing(*paths) as unlocked:
        if unlocked:
            job.say(f"warning: {unlocked}")
        yield


def _export(job: Job) -> Done:
    if job.check_tensorrt:
        tensorrt.library()  # if it is not there, that is told before minutes of work
    job.doing("reading checkpoints and tiles")
    seen = _tiles(job)
    loaded, models = _load(job)
    wanted = job.wanted
    job.doing("tracing the network")
    networks = graph.halved(models) if wanted.precision == "fp16" else models
    proto = _network_graph(networks, wanted.gated, job.opset, wanted.precision)
    spent = _cost(models)
    contract = contracts.draft(loaded, job.target, wanted, graph.opset(proto), spent)
    proofs: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if wanted.precision == "int8":
            job.doing("measuring the ranges of int8 and what it loses")
            held = _quantised(job, wanted, proto, contract, folder)
            proto, proofs = held.proto, {"int8": held.to_json()}
            job.say(held.line())
        elif wanted.precision == "fp16":
            job.doing("rounding to float16")
            proofs = {"half": _rounded(job, models, networks, contract, seen.tiles)}
        draft = folder / job.model.name
        draft.write_bytes(graph.with_contract(proto, contract))
        proofs |= _built(job, draft)
        found = _verified(job, models, draft, contract, seen)
    members.tell(job, loaded, models, *seen)
    contract = dataclasses.replace(
        contract,
        provenance={**contract.provenance, "graph_sha256": graph.digest(proto)},
        verification=found.to_json() | proofs,
    )
    data = graph.with_contract(proto, contract)
    done = Done(contract, found, spent, len(data))
    write_together({**_report(job, done), job.model: data}, job.overwrite)
    return done


def verify(job: Job) -> Done:
    """Compare a file that is there with the checkpoints that it says it was made from.

    Raises:
        ExportError: it was made from other checkpoints, or says something else of them than they
            do.
        ModelError: it cannot be loaded, or keeps data in other files.
        ParityError: it computes something else, or has other weights, or was changed.
    """
    job.check_verification()
    with _writing(job, job.report):
        return _verify(job)


def _verify(job: Job) -> Done:
    job.doing("reading checkpoints and tiles")
    seen = _tiles(job)
    loaded, models = _load(job)
    contract = ModelSession(job.model).contract
    file = onnx.load(job.model, load_external_data=False)
    contracts.check(contract, loaded, job.model)
    contracts.check_precision(contract, file, job.model)
    spent = _cost(models)
    made = Target(contract.gated, cast(Precision, contract.precision))
    drafted = contracts.draft(loaded, job.target, made, graph.opset(file), spent)
    contracts.check_made(contract, drafted, job.model)
    found = _verified(job, models, job.model, contract, seen)
    if contract.precision == "int8":
        found.check_score(job.max_drop)
    _check_graph(job, models, contract, file)
    if (proven := contract.provenance.get("graph_sha256")) is None:
        job.say("the file does not name the graph that was proven, so that this was not compared")
    elif proven != graph.digest(file):
        raise ParityError(
            f"{job.model} was changed after its export: its graph is not the one that was proven; "
            + "; ".join(found.lines())
        )
    _built(job, job.model)
    members.tell(job, loaded, models, *seen)
    done = Done(contract, found, spent, job.model.stat().st_size)
    for path, data in _report(job, done).items():
        write_whole(path, data, job.overwrite)
    return done


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
        _network_graph(networks, contract.gated, contract.opset, contract.precision)
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


def _network_graph(
    networks: list[SaltNet], gated: bool, opset: int, precision: str
) -> onnx.ModelProto:
    """The graph before it is quantised."""
    proto = graph.build(networks, gated, opset)
    return stored_in_half(proto) if precision == "fp16-weights" else proto


def _load(job: Job) -> tuple[list[Checkpoint], list[SaltNet]]:
    loaded = [checkpoints.load(path) for path in job.checkpoints]
    _check_different([each.sha256 for each in loaded], job.checkpoints)
    return loaded, [_model(*each) for each in zip(loaded, job.checkpoints, strict=True)]


def _check_different(digests: Sequence[str], paths: Sequence[Path]) -> None:
    """The same network twice would be computed twice, and its mean is itself."""
    first: dict[str, Path] = {}
    for digest, path in zip(digests, paths, strict=True):
        if digest in first:
            raise CheckpointError(
                f"{path} is the same checkpoint as {first[digest]}, expected each once: an "
                "ensemble averages different ones"
            )
        first[digest] = path


def _model(checkpoint: Checkpoint, path: Path) -> SaltNet:
    try:
        return checkpoints.build_model(checkpoint)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _quantised(
    job: Job, wanted: Target, proto: onnx.ModelProto, contract: ModelContract, folder: Path
) -> Found:
    """The graph in int8, its loss kept within bounds."""
    assert job.calibrate is not None
    pool, _ = samples.read(job.calibrate, None, CALIBRATION_POOL)
    tiles, truth = samples.read(job.verify_images or job.calibrate, job.labels, COMPARED_TILES)
    decision = Decision(contract.threshold, contract.gate)
    limits = Guard(pool, tiles, truth, decision, job.max_drop, job.say)

    def finish(quantised: onnx.ModelProto) -> bytes:
        return graph.with_contract(quantised, contract)

    return guard.search(proto, int8.STYLES[wanted.int8], limits, finish, folder)


def _built(job: Job, path: Path) -> dict[str, Any]:
    """What TensorRT for RTX says of a file, where it was asked."""
    if not job.check_tensorrt:
        return {}
    job.doing("building an engine")
    built = tensorrt.check(path.read_bytes())
    job.say(built.line())
    return {"tensorrt_rtx": built.to_json()}


def _rounded(
    job: Job,
    models: list[SaltNet],
    halved: list[SaltNet],
    contract: ModelContract,
    tiles: Tiles,
) -> dict[str, Any]:
    """What float16 itself does, whatever the file."""
    decision = Decision(contract.threshold, contract.gate)
    reference, rounded = (graph.DenseGraph(each).eval() for each in (models, halved))
    found = parity.rounding(reference, rounded, tiles, decision)
    share = found["pixels_flipped"] / found["pixels"]
    limit = TOLERANCES["fp16"]
    if not limit.allows(found["probability_max"], share):
        raise ParityError(
            f"in float16 the network itself differs by {found['probability_max']:.3g} in "
            f"probability and flips a share of {share:.2g} of the pixels, expected at most "
            f"{limit.probability:g} and {limit.flipped:g}; use --precision fp32; nothing was "
            "written"
        )
    job.say(
        f"float16 rounded at every step, {found['tiles']} tiles: probability within "
        f"{found['probability_max']:.2g}, {found['pixels_flipped']} of {found['pixels']} pixels "
        "flipped"
    )
    return found


def _verified(
    job: Job, models: list[SaltNet], path: Path, contract: ModelContract, seen: _Seen
) -> Parity:
    job.doing(f"comparing what {job.model.name} computes with torch")
    decision = Decision(contract.threshold, contract.gate)
    reference = graph.DenseGraph(models).eval()
    try:
        found = parity.compare(reference, path, seen.tiles, decision, seen.masks)
        found.check(TOLERANCES[contract.precision])
    except ParityError as error:
        raise ParityError(f"{error}{_besides(job, path)}") from error
    return found


def _besides(job: Job, path: Path) -> str:
    """What goes with a refusal, of a draft or of a file that is there."""
    drawn = not (job.verify_images or job.calibrate)
    on = "; the tiles were drawn, --verify-images names real ones" if drawn else ""
    return on if path == job.model else f"{on}; nothing was written"


class _Seen(NamedTuple):
    """Tiles to verify on and, where there are labels, their masks."""

    tiles: Tiles
    masks: Tiles | None


def _tiles(job: Job) -> _Seen:
    path = job.verify_images or job.calibrate
    if path is None:
        return _Seen(synthetic.draw(TILES, seed=0).tiles, None)
    seen = _Seen(*samples.read(path, job.labels, COMPARED_TILES if job.labels else TILES))
    parity.check_enough(seen.tiles)
    return seen


def _cost(models: list[SaltNet]) -> Cost:
    total, *more = (cost.of(model) for model in models)
    for each in more:
        total = total + each
    return total


def _report(job: Job, done: Done) -> dict[Path, bytes]:
    """What is to be written of it, by the file's name; nothing where it was not asked for."""
    if job.report is None:
        return {}
    value: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": provenance.command_line(),
        "model": str(job.model),
        "bytes": done.size,
        "cost": dataclasses.asdict(done.cost),
        "parity": done.parity.to_json(),
        "contract": dataclasses.asdict(done.contract),
    }
    return {job.report: (json.dumps(value, indent=2) + "\n").encode()}
