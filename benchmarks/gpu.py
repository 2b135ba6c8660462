"""Sessions on a GPU: ``python benchmarks/gpu.py``, with ``--model`` for each file to compare.

Batches of several sizes on CUDA and TensorRT: loading and building engines apart, the first run
apart, then masks as ``salt-infer`` has them, by one thread and by two in turn; probabilities of
both views from and to the host; and data that stays on the device. The last is timed by CUDA events
where torch has a GPU, else by the clock. The largest batch is run with other options of CUDA too
(``--variant``). What was found is written as soon as a session is ready, so that a limit of time
costs what is left. Not run to its end on a GPU; its logic was tried with ``--provider cpu``. Other
files::

    salt-export last.pth fp32.onnx
    salt-export last.pth fp16.onnx --target tensorrt
    salt-export last.pth int8.onnx --target tensorrt --calibrate tiles/
"""

from __future__ import annotations

import dataclasses
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import record
import tilesets
from common import device, rounds
from common.device import OnDevice
from common.variants import Wanted

from salt_infer.backends import availability, nvidia
from salt_infer.backends.device_session import DeviceSession
from salt_infer.backends.onnxruntime_session import ModelSession, peek
from salt_infer.backends.option_rules import GRAPH, Given, parse_option
from salt_infer.backends.providers import NAMES, Provider, ProviderRequest
from salt_infer.backends.selection import Batches, Concurrency, open_session
from salt_infer.batch import views
from salt_infer.errors import ModelError, SaltError, one_line
from salt_infer.models import default_model

BATCHES = (1, 8, 32, 64, 128)
TIMES = 10  # batches a sample
EVERY_TILE = 0.0  # as gate
TURNS, MASKS, TRANSFERS, DEVICE = "turns_s", "masks_s", "transfers_s", "device_s"  # of a batch
SAMPLES = (TURNS, MASKS, TRANSFERS, DEVICE)
Keep = Callable[[Mapping[str, Any]], None]


@dataclasses.dataclass(frozen=True)
class Opened:
    """A file loaded for batches of one size.

    Attributes:
        session: as ``salt-infer`` has it.
        load_s: seconds to load it, with the engine's build where there is one.
        again_s: to load it once more, with the engine found in the cache.
        probability: of the first of them, for the tiles given.
        same: the other one said the same, bit for bit.
    """

    session: ModelSession
    load_s: float
    again_s: float
    probability: npt.NDArray[np.float32]
    same: bool


def open_twice(path: Path, request: ProviderRequest, stacked: npt.NDArray[np.uint8]) -> Opened:
    """Load a file, which may build an engine, and load it again; raises SaltError."""
    seconds, said = [], []
    for _ in range(2):
        started = time.perf_counter()
        session, _choice = open_session(
            path, request, lambda _: Batches(*stacked.shape[:2]), Concurrency(in_turn=True),
            click.echo,
        )  # fmt: skip
        seconds.append(time.perf_counter() - started)
        said.append(session.run(stacked, EVERY_TILE).probability)
    assert isinstance(session, ModelSession)
    first, again = said
    return Opened(session, seconds[0], seconds[1], first, np.array_equal(first, again))


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A file on a provider with a batch, ready to be measured.

    Attributes:
        facts: what was found so far, for the result.
        ways: what gives the seconds of a batch, by the name of its samples.
        masks: bool [N, V, 101, 101], pixels above the file's threshold.
    """

    facts: dict[str, Any]
    ways: Mapping[str, Callable[[], float]]
    masks: npt.NDArray[np.bool_]


def prepare(
    path: Path, provider: Provider, cache: Path, tiles: npt.NDArray[np.uint8], options: Given = ()
) -> Prepared:
    """Load a file for batches like ``tiles``, uint8 [N, 101, 101]; raises SaltError."""
    stacked = views.make(tiles, peek(path).tta)
    request = ProviderRequest(provider, options=options, engine_cache=cache)
    opened = open_twice(path, request, stacked)
    session, contract = opened.session, opened.session.contract
    started = time.perf_counter()
    session.run(stacked, EVERY_TILE)
    first_s = time.perf_counter() - started
    facts = {
        "file": path.name, "sha256": session.sha256, "provider": provider,
        "options": dict(options), "given": session.plan.options,
        "kind": contract.kind,
        "nodes": session.placement.nodes, "batch": len(tiles), "views": stacked.shape[1],
        "gmac": contract.provenance.get("gmac"), "load_s": opened.load_s,
        "again_s": opened.again_s, "first_s": first_s, "same_when_loaded_again": opened.same,
    }  # fmt: skip
    masks = opened.probability > np.float32(contract.threshold)
    return Prepared(facts, _ways(session, provider, stacked), masks)


def _ways(
    session: ModelSession, provider: Provider, stacked: npt.NDArray[np.uint8]
) -> dict[str, Callable[[], float]]:
    def run() -> object:
        return session.run(stacked, EVERY_TILE)

    ways = {TRANSFERS: lambda: _alone(run)}
    if isinstance(session, DeviceSession):
        threshold, threads = session.contract.threshold, session.at_once

        def draw() -> object:
            return session.draw(stacked, threshold, EVERY_TILE)

        ways |= {MASKS: lambda: _alone(draw), TURNS: lambda: _in_turn(draw, threads)}
        if session.plan.options.get(GRAPH) == "1":
            return ways  # another session with other addresses would be another graph
    try:
        on_device = OnDevice(session, device.of(provider), stacked, EVERY_TILE)
    except Exception as error:  # the runtime's own exceptions share no narrower base
        raise ModelError(f"data cannot be kept on the device ({one_line(error)})") from error
    return ways | {DEVICE: lambda: on_device.seconds(TIMES) / TIMES}


def _alone(work: Callable[[], object]) -> float:
    """Seconds of a batch, one after the other."""
    started = time.perf_counter()
    for _ in range(TIMES):
        work()
    return (time.perf_counter() - started) / TIMES


def _in_turn(work: Callable[[], object], threads: int) -> float:
    """Seconds a batch, with as many under way as there are streams."""
    count = TIMES * threads
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        list(pool.map(lambda _: work(), range(count)))
        return (time.perf_counter() - started) / count


def interleave(prepared: Sequence[Prepared], count: int) -> list[dict[str, Any]]:
    """Everything that was prepared in turn, in ``count`` rounds after one that warms up."""
    samples: list[dict[str, list[float]]] = [{name: [] for name in each.ways} for each in prepared]
    for turn in range(count + 1):
        for each, kept in zip(prepared, samples, strict=True):
            for name, way in each.ways.items():
                seconds = way()
                if turn:
                    kept[name].append(seconds)
    return [each.facts | kept for each, kept in zip(prepared, samples, strict=True)]


def table(result: Mapping[str, Any]) -> list[str]:
    """Markdown: a file on a provider with a batch a row. Rates are medians."""
    rows = []
    for found in result["runs"]:
        rates = {name: found["batch"] / statistics.median(found[name])
                 for name in SAMPLES if found.get(name)}  # fmt: skip
        best = result["peaks"].get(found["provider"], {}).get(found["kind"].split()[0])
        share = "unknown"
        if best and found["gmac"] and DEVICE in rates:
            share = f"{2e9 * found['gmac'] * found['views'] * rates[DEVICE] / best:.0%}"
        options = ", ".join(f"{name}={value}" for name, value in found["options"].items())
        rows.append([
            f"{found['file']} ({found['kind']})", found["provider"], options or "as it is",
            str(found["batch"]), *(f"{found[key]:.2f}" for key in ("load_s", "again_s", "first_s")),
            *(f"{rates[name]:,.0f}" if name in rates else "–" for name in SAMPLES), share,
            f"{found.get('pixels_flipped', 0)}", "yes" if found["same_when_loaded_again"] else "no",
        ])  # fmt: skip
    head = ["file", "provider", "options", "batch", "load or build s", "load again s",
            "first run s", "masks in turn, tiles/s", "masks", "probabilities",
            "on the device alone", "of the peak", "pixels flipped", "same again"]  # fmt: skip
    lines = rounds.markdown(head, rows)
    return [*lines, *(f"\nNot measured: {reason}" for reason in result["failed"])]


def draw(result: Mapping[str, Any]) -> Path:
    """Throughput against the batch, as ``salt-infer`` runs it."""
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for found in result["runs"]:
        if not found["options"]:
            across, up = curves.setdefault(f"{found['file']}, {found['provider']}", ([], []))
            across.append(found["batch"])
            up.append(found["batch"] / statistics.median(found.get(TURNS) or found[TRANSFERS]))
    return rounds.plot("gpu", "tiles a batch", "tiles/s", curves, logarithmic=True)


def measure(
    wanted: Wanted, tiles: npt.NDArray[np.uint8], count: int, size: int, cache: Path, keep: Keep
) -> dict[str, Any]:
    """Everything, the largest batch first; what cannot be run is named, and the rest is measured.

    Args:
        wanted: what.
        tiles: uint8 [N, 101, 101], as many as the largest batch.
        count: rounds.
        size: rows and columns of the product that the peak is measured with.
        cache: for engines.
        keep: takes the result so far, again and again.
    """
    result: dict[str, Any] = {"models": {}, "repeats": count, "runs": [], "failed": [], "peaks": {}}
    for batch in sorted(wanted.batches, reverse=True):
        for provider, path in itertools.product(wanted.providers, wanted.models):
            options, before = wanted.options(provider, path, batch), result["runs"]
            found: list[Prepared] = []
            for each in _prepared(path, provider, cache, tiles[:batch], options, result["failed"]):
                found.append(each)
                # Sessions take ten seconds each: a limit of time should leave what is ready.
                soon = before + interleave(found, 1)
                keep(_with_runs(result, soon) | {"repeats": 1})
            result = _with_runs(result, before + interleave(found, count))
            keep(result)
    result["peaks"] = {provider: device.peaks(provider, size) for provider in wanted.providers}
    keep(result)
    return result


def _with_runs(result: Mapping[str, Any], runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """With these, by size of batch."""
    models = {run["file"]: run["sha256"] for run in runs}
    return {**result, "runs": sorted(runs, key=lambda run: run["batch"]), "models": models}


def _prepared(
    path: Path, provider: Provider, cache: Path, tiles: npt.NDArray[np.uint8],
    options: Sequence[Given], failed: list[str],
) -> Iterator[Prepared]:  # fmt: skip
    """A file with each of the options, compared with the first of them."""
    first: Prepared | None = None
    for each in options:
        try:
            found = prepare(path, provider, cache, tiles, each)
        except SaltError as error:
            with_them = "".join(f" {name}={value}" for name, value in each)
            failed.append(f"{path.name} on {provider}{with_them}, batches of {len(tiles)}: {error}")
            continue
        first = first or found
        wrong = int(np.count_nonzero(found.masks != first.masks))
        found.facts.update(pixels_flipped=wrong, pixels=found.masks.size)
        yield found


def usable_of(providers: Sequence[Provider]) -> list[Provider]:
    """Those of the providers that can run here; exits where none can."""
    lacks = {name: "; ".join(map(str, availability.problems(name))) for name in providers}
    found = [name for name, problems in lacks.items() if not problems]
    for name, problems in lacks.items():
        if problems:
            click.echo(f"{name} cannot run here: {problems}", err=True)
    if not found:
        click.echo("No usable GPU, nothing was measured; salt-doctor tells more.", err=True)
        sys.exit(1)
    return found


def _gpu() -> dict[str, Any]:
    """The device and its driver, where there are any."""
    try:
        driver = nvidia.driver()
    except nvidia.DriverError:
        return {}
    return {"cuda": driver.cuda, "gpus": [dataclasses.asdict(each) for each in driver.gpus]}


def _save(result: Mapping[str, Any]) -> None:
    record.save("gpu", {"gpu": _gpu(), "table": table(result), **result})


def _variant(text: str) -> Given:
    """``K=V,K=V`` as options; raises UsageError."""
    return tuple(parse_option(each) for each in text.split(",") if each)


@click.command()
@click.option("--model", "models", type=click.Path(path_type=Path, exists=True), multiple=True,
              help="Default: the one that ships for GPUs.")  # fmt: skip
@click.option("--provider", "providers", type=click.Choice(list(NAMES)), multiple=True,
              default=("cuda", "tensorrt"), show_default=True)  # fmt: skip
@click.option("--images", type=click.Path(path_type=Path, exists=True), default=tilesets.EXAMPLES)
@click.option("--batch", "batches", type=int, multiple=True, default=BATCHES, show_default=True)
@click.option(
    "--variant", "asked", multiple=True, metavar="K=V,K=V",
    help="Options of the provider to run the largest batch with too, instead of the usual ones; "
    "'' for none.",
)  # fmt: skip
@click.option("--rounds", "count", default=7, show_default=True)
@click.option(
    "--gemm-size", default=8192, show_default=True, help="Rows and columns of the peak's."
)
def main(
    models: tuple[Path, ...], providers: tuple[Provider, ...], images: Path,
    batches: tuple[int, ...], asked: tuple[str, ...], count: int, gemm_size: int,
) -> None:  # fmt: skip
    """Measure sessions on a GPU."""
    found = usable_of(providers)
    tiles = tilesets.pixels(images, max(batches))
    given = [_variant(each) for each in asked if each] if asked else None
    wanted = Wanted(models or (default_model("cuda"),), found, batches, given)
    # An empty cache, so that building the engines is measured too.
    with tempfile.TemporaryDirectory() as cache:
        result = measure(wanted, tiles, count, gemm_size, Path(cache), _save)
    if not result["runs"]:
        raise click.ClickException("; ".join(result["failed"]))
    draw(result)
    click.echo("\n".join(table(result)))


if __name__ == "__main__":
    main()
