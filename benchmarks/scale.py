"""Time and memory against the number of tiles: ``python benchmarks/scale.py --images test.zip``.

The real program in a process of its own, on 500 to 50,000 tiles: the given ones, linked under other
names. Time should grow with the tiles, and memory hardly. ``--null`` takes the model that does
nothing (``null.py``): a minute instead of ten for the largest run.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import record
import tilesets
from common import rounds

COUNTS = (500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
LOOK_S = 0.02  # seconds between looks at a process's memory
PROGRAM = ["-m", "salt_infer"]
NULL = [str(Path(__file__).with_name("null.py"))]
# What is measured of a run: seconds, but for the last.
KEYS = ("startup_s", "run_s", "publish_s", "process_s", "cpu_s", "peak_mb")


class Line(NamedTuple):
    """``at_zero + each * tiles``, by least squares.

    Attributes:
        at_zero: where it starts.
        each: by which it grows with each tile.
        deviation: largest distance of a measurement from it, as a share of the measurement.
    """

    at_zero: float
    each: float
    deviation: float


def fit(tiles: Sequence[float], values: Sequence[float]) -> Line:
    """The line through measurements at two or more numbers of tiles."""
    x, y = np.asarray(tiles, float), np.asarray(values, float)
    each, at_zero = np.polyfit(x, y, 1)
    deviation = float(np.max(np.abs(at_zero + each * x - y) / y))
    return Line(float(at_zero), float(each), deviation)


def peak_mb(process: subprocess.Popen[bytes]) -> float:
    """Largest resident memory of a process, waiting for its end.

    The kernel keeps the largest of the program itself in /proc while it lives. What it tells after
    the end would count the memory of the parent, from which a process starts.
    """
    status, largest = Path(f"/proc/{process.pid}/status"), 0
    while process.poll() is None:
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                largest = max(largest, int(line.split()[1]))
        time.sleep(LOOK_S)
    return largest * 1024 / 1e6


def run(images: Path, folder: Path, program: Sequence[str], options: Sequence[str]) -> list[float]:
    """One run of the program; the values of KEYS."""
    report = folder / "report.json"
    paths = {"--images": images, "--out": folder / "submission.csv", "--report": report}
    named = [str(part) for pair in paths.items() for part in pair]
    command = [sys.executable, *program, *named, "--overwrite", "--no-progress", *options]
    before, started = _cpu_s(), time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        memory = peak_mb(process)
    seconds, cpu = time.perf_counter() - started, _cpu_s() - before
    if process.returncode:
        raise click.ClickException(f"{' '.join(command)} ended with {process.returncode}")
    told = json.loads(report.read_text())
    return [told["startup_s"], told["wall_s"], told["publish_s"], seconds, cpu, memory]


def _cpu_s() -> float:
    """Of all processes that have ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(
    images: Path, counts: Sequence[int], count: int, program: Sequence[str], options: Sequence[str]
) -> dict[str, Any]:
    """Every number of tiles in turn, in ``count`` rounds."""
    found: dict[str, dict[str, list[float]]] = {
        str(tiles): {key: [] for key in KEYS} for tiles in counts
    }
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folders = {tiles: tilesets.multiplied(images, tiles, root / str(tiles)) for tiles in counts}
        for _ in range(count):
            for tiles, folder in folders.items():
                values = run(folder, root, program, options)
                for key, value in zip(KEYS, values, strict=True):
                    found[str(tiles)][key].append(value)
    return found


def medians(found: Mapping[str, Any], *keys: str) -> list[float]:
    """By number of tiles, the median over rounds of the sum of ``keys``."""
    return [
        statistics.median(map(sum, zip(*(each[key] for key in keys), strict=True)))
        for each in found.values()
    ]


def lines_through(found: Mapping[str, Any]) -> dict[str, Line]:
    """The fitted lines: seconds without start-up, seconds of processors, megabytes."""
    tiles = [float(count) for count in found]
    return {
        "time": fit(tiles, medians(found, "run_s", "publish_s")),
        "CPU": fit(tiles, medians(found, "cpu_s")),
        "memory": fit(tiles, medians(found, "peak_mb")),
    }


def table(result: Mapping[str, Any]) -> list[str]:
    """Markdown: a number of tiles a row, then what the lines say."""
    found = result["runs"]
    columns = {key: medians(found, key) for key in KEYS}
    rows = []
    for row, tiles in enumerate(found):
        figure = {key: values[row] for key, values in columns.items()}
        rate = int(tiles) / (figure["run_s"] + figure["publish_s"])
        stages = [f"{figure[key]:.2f}" for key in ("startup_s", "run_s", "publish_s")]
        rows.append([
            f"{int(tiles):,}", *stages, f"{rate:,.0f}", f"{figure['cpu_s']:.2f}",
            f"{figure['peak_mb']:.0f}",
        ])  # fmt: skip
    head = ["tiles", "start-up s", "run s", "publish s", "tiles/s", "CPU s", "peak MB"]
    if len(found) < 2:
        return rounds.markdown(head, rows)
    line = {name: Line(*value) for name, value in result["lines"].items()}
    return [
        *rounds.markdown(head, rows),
        "",
        f"Time without start-up: {line['time'].at_zero:.2f} s and {1e3 * line['time'].each:.3f} ms "
        f"a tile{_far('; no run is farther than {} from that line', line['time'], found)}.",
        f"CPU time of the process: {line['CPU'].at_zero:.2f} s and {1e3 * line['CPU'].each:.3f} ms "
        f"a tile{_far(', within {}', line['CPU'], found)}.",
        f"Memory: {line['memory'].at_zero:.0f} MB and {1e6 * line['memory'].each:.0f} bytes a "
        f"tile{_far(', within {}', line['memory'], found)}.",
    ]


def _far(words: str, line: Line, found: Mapping[str, Any]) -> str:
    """How far measurements are from their line; two are on it, whatever they are."""
    return words.format(f"{line.deviation:.1%}") if len(found) > 2 else ""


def draw(name: str, found: Mapping[str, Any]) -> list[Path]:
    """Two pictures: seconds and megabytes against tiles."""
    tiles = [float(count) for count in found]
    curves = {
        "start-up": (tiles, medians(found, "startup_s")),
        "run and publish": (tiles, medians(found, "run_s", "publish_s")),
    }
    memory = {"peak": (tiles, medians(found, "peak_mb"))}
    return [
        rounds.plot(name, "tiles", "seconds", curves),
        rounds.plot(f"{name}-memory", "tiles", "MB", memory),
    ]


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--images", type=click.Path(path_type=Path, exists=True), default=tilesets.EXAMPLES,
              help="Folder or zip of tiles; default: the examples.")  # fmt: skip
@click.option("--null", "is_null", is_flag=True, help="The model that does nothing.")
@click.option("--tiles", "counts", type=int, multiple=True, help="Default: 500 to 50,000.")
@click.option("--rounds", "count", default=3, show_default=True)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[SALT-INFER'S OPTIONS]")
def main(
    images: Path, is_null: bool, counts: tuple[int, ...], count: int, options: tuple[str, ...]
) -> None:
    """Measure how salt-infer grows with its tiles."""
    found = measure(images, counts or COUNTS, count, NULL if is_null else PROGRAM, options)
    lines = lines_through(found) if len(found) > 1 else {}
    result = {"null": is_null, "options": options, "repeats": count, "runs": found, "lines": lines}
    name = "scale-null" if is_null else "scale"
    record.save(name, {"table": table(result), **result})
    draw(name, found)
    click.echo("\n".join(table(result)))


if __name__ == "__main__":
    main()
