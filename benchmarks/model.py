"""How fast sessions are, and how near to what the processor can do: ``python benchmarks/model.py``.

From arrays to probabilities, without decoding or masks: every model file on every runtime, in
batches of several sizes, with every tile decoded by the network so that its multiplications are
known. In the same rounds large matrix products show what the machine multiplies at most. For GPUs
there is ``gpu.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import record
import tilesets
from common import gemm, rounds, setups
from common.setups import Setup

from salt_infer.backends.base import Session
from salt_infer.batch import views
from salt_infer.models import default_model
from salt_infer.system.cpu import threads_here

BATCHES = (1, 8, 32, 64)
LAYOUT_BATCH = 32
EVERY_TILE = 0.0  # as gate
_PATH = click.Path(path_type=Path, exists=True)


def work(sessions: Sequence[Session], tiles: npt.NDArray[np.uint8], batch: int) -> None:
    """Run uint8 [N, V, 101, 101] in batches, one in each session at a time."""
    parts = [tiles[start : start + batch] for start in range(0, len(tiles), batch)]
    if len(sessions) == 1:
        for part in parts:
            sessions[0].run(part, EVERY_TILE)
        return

    def share(number: int) -> None:
        for part in parts[number :: len(sessions)]:
            sessions[number].run(part, EVERY_TILE)

    with ThreadPoolExecutor(len(sessions)) as pool:
        list(pool.map(share, range(len(sessions))))


def measure(
    models: Sequence[Path], tiles: npt.NDArray[np.uint8], batches: Sequence[int],
    count: int, gemm_size: int,
) -> dict[str, Any]:  # fmt: skip
    """All of it, interleaved in ``count`` rounds."""
    threads = threads_here()
    plain = list(setups.of(models, threads))
    first = [setup for setup in plain if setup.path == models[0]]
    sizes = {setup: list(batches) for setup in plain}
    sizes |= {setup: sorted({*batches, LAYOUT_BATCH}) for setup in first}
    sizes |= {setup: [LAYOUT_BATCH] for setup in setups.layouts(first)}
    products = list(gemm.all_of(threads, gemm_size))
    ways: dict[str, Callable[[], object]] = {_product(each): each.run for each in products}
    described = {}
    for setup, each in sizes.items():
        sessions = setup.open()
        described[setup.name] = _describe(setup, sessions[0]) | {"usual": setup in plain}
        stacked = views.make(tiles, sessions[0].contract.tta)
        for batch in each:
            ways[_way(setup.name, batch)] = lambda s=sessions, t=stacked, b=batch: work(s, t, b)  # type: ignore[misc]
    samples = rounds.to_json(rounds.interleaved(ways, count))
    for setup, each in sizes.items():
        found = {str(batch): samples[_way(setup.name, batch)] for batch in each}
        described[setup.name]["batches"] = found
    measured = {
        _product(each): {"arithmetic": each.arithmetic, "operations": each.operations}
        | samples[_product(each)]
        for each in products
    }
    digests = {each["file"]: each["sha256"] for each in described.values()}
    return {
        "tiles": len(tiles), "threads": threads, "repeats": count, "models": digests,
        "batches": list(batches), "setups": described, "gemm": measured,
    }  # fmt: skip


def _product(product: gemm.Gemm) -> str:
    return f"{product.library}, {product.arithmetic}"


def _way(name: str, batch: int) -> str:
    return f"{name}, batches of {batch}"


def _describe(setup: Setup, session: Session) -> dict[str, Any]:
    contract = session.contract
    return {
        "file": setup.path.name,
        "sha256": session.sha256,
        "kind": contract.kind,
        "provider": setup.provider,
        "runs_on": session.provider,
        "arithmetic": setup.arithmetic,
        "layout": setup.layout,
        "views": views.count(contract.tta),
        "gmac": contract.provenance.get("gmac"),
    }


def rates(found: Mapping[str, Any], tiles: int) -> dict[int, float]:
    """Tiles a second by batch."""
    samples = rounds.from_json(found["batches"])
    return {int(batch): tiles / each.seconds for batch, each in samples.items()}


def peaks(products: Mapping[str, Any]) -> dict[str, tuple[float, str]]:
    """By arithmetic: operations a second of the best product, and which it is."""
    best: dict[str, tuple[float, str]] = {}
    for name, found in products.items():
        rate = found["operations"] / rounds.Samples(found["wall_s"], found["cpu_s"]).seconds
        best[found["arithmetic"]] = max(best.get(found["arithmetic"], (0.0, "")), (rate, name))
    return best


def table(result: Mapping[str, Any]) -> list[str]:
    """Markdown: a file on a runtime a row, tiles/s by batch; shares are those of the best batch."""
    best, batches = peaks(result["gemm"]), result["batches"]
    head = ["file", "runs on", "arithmetic", *(f"{size} a batch" for size in batches)]
    rows = []
    for found in result["setups"].values():
        if not found["usual"]:
            continue
        rate = rates(found, result["tiles"])
        fastest = max(rate.values())
        share = "unknown"
        if found["gmac"] and found["arithmetic"] in best:
            operations = 2e9 * found["gmac"] * found["views"] * fastest
            share = f"{operations / best[found['arithmetic']][0]:.0%}"
        figures = [f"{rate[size]:.1f}" for size in batches]
        runs_on = f"{found['provider']}, {found['layout']}"
        name = f"{found['file']} ({found['kind']})"
        rows.append([name, runs_on, found["arithmetic"], *figures, share])
    lines = rounds.markdown([*head, "of the peak"], rows)
    return [*lines, "", *_peak_lines(best), "", *layout_table(result)]


def _peak_lines(best: Mapping[str, tuple[float, str]]) -> list[str]:
    rows = [[kind, f"{rate / 1e9:,.0f}", name] for kind, (rate, name) in best.items()]
    return rounds.markdown(["peak", "thousand million operations/s", "by"], rows)


def layout_table(result: Mapping[str, Any]) -> list[str]:
    """Markdown: the first file's threads in every layout; CPU time shows what spinning takes."""
    first = next(iter(result["setups"].values()))["file"]
    rows = []
    for found in result["setups"].values():
        if found["file"] == first and str(LAYOUT_BATCH) in found["batches"]:
            samples = rounds.Samples(**found["batches"][str(LAYOUT_BATCH)])
            rate = result["tiles"] / samples.seconds
            cpu = 1000 * samples.cpu_seconds / result["tiles"]
            rows.append([found["provider"], found["layout"], f"{rate:.1f}", f"{cpu:.1f}"])
    head = [f"{first} in batches of {LAYOUT_BATCH}", "layout", "tiles/s", "CPU ms a tile"]
    return rounds.markdown(head, rows)


def draw(result: Mapping[str, Any]) -> Path:
    """Throughput against the batch, a curve for each file on each runtime."""
    curves = {}
    for found in result["setups"].values():
        if found["usual"]:
            rate = rates(found, result["tiles"])
            name = f"{found['kind']}, {found['provider']} {found['arithmetic']}"
            curves[name] = (list(rate), list(rate.values()))
    return rounds.plot("model", "tiles a batch", "tiles/s", curves, logarithmic=True)


@click.command()
@click.option("--model", "models", type=_PATH, multiple=True, help="Default: the shipped ones.")
@click.option("--images", type=_PATH, default=tilesets.EXAMPLES, help="Folder or zip of tiles.")
@click.option("--tiles", default=128, show_default=True, help="For each sample.")
@click.option("--batch", "batches", type=int, multiple=True, default=BATCHES, show_default=True)
@click.option("--rounds", "count", default=5, show_default=True)
@click.option("--gemm-size", default=gemm.SIZE, show_default=True, help="Rows and columns.")
def main(
    models: tuple[Path, ...], images: Path, tiles: int, batches: tuple[int, ...], count: int,
    gemm_size: int,
) -> None:  # fmt: skip
    """Measure sessions alone, beside the processor's peak."""
    paths = models or (default_model("cpu"), default_model("cuda"))
    result = measure(paths, tilesets.pixels(images, tiles), batches, count, gemm_size)
    lines = table(result)
    record.save("model", {"table": lines, **result})
    draw(result)
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
