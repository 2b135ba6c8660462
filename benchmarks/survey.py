"""A run of ``salt-survey`` beside its model, and its memory: ``python benchmarks/survey.py``.

Surveys are drawn, sections as large as F3's (951 traces of 463 samples). ``SaltModel.predict``
is given exactly the tiles of one, which lie in memory; the run reads SEG-Y, cuts, runs, blends, and
writes Zarr and SEG-Y; its time counts from when the model is loaded. Memory is that of the real
program in a process of its own, on a short and a long survey.
"""

from __future__ import annotations

import contextlib
import functools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import record
import scale
from common import ratios, rounds
from common.ratios import Ratio

from salt_infer.job.watcher import Watcher
from salt_infer.predictor.model import SaltModel
from salt_survey.job import job
from salt_survey.job.publish import Targets
from salt_survey.reading.survey import Survey
from salt_survey.sections import tiling
from salt_survey.sections.display import Display
from salt_survey.sections.reader import Reader, Section
from salt_survey.sections.settings import GATE, Wishes
from salt_survey.segy.create import Kind
from salt_survey.synthetic import Plan, draw

TRACES, SAMPLES = 951, 463
DISPLAY = Display(polarity="reversed")
PREDICT, RUN = "predict alone", "salt-survey run"
# A third of the tiles, as memory does not depend on their number.
OPTIONS = ("--polarity", "reversed", "--zoom", str(DISPLAY.zoom), "--stride", "101")

Tiles = list[npt.NDArray[np.uint8]]  # of each section, uint8 [N, 101, 101]


def drawn(inlines: int, folder: Path) -> Path:
    """A survey of so many inlines."""
    kind = Kind(SAMPLES, 4.0, 0)
    plan = Plan(inlines, TRACES, SAMPLES, kind=kind)
    return draw(plan, folder / f"{inlines}-inlines", labelled=())[0]


def tiles_of(path: Path) -> Tiles:
    """What the model is shown of each section."""
    found = []
    with Survey.open(path) as survey:
        reader = Reader(survey)
        for place in range(len(survey.inlines)):
            recorded = reader.read(Section("inline", place, place, place + 1))
            cut = tiling.cut(recorded.amplitude, recorded.there, DISPLAY)
            found.append(tiling.WHITE - cut.grey)
    return found


class Begun(Watcher):
    """Knows when the model was loaded."""

    wall_s = cpu_s = 0.0

    def started(self, tiles: int, done: int = 0) -> None:
        self.wall_s, self.cpu_s = time.perf_counter(), time.process_time()


def predicted(model: SaltModel, tiles: Tiles) -> tuple[float, float]:
    """Seconds that passed, and of processors."""
    wall, cpu = time.perf_counter(), time.process_time()
    for section in tiles:
        model.predict(section)
    return time.perf_counter() - wall, time.process_time() - cpu


def ran(path: Path, folder: Path) -> tuple[float, float]:
    """Likewise, of a run to its last file in place."""
    out = Targets(folder / "out.zarr", segy=folder / "out.sgy")
    wishes = Wishes(zoom=DISPLAY.zoom, polarity=DISPLAY.polarity)
    begun = Begun()
    job.run(job.Job(path, out, wishes=wishes, overwrite=True), begun)
    return time.perf_counter() - begun.wall_s, time.process_time() - begun.cpu_s


def speed(inlines: int, count: int) -> dict[str, Any]:
    """Samples of both ways in turn, and the tiles of a round."""
    with tempfile.TemporaryDirectory() as name:
        path = drawn(inlines, Path(name))
        tiles = tiles_of(path)
        model = SaltModel.load(gate=GATE)
        ways = {
            PREDICT: functools.partial(predicted, model, tiles),
            RUN: functools.partial(ran, path, Path(name)),
        }
        samples = {way: rounds.Samples([], []) for way in ways}
        for number in range(count + 1):  # the first round warms up
            for way, work in ways.items():
                wall, cpu = work()
                if number:
                    samples[way].wall_s.append(wall)
                    samples[way].cpu_s.append(cpu)
    return {"tiles": sum(map(len, tiles)), "samples": rounds.to_json(samples)}


def memory(inlines: int) -> dict[str, float]:
    """Of the program on a survey of so many sections: MB at most, and seconds without start-up."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = ["--out", folder / "out.zarr", "--report", folder / "report.json"]
        command = [sys.executable, "-m", "salt_survey", "run", drawn(inlines, folder), *paths]
        with subprocess.Popen(
            [*map(str, command), *OPTIONS, "--no-progress"], stdout=subprocess.DEVNULL
        ) as process:
            peak = scale.peak_mb(process)
        if process.returncode:
            raise click.ClickException(f"salt-survey run ended with {process.returncode}")
        told = json.loads((folder / "report.json").read_text())
    return {"peak_mb": peak, "wall_s": told["wall_s"]}


def measure(inlines: int, lengths: Sequence[int], count: int) -> dict[str, Any]:
    """Speed on a short survey, memory on surveys of several lengths."""
    with contextlib.chdir(record.ROOT):
        by_length = {str(length): memory(length) for length in lengths}
    found = speed(inlines, count)
    result = {"inlines": inlines, "repeats": count, **found, "memory": by_length}
    return result | {"ratios": ratios.to_json(ratios_of(result))}


def ratios_of(result: Mapping[str, Any]) -> dict[str, Ratio]:
    """What has a target: 1 would be a run that costs no more than its model; memory that does not
    grow would be 1, too.
    """
    samples = rounds.from_json(result["samples"])
    alone, whole = samples[PREDICT], samples[RUN]
    found = {f"{RUN} to {PREDICT}, processor time": ratios.paired(alone.cpu_s, whole.cpu_s)}
    peaks = [each["peak_mb"] for each in result["memory"].values()]
    if len(peaks) > 1:
        found["memory, short survey to long"] = ratios.paired([peaks[0]], [peaks[-1]])
    return found


def table(result: Mapping[str, Any]) -> list[str]:
    """Markdown: both ways, their ratio, then memory by length."""
    samples, tiles = rounds.from_json(result["samples"]), result["tiles"]
    rows = [
        [name, f"{tiles / each.seconds:.1f}", f"{1e3 * each.cpu_seconds / tiles:.2f}"]
        for name, each in samples.items()
    ]
    alone, whole = samples[PREDICT], samples[RUN]
    cpu, wall = (
        ratios.paired(one, other)
        for one, other in ((alone.cpu_s, whole.cpu_s), (alone.wall_s, whole.wall_s))
    )
    lengths = [
        [length, f"{each['peak_mb']:.0f}", f"{each['wall_s']:.1f}"]
        for length, each in result["memory"].items()
    ]
    return [
        *rounds.markdown(["way", "tiles/s", "CPU ms a tile"], rows),
        "",
        f"The run to its model alone: {cpu} in processor time, {wall} in time that passed.",
        "",
        *rounds.markdown(["sections", "peak MB", "run s"], lengths),
    ]


@click.command()
@click.option("--inlines", default=6, show_default=True, help="Sections whose speed is measured.")
@click.option("--length", "lengths", type=int, multiple=True, default=(70, 210), show_default=True,
              help="Sections of a survey whose memory is measured.")  # fmt: skip
@click.option("--rounds", "count", default=3, show_default=True)
def main(inlines: int, lengths: tuple[int, ...], count: int) -> None:
    """Measure what a run costs beside its model."""
    result = measure(inlines, lengths, count)
    lines = table(result)
    record.save("survey", {"table": lines, **result}, repeats=count)
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
