"""Sessions on a GPU: ``python benchmarks/gpu.py``, with ``--model`` for each file to compare.

Batches of several sizes on CUDA and TensorRT: loading and building engines apart, the first run
apart, then with transfers from and to the host, as ``salt-infer`` runs them, and with data that
stays on the device. The latter is timed by CUDA events where torch has a GPU, else by the clock
around runs that end with a synchronisation. Written without a GPU; its logic was tried with
``--provider cpu``. Files in other precisions::

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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import device
import numpy as np
import numpy.typing as npt
import record
import rounds
import tilesets
from device import OnDevice

from salt_infer import nvidia, usable, views
from salt_infer.errors import ModelError, SaltError, one_line
from salt_infer.modelfile import default_model
from salt_infer.opening import open_session
from salt_infer.providers import NAMES, Provider, ProviderRequest
from salt_infer.session import ModelSession

BATCHES = (1, 8, 32, 64, 128)
TIMES = 10  # batches a sample
EVERY_TILE = 0.0  # as gate
SAMPLES = TRANSFERS, DEVICE = "transfers_s", "device_s"  # seconds a batch


@dataclasses.dataclass(frozen=True)
class Opened:
    """A file loaded for batches of one size.

    Attributes:
        session: as ``salt-infer`` has it.
        load_s: seconds to load it, with the engine's build where there is one.
        again_s: to load it once more, with the engine found in the cache.
    """

    session: ModelSession
    load_s: float
    again_s: float


def open_twice(path: Path, request: ProviderRequest, batch: int) -> Opened:
    """Load a file, which may build an engine, and load it again; raises ProviderError."""
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        session, _choice = open_session(
            path, request, lambda contract: (batch, views.count(contract.tta)), tell=click.echo
        )
        seconds.append(time.perf_counter() - started)
    assert isinstance(session, ModelSession)
    return Opened(session, *seconds)


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A file on a provider with a batch, ready to be measured.

    Attributes:
        facts: what was found so far, for the result.
        ways: what gives the seconds of a batch, by the name of its samples.
    """

    facts: dict[str, Any]
    ways: Mapping[str, Callable[[], float]]


def prepare(path: Path, provider: Provider, cache: Path, tiles: npt.NDArray[np.uint8]) -> Prepared:
    """Load a file for batches like ``tiles``, uint8 [N, 101, 101]; raises SaltError."""
    opened = open_twice(path, ProviderRequest(provider, engine_cache=cache), len(tiles))
    session, contract = opened.session, opened.session.contract
    stacked = views.make(tiles, contract.tta)
    started = time.perf_counter()
    session.run(stacked, EVERY_TILE)
    first_s = time.perf_counter() - started
    try:
        on_device = OnDevice(session, device.of(provider), stacked, EVERY_TILE)
    except Exception as error:  # the runtime's own exceptions share no narrower base
        raise ModelError(f"data cannot be kept on the device ({one_line(error)})") from error

    def with_transfers() -> float:
        """From and to host memory: a run returns when its outputs are there."""
        started = time.perf_counter()
        for _ in range(TIMES):
            session.run(stacked, EVERY_TILE)
        return (time.perf_counter() - started) / TIMES

    facts = {
        "file": path.name, "sha256": session.sha256, "provider": provider,
        "kind": f"{contract.precision} {'gated' if contract.gated else 'dense'}",
        "nodes": session.placement.nodes, "batch": len(tiles), "views": stacked.shape[1],
        "gmac": contract.provenance.get("gmac"), "load_s": opened.load_s,
        "again_s": opened.again_s, "first_s": first_s,
    }  # fmt: skip
    ways = {TRANSFERS: with_transfers, DEVICE: lambda: on_device.seconds(TIMES) / TIMES}
    return Prepared(facts, ways)


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
        rate, inside = (found["batch"] / statistics.median(found[name]) for name in SAMPLES)
        best = result["peaks"].get(found["provider"], {}).get(found["kind"].split()[0])
        share = "unknown"
        if best and found["gmac"]:
            share = f"{2e9 * found['gmac'] * found['views'] * inside / best:.0%}"
        rows.append([
            f"{found['file']} ({found['kind']})", found["provider"], str(found["batch"]),
            *(f"{found[key]:.2f}" for key in ("load_s", "again_s", "first_s")),
            f"{rate:,.0f}", f"{inside:,.0f}", share,
        ])  # fmt: skip
    head = ["file", "provider", "batch", "load or build s", "load again s", "first run s",
            "tiles/s", "on the device alone", "of the peak"]  # fmt: skip
    lines = rounds.markdown(head, rows)
    return [*lines, *(f"\nNot measured: {reason}" for reason in result["failed"])]


def draw(result: Mapping[str, Any]) -> Path:
    """Throughput with transfers against the batch."""
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for found in result["runs"]:
        across, up = curves.setdefault(f"{found['file']}, {found['provider']}", ([], []))
        across.append(found["batch"])
        up.append(found["batch"] / statistics.median(found[TRANSFERS]))
    return rounds.plot("gpu", "tiles a batch", "tiles/s", curves, logarithmic=True)


def measure(
    models: Sequence[Path], providers: Sequence[Provider], tiles: npt.NDArray[np.uint8],
    batches: Sequence[int], count: int, size: int, cache: Path,
) -> dict[str, Any]:  # fmt: skip
    """Everything; what one provider cannot run is named, and the rest is measured."""
    runs: list[dict[str, Any]] = []
    failed: list[str] = []
    for batch in batches:
        prepared = []
        for provider, path in itertools.product(providers, models):
            try:
                prepared.append(prepare(path, provider, cache, tiles[:batch]))
            except SaltError as error:
                failed.append(f"{path.name} on {provider}, batches of {batch}: {error}")
        runs += interleave(prepared, count)
    peaks = {provider: device.peaks(provider, size) for provider in providers}
    digests = {run["file"]: run["sha256"] for run in runs}
    return {"models": digests, "repeats": count, "runs": runs, "failed": failed, "peaks": peaks}


def usable_of(providers: Sequence[Provider]) -> list[Provider]:
    """Those of the providers that can run here; exits where none can."""
    lacks = {name: "; ".join(map(str, usable.problems(name))) for name in providers}
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


@click.command()
@click.option("--model", "models", type=click.Path(path_type=Path, exists=True), multiple=True,
              help="Default: the one that ships for GPUs.")  # fmt: skip
@click.option("--provider", "providers", type=click.Choice(list(NAMES)), multiple=True,
              default=("cuda", "tensorrt"), show_default=True)  # fmt: skip
@click.option("--images", type=click.Path(path_type=Path, exists=True), default=tilesets.EXAMPLES)
@click.option("--batch", "batches", type=int, multiple=True, default=BATCHES, show_default=True)
@click.option("--rounds", "count", default=7, show_default=True)
@click.option(
    "--gemm-size", default=8192, show_default=True, help="Rows and columns of the peak's."
)
def main(
    models: tuple[Path, ...], providers: tuple[Provider, ...], images: Path,
    batches: tuple[int, ...], count: int, gemm_size: int,
) -> None:  # fmt: skip
    """Measure sessions on a GPU."""
    found = usable_of(providers)
    tiles = tilesets.pixels(images, max(batches))
    # An empty cache, so that building the engines is measured too.
    with tempfile.TemporaryDirectory() as cache:
        paths = models or (default_model("cuda"),)
        result = measure(paths, found, tiles, batches, count, gemm_size, Path(cache))
    if not result["runs"]:
        raise click.ClickException("; ".join(result["failed"]))
    lines = table(result)
    record.save("gpu", {"gpu": _gpu(), "table": lines, **result})
    draw(result)
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
