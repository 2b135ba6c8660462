"""The headline: ``python benchmarks/peers.py CKPT --images DIR --labels DIR --calibrate PATH``.

The same weights on the same PNGs with flip TTA, threshold and gate, from files on disk to a
finished CSV: the case study's notebook, PyTorch, ONNX Runtime, OpenVINO and ``salt-infer``. Each
run is a process of its own, and all take turns in every round. Without a checkpoint: synthetic
tiles, and a network trained for a moment. Score and agreement with torch in float32 stand beside
the speed; rates are without start-up, which would flatter ``salt-infer``: it imports no torch.

``--device cuda`` compares ways on a GPU. Results are written after every run, ``--seconds`` is a
limit on all of them, and one that fails is named and the others go on.

``--study`` adds the case study's own network, three times the work of the default one;
``--study-checkpoint`` gives its weights, without which it has no score.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import click
import record
from comparison import chart, results, study
from comparison.answers import Answer, Judge, Unscored
from comparison.material import BENCHMARKS, Files, Material, drawn
from comparison.networks import Making, Networks
from comparison.process import CommandError, run
from comparison.results import Setting
from comparison.roster import CONTENDERS, SHORT
from comparison.standings import Sample, Standing
from contenders import common
from contenders.common import Task

from salt_infer.errors import SaltError
from salt_infer.system.cpu import available_cpus
from salt_train.scoring.evaluate import Decision

DRAWN, DRAWN_SHORT = 400, 96  # synthetic tiles
_PATH = click.Path(path_type=Path, exists=True)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


def say(line: str) -> None:
    click.echo(line, err=True)


def tasks(
    names: Sequence[str],
    files: Files,
    images: Path,
    decision: Decision,
    batch_size: int,
    folder: Path,
) -> dict[str, Task]:
    """What each contender is asked; makes the files that they need."""
    return {
        name: Task(
            images.resolve(), files[CONTENDERS[name].file].resolve(),
            folder.resolve() / f"{name}.csv", decision.threshold, decision.gate,
            CONTENDERS[name].batch_size or batch_size,
            available_cpus(), CONTENDERS[name].mode,
        )
        for name in names
    }  # fmt: skip


def measure(name: str, task: Task, cache: Path, limit_s: float | None = None) -> Sample:
    """One run; raises click.ClickException where it fails, or takes longer."""
    contender = CONTENDERS[name]
    environment = os.environ | {
        "OMP_NUM_THREADS": str(task.threads), "TORCHINDUCTOR_CACHE_DIR": str(cache),
    }  # fmt: skip
    try:
        ran = run(contender.command(task), BENCHMARKS, environment, limit_s)
    except CommandError as error:
        raise click.ClickException(str(error)) from error
    return Sample(ran.wall_s, contender.run_s(task, ran.stdout), ran.peak_rss_mb)


class Contest:
    """Contenders that take turns, and what was seen of them.

    Attributes:
        failed: why, by name; they run no more.
    """

    def __init__(self, asked: Mapping[str, Task], judges: Mapping[str, Judge], cache: Path) -> None:
        self._asked, self._judges, self._cache = asked, judges, cache
        self._samples: dict[str, list[Sample]] = {name: [] for name in asked}
        self._found: dict[str, list[Answer | Unscored]] = {name: [] for name in asked}
        self.failed: dict[str, str] = {}

    def run(self, name: str, number: int, until: float) -> None:
        """One run of one of them, if there is time for it before ``until`` of the clock."""
        left = until - time.monotonic()
        if name in self.failed or left < self._need_s(name):
            return
        task, judge = self._asked[name], self._judges[name]
        limit_s = left if math.isfinite(left) else None
        try:
            sample = measure(name, task, self._cache, limit_s)
            answer = judge.judge(task.out)
        except (click.ClickException, SaltError, OSError, ValueError) as error:
            self.failed[name] = str(error)
            say(f"round {number}: {name} failed: {error}")
            return
        self._samples[name].append(sample)
        self._found[name].append(answer)
        rate = len(judge.ids) / sample.run_s
        say(f"round {number}: {name}: {rate:.1f} tiles/s, {answer.caption}")

    def _need_s(self, name: str) -> float:
        """As long as its longest run, or before it had one as the shortest of the others'."""
        own = [sample.wall_s for sample in self._samples[name]]
        others = [sample.wall_s for samples in self._samples.values() for sample in samples]
        return max(own) if own else min(others, default=0.0)

    @property
    def without_result(self) -> dict[str, str]:
        """Why, by name: those that failed, and those that there was no time for."""
        waiting = [name for name, samples in self._samples.items() if not samples]
        return dict.fromkeys(waiting, "there was no time for it") | self.failed

    @property
    def standings(self) -> list[Standing]:
        """Of those that ran to their end."""
        return [
            Standing(
                name, len(self._judges[name].ids), tuple(samples), self._found[name][-1],
                len({answer.sha256 for answer in self._found[name]}) == 1,
            )
            for name, samples in self._samples.items()
            if samples
        ]  # fmt: skip


def compete(
    asked: Mapping[str, Task],
    judges: Mapping[str, Judge],
    rounds: int,
    cache: Path,
    until: float = math.inf,
    keep: Callable[[Contest], object] = lambda contest: None,
) -> Contest:
    """All contenders in turn, round after round; each has a judge, and ``keep`` is told after every
    run.
    """
    contest = Contest(asked, judges, cache)
    for number in range(1, rounds + 1):
        for name in asked:
            contest.run(name, number, until)
            if contest.standings:
                keep(contest)
    return contest


def digests(asked: Mapping[str, Task]) -> dict[str, str]:
    """sha256 of the model that each ran; of OpenVINO's own format, of both its files."""
    found = {}
    for name, task in asked.items():
        parts = [task.model, *task.model.parent.glob(f"{task.model.stem}.bin")]
        content = b"".join(path.read_bytes() for path in parts)
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def participants(only: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Those that can take part, in the order of the roster, and why others cannot."""
    chosen = [name for name in CONTENDERS if name in only]
    skipped = {name: why for name in chosen if (why := CONTENDERS[name].missing)}
    for name, why in skipped.items():
        say(f"{name} takes no part: it {why}")
    able = [name for name in chosen if name not in skipped]
    if not able:
        raise click.UsageError("none of these can run here")
    return able, skipped


def given(
    checkpoint: Path | None, images: Path | None, labels: Path | None, calibrate: Path | None
) -> Material | None:
    """What was given, or None where nothing was."""
    if checkpoint and images and labels and calibrate:
        return Material(checkpoint, images, labels, calibrate)
    if checkpoint or images or labels or calibrate:
        raise click.UsageError(
            "CHECKPOINT, --images, --labels and --calibrate go together; without all of them, "
            "tiles are drawn and a network is trained"
        )
    return None


@contextlib.contextmanager
def _workplace(kept: Path | None) -> Iterator[tuple[Path, Path]]:
    """A temporary folder, and the one for models: the one given or another temporary one."""
    with tempfile.TemporaryDirectory() as name:
        models = kept or Path(name) / "models"
        models.mkdir(parents=True, exist_ok=True)
        yield Path(name), models


@click.command()
@click.argument("checkpoint", type=_PATH, required=False)
@click.option("--images", type=_FOLDER, help="Folder of PNG tiles.")
@click.option("--labels", type=_PATH, help="Masks of all of them or of some.")
@click.option("--calibrate", type=_PATH, help="Other tiles, to measure int8's ranges on.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--only", multiple=True, type=click.Choice(list(CONTENDERS)), metavar="NAME",
    help=f"Who takes part; may be given several times. {', '.join(CONTENDERS)}.",
)  # fmt: skip
@click.option("--tiles", type=click.IntRange(1), help="At most so many, evenly from among all.")
@click.option("--batch-size", type=click.IntRange(1), default=32, show_default=True)
@click.option(
    "--models", type=click.Path(path_type=Path, file_okay=False),
    help="Keep the exported files in this folder, and take those that are there: give each "
    "checkpoint a folder of its own.",
)  # fmt: skip
@click.option(
    "--study", "with_study", is_flag=True,
    help="Also the case study's own network, the notebook's way and by salt-infer.",
)  # fmt: skip
@click.option(
    "--study-checkpoint", type=_PATH,
    help="Its weights, and --study. Without, they are those before training: it has a speed and no "
    "score.",
)  # fmt: skip
@click.option("--short", is_flag=True, help="A few contenders and few tiles.")
@click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True,
    help="Who takes part if not told by --only: those of the processor, or those of a GPU.",
)  # fmt: skip
@click.option("--seconds", type=float, default=math.inf, help="Start no run that would end later.")
def main(
    checkpoint: Path | None, images: Path | None, labels: Path | None, calibrate: Path | None,
    rounds: int, only: tuple[str, ...], tiles: int | None, batch_size: int,
    models: Path | None, with_study: bool, study_checkpoint: Path | None, short: bool,
    device: str, seconds: float,
) -> None:  # fmt: skip
    """Compare ways from PNGs to a submission: speed, memory, score."""
    until = time.monotonic() + seconds
    material = given(checkpoint, images, labels, calibrate)
    if study_checkpoint:
        study.check(study_checkpoint)
    wanted = _wanted(only, device, short, with_study or study_checkpoint is not None)
    names, skipped = participants(wanted)
    with _workplace(models) as (folder, kept):
        material = material or _drawn(tiles, short, folder)
        shown = material.some(tiles, folder / "some") if tiles else material
        making = Making(material, shown, kept, batch_size, common.place(device), say)
        networks = making.networks(names, study_checkpoint)
        asked = _asked(names, networks, shown.images, batch_size, folder)
        told = Setting(
            _name(device, short, networks.studys is not None), len(shown.ids()),
            len(shown.labelled()), networks, batch_size, available_cpus(), digests(asked),
            skipped, device,
        )  # fmt: skip
        contest = compete(
            asked, {name: networks.of(name).judge for name in names}, rounds,
            folder / "inductor", until,
            lambda contest: results.save(contest.standings, contest.without_result, told),
        )  # fmt: skip
    if not contest.standings:
        raise click.ClickException("; ".join(contest.failed.values()) or "there was no time")
    chart.draw(contest.standings, record.RESULTS / f"{told.name}.png")
    click.echo("\n".join(results.save(contest.standings, contest.without_result, told)))
    if contest.failed:
        raise click.ClickException(f"{', '.join(contest.failed)} failed, see above")


def _wanted(only: Sequence[str], device: str, short: bool, with_study: bool) -> tuple[str, ...]:
    """Names of those who are to take part."""
    studys = (name for name, each in CONTENDERS.items() if each.of_study and each.device == device)
    return (*(only or _usual(device, short)), *(studys if with_study else ()))


def _usual(device: str, short: bool) -> tuple[str, ...]:
    on_it = tuple(
        name for name, each in CONTENDERS.items() if each.device == device and not each.of_study
    )
    return SHORT if short and device == "cpu" else on_it


def _drawn(tiles: int | None, short: bool, folder: Path) -> Material:
    say("drawing tiles and training a network for a moment")
    return drawn(tiles or (DRAWN_SHORT if short else DRAWN), folder / "drawn")


def _asked(
    names: Sequence[str], networks: Networks, images: Path, batch_size: int, folder: Path
) -> dict[str, Task]:
    asked: dict[str, Task] = {}
    for name in names:
        network = networks.of(name)
        asked |= tasks([name], network.files, images, network.decision, batch_size, folder)
    return asked


def _name(device: str, short: bool, with_study: bool) -> str:
    what = "peers-gpu" if device == "cuda" else "peers-short" if short else "peers"
    return f"{what}-study" if with_study else what


if __name__ == "__main__":
    main()
