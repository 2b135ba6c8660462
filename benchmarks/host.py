"""What the host can feed to a model, however fast: ``python benchmarks/host.py --images test.zip``.

Each stage alone on one core, and the whole program with a model that does nothing (``null.py``) on
1, 2, ... cores, beside the bare decoding of the same files on the same cores; and how long a tile
holds Python's lock (``lock.py``). A GPU that takes more tiles a second than the host path gives is
not the bound.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import lock
import null
import numpy as np
import numpy.typing as npt
import record
import rle as case_study
import tilesets
from common import ratios, rounds
from common.ratios import Ratio
from PIL import Image

from salt_infer.batch import views
from salt_infer.batch.result import Cancel
from salt_infer.data import png, png_filters
from salt_infer.data.factory import open_tiles
from salt_infer.execution.decoding import Decoded, decode_group
from salt_infer.execution.pipeline import RunOptions, group_count, group_of
from salt_infer.execution.results import FinishedGroup
from salt_infer.job import job, write_table
from salt_infer.job.fingerprint import Fingerprint
from salt_infer.job.job import Job
from salt_infer.job.journal import Journal
from salt_infer.job.watcher import Watcher
from salt_infer.masks import rle
from salt_infer.system import cpu

BATCH = RunOptions().batch_size
DECODE, PILLOW, RLE, LOOP = "decode", "Pillow alone", "RLE", "case study's RLE"
READ, PATH = "read and decode", "host path"
Ways = dict[str, Callable[[], object]]


def pillow(data: bytes) -> npt.NDArray[np.uint8]:
    """Pixels without any of ``salt-infer``'s checks."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("L"))


def stages(files: list[bytes], folder: Path, stack: contextlib.ExitStack) -> Ways:
    """What is done for a batch, each stage alone, from memory where there is a choice."""
    model = null.load()
    decoded = np.stack([png.decode(data) for data in files])
    answer = null.answer(len(files), views.count(model.settings.tta))
    decided = model.decide(answer)
    ids = [f"tile-{number:06d}" for number in range(len(files))]
    done = FinishedGroup.of(Decoded(0, "", ids, decoded, []), decided)
    mine = Fingerprint.of(model, RunOptions(), str(folder), [])
    journal = stack.enter_context(Journal(folder / "alone.journal", mine, 1, FinishedGroup.unpack))
    return {
        DECODE: lambda: png_filters.examine([png.rows(data) for data in files], rle.TILE_SHAPE),
        PILLOW: lambda: [pillow(data) for data in files],
        "assemble": lambda: views.make(np.stack(list(decoded)), model.settings.tta),
        "decide": lambda: model.decide(answer),
        RLE: lambda: rle.encode(decided.masks),
        LOOP: lambda: case_study.loop(decided.masks),
        "journal": lambda: journal.append(done),
        "CSV": lambda: write_table.write(io.BytesIO(), Path("a.csv"), done.entries(False), False),
    }


def alone(images: Path, count: int) -> dict[str, Any]:
    """Samples of the stages on a batch of tiles."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        ways = stages(tilesets.files(images, BATCH), Path(folder), stack)
        return rounds.to_json(rounds.interleaved(ways, count))


def read_and_decode(images: Path, workers: int) -> None:
    """What the program does before a batch is there, and nothing else."""
    with open_tiles(images) as source, ThreadPoolExecutor(workers) as pool:
        parts = [
            group_of(source.tiles, BATCH, number)
            for number in range(group_count(len(source.tiles), BATCH))
        ]
        for decoded in pool.map(lambda part: decode_group(source, part, Cancel()), parts):
            assert decoded.ids


def together(images: Path, count: int) -> dict[str, Any]:
    """Samples of the whole program with the null model, and of decoding alone; the program's are
    from its first read to its last file in place, as its own report has them.
    """
    published: list[float] = []
    with tempfile.TemporaryDirectory() as folder, null.loaded():
        wanted = Job(images, Path(folder) / "submission.csv", overwrite=True)

        def path() -> None:
            timing = job.run(wanted, Watcher()).timing
            published.append(timing.wall_s + timing.publish_s)

        # As many as the program has by itself.
        ways = {READ: lambda: read_and_decode(images, cpu.decoders_here()), PATH: path}
        samples = rounds.interleaved(ways, count)
    found = rounds.to_json(samples)
    found[PATH]["wall_s"] = published[1:]  # without the round that warms up
    return found


def measure(images: Path, tiles: int, cores: list[int], count: int) -> dict[str, Any]:
    """The stages on one core, then the program on each number of cores."""
    with tempfile.TemporaryDirectory() as root:
        folder = tilesets.multiplied(images, tiles, Path(root) / "tiles")
        by_cores = {
            str(number): rounds.on_cpus(number, together, folder, count) for number in cores
        }
        held = lock_held(folder, count)
    stages_found = rounds.on_cpus(1, alone, images, count)
    return {
        "tiles": tiles, "batch": BATCH, "repeats": count, "stages": stages_found,
        "cores": by_cores, "lock": held,
        "ratios": ratios.to_json(ratios_of(stages_found, by_cores)),
    }  # fmt: skip


def lock_held(images: Path, count: int) -> dict[str, list[float]]:
    """See :func:`lock.measured`; empty where it cannot be measured, which is told."""
    try:
        return lock.measured(images, count)
    except lock.UnmeasurableError as error:
        click.echo(f"time under Python's lock is not measured: {error}", err=True)
        return {}


def ratios_of(stages_found: Mapping[str, Any], by_cores: Mapping[str, Any]) -> dict[str, Ratio]:
    """What has a target, and should not become slower unnoticed."""
    alone = rounds.from_json(stages_found)
    found = {"RLE to the case study's": ratios.paired(alone[LOOP].cpu_s, alone[RLE].cpu_s)}
    for cores, value in by_cores.items():
        samples = rounds.from_json(value)
        name = f"{PATH} to decoding, {rounds.plural(int(cores), 'core')}"
        found[name] = ratios.paired(samples[READ].wall_s, samples[PATH].wall_s)
    return found


def table(result: Mapping[str, Any]) -> list[str]:
    """Markdown: the stages, then the host path by number of cores."""
    parts = stage_table(result), core_table(result), lock_table(result), verdict(result)
    return [line for part in parts if part for line in ("", *part)][1:]


def stage_table(result: Mapping[str, Any]) -> list[str]:
    """CPU time of each stage, which is what a core has to give for a tile."""
    rows = []
    for name, samples in rounds.from_json(result["stages"]).items():
        each = samples.cpu_seconds / result["batch"]
        rows.append([name, f"{1e6 * each:.1f}", f"{1 / each:,.0f}"])
    return rounds.markdown(["stage, alone on a core", "CPU us a tile", "tiles/s"], rows)


def core_table(result: Mapping[str, Any]) -> list[str]:
    """The whole program beside decoding alone, in time and in what it takes of processors."""
    rows = []
    for cores, value in result["cores"].items():
        samples = rounds.from_json(value)
        decode, path = (samples[name] for name in (READ, PATH))
        rate = [result["tiles"] / each.seconds for each in (decode, path)]
        cpu = [1e6 * each.cpu_seconds / result["tiles"] for each in (decode, path)]
        ratio = [path.over(decode), cpu[0] / cpu[1]]
        rows.append([
            cores, *(f"{each:,.0f}" for each in rate), f"{ratio[0]:.2f}",
            *(f"{each:.0f}" for each in cpu), f"{ratio[1]:.2f}",
        ])  # fmt: skip
    head = [f"{READ}, tiles/s", f"{PATH}, tiles/s", "of decoding"]
    cpu_head = [f"{READ}, CPU us a tile", f"{PATH}, CPU us a tile", "of decoding"]
    return rounds.markdown(["cores", *head, *cpu_head], rows)


def lock_table(result: Mapping[str, Any]) -> list[str]:
    """What a tile costs of the one thing that there is one of, wherever tiles are decoded."""
    rows = []
    for way, samples in result["lock"].items():
        held = statistics.median(samples)
        rows.append([way, f"{held:.0f}", f"{min(samples):.0f}", f"{1e6 / held:,.0f}"])
    head = ["decoded in", "us a tile under Python's lock", "in the best round", "tiles/s at most"]
    return rounds.markdown(head, rows) if rows else []


def verdict(result: Mapping[str, Any]) -> list[str]:
    """In words: what has a target, and from which rate of a GPU on the host is the bound."""
    samples = rounds.from_json(result["stages"])
    ratio = ratios.paired(samples[LOOP].cpu_s, samples[RLE].cpu_s).median
    lines = [f"RLE: {ratio:.1f}x the case study's loop, in CPU time on the same masks."]
    for cores, value in result["cores"].items():
        rate = result["tiles"] / rounds.from_json(value)[PATH].seconds
        cpus = rounds.plural(int(cores), "core")
        lines.append(
            f"With {cpus}, the host is the bound of a model of {rate:,.0f} tiles/s or more."
        )
    return lines


def draw(result: Mapping[str, Any]) -> Path:
    """Tiles a second against cores."""
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for name in (READ, PATH):
        across = [float(cores) for cores in result["cores"]]
        up = [
            result["tiles"] / rounds.from_json(value)[name].seconds
            for value in result["cores"].values()
        ]
        curves[name] = (across, up)
    return rounds.plot("host", "cores", "tiles/s", curves, logarithmic=True)


@click.command()
@click.option("--images", type=click.Path(path_type=Path, exists=True), default=tilesets.EXAMPLES,
              help="Folder or zip of tiles; default: the examples.")  # fmt: skip
@click.option("--tiles", default=2000, show_default=True, help="For each sample.")
@click.option("--cores", type=int, multiple=True, help="Default: 1, 2, 4, ...")
@click.option("--rounds", "count", default=7, show_default=True)
def main(images: Path, tiles: int, cores: tuple[int, ...], count: int) -> None:
    """Measure what the host does, without a model."""
    result = measure(images, tiles, list(cores) or rounds.cpu_counts(), count)
    lines = table(result)
    record.save("host", {"table": lines, **result})
    draw(result)
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
