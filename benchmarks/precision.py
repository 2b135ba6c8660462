"""One network in every precision: ``python benchmarks/precision.py CKPT --images --labels
--calibrate``.

Exports the files, then runs them in turn on the same labelled tiles, from arrays to masks: speed,
size, and the score with the paired difference to the float32 file beside it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import record
from common import ratios

from salt_export import samples
from salt_export.job import export
from salt_export.request import Job
from salt_infer import SaltModel
from salt_infer.masks import metric
from salt_infer.system import cpu

VARIANTS: dict[str, dict[str, Any]] = {
    "fp32 dense": {"gated": False},
    "fp32 gated": {"gated": True},
    "fp16 dense": {"gated": False, "precision": "fp16"},
    "int8 dense": {"gated": False, "precision": "int8", "target": "cpu"},
    "int8 gated": {"gated": True, "precision": "int8", "target": "cpu"},
}
REFERENCE = "fp32 dense"
ALL = 1 << 40  # tiles: every one there is
_PATH = click.Path(path_type=Path)


def files(checkpoint: Path, images: Path, labels: Path, calibrate: Path, out: Path) -> list[Path]:
    """Every variant, exported and verified."""
    paths = []
    for name, options in VARIANTS.items():
        path = out / f"{name.replace(' ', '-')}.onnx"
        job = Job(
            (checkpoint,), path, verify_images=images, labels=labels,
            calibrate=calibrate if options.get("precision") == "int8" else None, **options,
        )  # fmt: skip
        export(job)
        paths.append(path)
    return paths


def seconds(model: SaltModel, tiles: np.ndarray) -> float:
    started = time.perf_counter()
    model.predict(tiles)
    return time.perf_counter() - started


def scores(model: SaltModel, tiles: np.ndarray, masks: np.ndarray) -> np.ndarray:
    return metric.score(masks, model.predict(tiles).masks).per_tile


def measure(
    paths: list[Path], tiles: np.ndarray, masks: np.ndarray, rounds: int
) -> dict[str, dict[str, Any]]:
    """Scores, then speeds: each file in turn in every round, one model in memory at a time."""
    measured: dict[str, dict[str, Any]] = {}
    reference: np.ndarray | None = None
    for name, path in zip(VARIANTS, paths, strict=True):
        per_tile = scores(SaltModel.load(path), tiles, masks)
        reference = per_tile if name == REFERENCE else reference
        assert reference is not None
        measured[name] = {
            "bytes": path.stat().st_size,
            "score": float(per_tile.mean()),
            "difference": float((per_tile - reference).mean()),
            "interval": metric.interval(per_tile - reference),
            "tiles_per_s": [],
        }
    for _ in range(rounds):
        for name, path in zip(VARIANTS, paths, strict=True):
            model = SaltModel.load(path)
            model.predict(tiles[:64])
            measured[name]["tiles_per_s"].append(len(tiles) / seconds(model, tiles))
    return measured


def table(measured: dict[str, dict[str, Any]]) -> list[str]:
    """Markdown: a file a row; speeds are medians, ratios medians of the rounds' ratios."""
    rows = [
        "| file | MB | tiles/s | to fp32 dense | score | paired difference (95 %) |",
        "|---|---|---|---|---|---|",
    ]
    base = measured[REFERENCE]["tiles_per_s"]
    for name, found in measured.items():
        low, high = found["interval"]
        ratio = ratios.paired(found["tiles_per_s"], base).median
        rows.append(
            f"| {name} | {found['bytes'] / 1e6:.1f} | {statistics.median(found['tiles_per_s']):.1f}"
            f" | {ratio:.2f}x | {found['score']:.4f} | {found['difference']:+.4f} "
            f"({low:+.4f} to {high:+.4f}) |"
        )
    return rows


@click.command()
@click.argument("checkpoint", type=_PATH)
@click.option("--images", type=_PATH, required=True, help="Labelled tiles, not trained on.")
@click.option("--labels", type=_PATH, required=True)
@click.option("--calibrate", type=_PATH, required=True, help="Other tiles.")
@click.option("--rounds", default=5, show_default=True)
def main(checkpoint: Path, images: Path, labels: Path, calibrate: Path, rounds: int) -> None:
    """Measure one network in every precision."""
    tiles, masks = samples.read(images, labels, ALL)
    assert masks is not None
    with tempfile.TemporaryDirectory() as name:
        paths = files(checkpoint, images, labels, calibrate, Path(name))
        measured = measure(paths, tiles, masks, rounds)
        lines = table(measured)
        result = {"tiles": len(tiles), "table": lines, "files": measured}
        models = dict(zip(VARIANTS, paths, strict=True))
        record.save("precision", result, models=models, threads=cpu.threads_here(), repeats=rounds)
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
