"""The headline: ``python benchmarks/peers.py CKPT --images DIR --labels DIR --calibrate PATH``.

The same weights on the same PNGs with flip TTA, threshold and gate, from files on disk to a
finished CSV: the case study's notebook, PyTorch, ONNX Runtime, OpenVINO and ``salt-infer``. Each
run is a process of its own, and all take turns in every round. Without a checkpoint: synthetic
tiles, and a network trained for a moment. Score and agreement with torch in float32 stand beside
the speed; rates are without start-up, which would flatter ``salt-infer``: it imports no torch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
import ratios
import record
from comparison import answers, chart, standings
from comparison.answers import Answer, Reference
from comparison.material import BENCHMARKS, CHECKPOINT, Files, Material, drawn
from comparison.process import CommandError, run
from comparison.roster import CONTENDERS, SHORT
from comparison.standings import Sample, Standing
from contenders.common import Task

from salt_infer.machine import available_cpus
from salt_train import checkpoint as checkpoints
from salt_train.evaluate import Decision

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


def measure(name: str, task: Task, cache: Path) -> Sample:
    """One run."""
    contender = CONTENDERS[name]
    environment = os.environ | {
        "OMP_NUM_THREADS": str(task.threads), "TORCHINDUCTOR_CACHE_DIR": str(cache),
    }  # fmt: skip
    try:
        ran = run(contender.command(task), BENCHMARKS, environment)
    except CommandError as error:
        raise click.ClickException(str(error)) from error
    return Sample(ran.wall_s, contender.run_s(task, ran.stdout), ran.peak_rss_mb)


def compete(
    asked: Mapping[str, Task], reference: Reference, rounds: int, cache: Path
) -> list[Standing]:
    """All contenders in turn, round after round."""
    samples: dict[str, list[Sample]] = {name: [] for name in asked}
    found: dict[str, list[Answer]] = {name: [] for name in asked}
    for number in range(1, rounds + 1):
        for name, task in asked.items():
            samples[name].append(measure(name, task, cache))
            found[name].append(reference.judge(task.out))
            rate = len(reference.ids) / samples[name][-1].run_s
            say(f"round {number}: {name}: {rate:.1f} tiles/s, score {found[name][-1].score:.4f}")
    return [
        Standing(
            name, len(reference.ids), tuple(samples[name]), found[name][-1],
            len({answer.sha256 for answer in found[name]}) == 1,
        )
        for name in asked
    ]  # fmt: skip


def digests(asked: Mapping[str, Task]) -> dict[str, str]:
    """sha256 of the model that each ran; of OpenVINO's own format, of both its files."""
    found = {}
    for name, task in asked.items():
        parts = [task.model, *task.model.parent.glob(f"{task.model.stem}.bin")]
        content = b"".join(path.read_bytes() for path in parts)
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def save(
    ranking: Sequence[Standing],
    reference: Reference,
    settings: Mapping[str, float],
    models: Mapping[str, str],
    skipped: Mapping[str, str],
    short: bool,
) -> list[str]:
    """Write ``results/peers.json``, or ``peers-short.json``, and ``.png``; returns the lines to
    show.
    """
    verdicts = standings.verdicts(ranking)
    table = standings.table(ranking)
    result = {
        "tiles": len(reference.ids),
        "labelled": len(reference.labelled),
        "settings": dict(settings),
        "reference_score": reference.score,
        "table": table,
        "ratios": ratios.to_json(standings.to_check(ranking)),
        "targets": [dataclasses.asdict(each) | {"holds": each.holds} for each in verdicts],
        "skipped": dict(skipped),
        "contenders": {
            each.name: {
                "title": CONTENDERS[each.name].title,
                "model_sha256": models[each.name],
                "samples": [dataclasses.asdict(sample) for sample in each.samples],
                "tiles_per_s": each.rates,
                "steady": each.steady,
                **answers.to_json(each.answer),
            }
            for each in ranking
        },
    }
    path = record.save("peers-short" if short else "peers", result)
    chart.draw(ranking, path.with_suffix(".png"))
    return [
        f"{len(reference.ids)} tiles, {len(reference.labelled)} of them labelled; torch in float32 "
        f"scores {reference.score:.4f}; {settings['threads']} threads, batches of "
        f"{settings['batch_size']}, threshold {settings['threshold']:.3g}, gate "
        f"{settings['gate']:.3g}",
        *table,
        *(each.line() for each in verdicts),
    ]


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
@click.option("--short", is_flag=True, help="A few contenders and few tiles.")
def main(
    checkpoint: Path | None, images: Path | None, labels: Path | None, calibrate: Path | None,
    rounds: int, only: tuple[str, ...], tiles: int | None, batch_size: int,
    models: Path | None, short: bool,
) -> None:  # fmt: skip
    """Compare ways from PNGs to a submission: speed, memory, score."""
    material = given(checkpoint, images, labels, calibrate)
    names, skipped = participants(only or (SHORT if short else tuple(CONTENDERS)))
    with _workplace(models) as (folder, kept):
        if material is None:
            say("drawing tiles and training a network for a moment")
            count = DRAWN_SHORT if short else DRAWN
            material = drawn(tiles or count, folder / "drawn")
        files = Files(material, kept, say)
        decision = _decision(files[CHECKPOINT])
        shown = material.some(tiles, folder / "some") if tiles else material
        reference = answers.reference(shown, decision, batch_size)
        asked = tasks(names, files, shown.images, decision, batch_size, folder)
        ranking = compete(asked, reference, rounds, folder / "inductor")
        models_run = digests(asked)
    settings = dataclasses.asdict(decision) | {
        "batch_size": batch_size,
        "threads": available_cpus(),
    }
    lines = save(ranking, reference, settings, models_run, skipped, short)
    click.echo("\n".join(lines))


def _decision(checkpoint: Path) -> Decision:
    loaded = checkpoints.load(checkpoint)
    if not loaded.config.model.judge:
        raise click.UsageError(
            f"{checkpoint} has no judge, so there is no gated file of it; expected a recipe with "
            "one, such as cpu"
        )
    return loaded.decision


if __name__ == "__main__":
    main()
