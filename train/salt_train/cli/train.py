"""``salt-train``: labelled tiles to checkpoints."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from salt_infer.cli import console, strict_options
from salt_infer.data import dataset
from salt_infer.data.layout import DatasetLayout
from salt_infer.errors import UsageError
from salt_infer.system import resource_limits
from salt_infer.system.location import real
from salt_train.cli.check_options import AskedCheck, check_options, tell_unused
from salt_train.cli.other_programs import OF_OTHERS
from salt_train.cli.pseudo_options import AskedPseudo, pseudo_options
from salt_train.cli.settings_options import AskedSettings, is_given, settings_options
from salt_train.compute import openmp
from salt_train.data import folds, split_table
from salt_train.data.split_table import SplitTable
from salt_train.errors import ConfigError, NoCheckpointError
from salt_train.settings import recipes, settings_file
from salt_train.settings.config import FOLD, SHIPPED, TrainConfig
from salt_train.settings.overrides import difference, listed
from salt_train.settings.schedule import small_set, steps_of

if TYPE_CHECKING:
    from salt_train.compute.distributed import World
    from salt_train.job.job import Job

_COMPILE = ("default", "reduce-overhead")  # modes of torch.compile; the first where none is named


@click.command(
    "salt-train", cls=strict_options.Command, elsewhere=OF_OTHERS,
    epilog="Exit codes: 0 done; 1 failed; 2 bad usage; 130 interrupted.",
)  # fmt: skip
@click.option(
    "--data", type=console.PATH, metavar="PATH",
    help="Folder or zip with images/ and masks/, or images/ and a train.csv beside it.",
)  # fmt: skip
@click.option(
    "--missing-as-empty", is_flag=True,
    help="A tile without a label has no salt; default: it is an error.",
)  # fmt: skip
@click.option(
    "--split", "table", type=console.PATH, metavar="FILE.csv",
    help="Which tile is in which fold, id,fold, such as a run's split.csv; tiles of an empty fold "
    "take no part; default: dealt by --folds and --split-seed.",
)  # fmt: skip
@click.option("--out", type=console.PATH, metavar="DIR", help="Folder for checkpoints and metrics.")
@settings_options
@pseudo_options
@click.option("--device", default="cpu", show_default=True, help="torch device: cpu, cuda, cuda:0.")
@click.option(
    "--threads",
    type=click.IntRange(1),
    metavar="N",
    help="CPU threads; default: torch's choice, and at --resume the run's own.",
)
@click.option(
    "--validate-every", type=click.IntRange(1), default=1, show_default=True, metavar="N",
    help="Epochs between validations.",
)  # fmt: skip
@click.option(
    "--save-every", type=console.Number(0.0), default=60.0, show_default=True, metavar="SECONDS",
    help="Time between checkpoints, at ends of epochs: a killed run loses at most this and one "
    "epoch.",
)  # fmt: skip
@click.option(
    "--compile", "compiled", type=click.Choice(_COMPILE), is_flag=False, flag_value=_COMPILE[0],
    metavar="[MODE]",
    help="Let torch.compile make the steps: a slow start, then quicker; worth it on a GPU, where "
    "--compile=reduce-overhead has it launch them as CUDA graphs.",
)  # fmt: skip
@click.option(
    "--resume", is_flag=True,
    help="Go on with the run in --out, with its settings; if there is none, begin it.",
)  # fmt: skip
@console.progress_option
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show settings and learning rates, with --data those of that many tiles, and stop.",
)
@check_options
@click.version_option(package_name="salt-toolkit")
@click.pass_context
def cli(
    context: click.Context, /, data: Path | None, missing_as_empty: bool, table: Path | None,
    out: Path | None,
    asked: AskedSettings, pseudo: AskedPseudo, device: str, threads: int | None,
    validate_every: int, save_every: float, compiled: str | None, resume: bool,
    progress: bool | None, dry_run: bool, check: AskedCheck,
) -> None:  # fmt: skip
    """Train a network on labelled 101x101 tiles and write checkpoints to --out."""
    if check.wanted and dry_run:
        raise click.UsageError(
            "--check-data and --dry-run each stop before anything is trained; give one of them."
        )
    if check.wanted:
        tell_unused(context)
        console.require(context, "data")
        assert data is not None
        context.exit(check.examine(data, missing_as_empty))
    split = split_table.read(table) if table else None
    if split:
        asked = asked.dealt(split.folds)
    config, every_fold = _config(asked, pseudo, out if resume else None)
    if config.fold is None and is_given(context, "validate_every"):
        raise click.UsageError("--fold none holds nothing out: leave --validate-every out.")
    if compiled and device.startswith("cpu"):
        _check_compiler(config, compiled)
    if dry_run:
        click.echo(_shown(config, data, split))
        return
    console.require(context, "data", "out")
    assert data is not None
    assert out is not None
    _check_ready(data, out)
    if not resume:
        _check_start(config.init_weights)
    with console.importing("train"):
        import matplotlib  # noqa: F401  (used after an epoch, which would be lost)
        import torch  # noqa: F401  (by what is called below)

        from salt_train.job.job import Job
        from salt_train.training.run_options import RunOptions

    labelled = pseudo.files(config.pseudo_fraction)
    if resume and not threads:
        threads = settings_file.threads(out)
    world = _joined(device, threads)
    wanted = Job(
        data=data,
        config=config,
        options=RunOptions(
            out, device, progress, validate_every, world, save_every, compiled or "", threads
        ),
        every_fold=every_fold,
        resume=resume,
        pseudo=labelled,
        missing_as_empty=missing_as_empty,
        split=split,
        say=click.echo,
    )
    _run(wanted, world)


def _joined(device: str, threads: int | None) -> World:
    """The processes that train together, with so many CPU threads for this one."""
    import torch

    from salt_train.compute.distributed import World

    if threads:
        torch.set_num_threads(threads)
    return World.join(device)


def _run(wanted: Job, world: World) -> None:
    from salt_train.job import job

    try:
        with world.together():
            result = job.run(wanted)
    finally:
        world.leave()
    if world.first:
        click.echo(result)


def _config(
    asked: AskedSettings, pseudo: AskedPseudo, resumed: Path | None
) -> tuple[TrainConfig, bool]:
    """What is to be trained, and whether in each fold in turn: as asked for, or with what was asked
    for in the settings of the run in the folder ``resumed``.
    """
    begun = settings_file.begun(resumed) if resumed else None
    if resumed is None or begun is None or "recipe" in asked.given:
        return asked.config(pseudo.fraction, begun=begun and begun[0]), asked.every_fold
    run, every_fold = _with_labels(begun[0], resumed, pseudo), begun[1]
    if "fold" in asked.given:
        every_fold = asked.every_fold
    with contextlib.suppress(ConfigError):  # all options may have been repeated
        if not difference(run, asked.config(run.pseudo_fraction, begun=run)):
            return run, every_fold
    return asked.config(run.pseudo_fraction, run), every_fold


def _with_labels(config: TrainConfig, out: Path, pseudo: AskedPseudo) -> TrainConfig:
    """Settings of the run that is in a folder, with the share of its pseudo-labels that was asked
    for, or its own.
    """
    if config.pseudo_fraction and not pseudo.fraction:
        raise click.UsageError(
            f"the run in {out} learns pseudo-labels: name them again, by --pseudo-labels and "
            "--pseudo-images."
        )
    if pseudo.given_fraction is not None or not config.pseudo_fraction:
        return dataclasses.replace(config, pseudo_fraction=pseudo.fraction)
    return config


def _check_ready(data: Path, out: Path) -> None:
    """What is missing or in the way is said before torch is imported, which takes a while."""
    openmp.spin_briefly()
    _check_apart(out, dataset.find(data))
    resource_limits.check_temporary()  # torch asks for it when it is imported


def _check_start(start: str) -> None:
    """Weights to start from have to be there; those of each fold are looked for later."""
    if start not in ("", SHIPPED) and FOLD not in start and not Path(start).exists():
        raise NoCheckpointError(
            f"{start} does not exist; --init-weights takes a checkpoint, or {SHIPPED} for the "
            "network that ships"
        )


def _check_compiler(config: TrainConfig, mode: str) -> None:
    """On a CPU torch.compile makes its kernels in C++, and tells of no compiler after a minute. It
    takes all of CXX for a name, options and all.
    """
    if mode != _COMPILE[0]:
        raise click.UsageError(f"--compile={mode} is for GPUs: give --compile alone on a CPU.")
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler) is None:
        raise click.UsageError(
            f"--compile needs a C++ compiler on a CPU, and {compiler!r} is not there: install it, "
            "name another by the variable CXX, without options, or leave --compile out."
        )
    if config.precision == "bf16" and not config.model.is_resnet:  # seen with torch 2.13
        raise click.UsageError(
            f"--compile makes gradients of {config.model.encoder} in bf16 that are no numbers, on "
            "a CPU: leave --compile out, or give --precision fp32."
        )


def _check_apart(out: Path, place: DatasetLayout) -> None:
    """A run draws its curves, and every picture below a data set's folders is taken for a tile."""
    for folder in filter(None, (place.images, place.masks, place.unknown)):
        if real(out).is_relative_to(real(folder)):
            raise UsageError(
                f"{out} is inside {folder}, where every picture is taken for one of the data set; "
                "give --out a folder of its own"
            )


def _shown(config: TrainConfig, data: Path | None, split: SplitTable | None) -> str:
    tiles = _to_train_on(config, data, split) if data else 0
    picture = recipes.picture(config, steps_of(tiles, config.batch_size) if data else 0)
    more = (
        ["pseudo-labels make an epoch longer, by how much is not told here"]
        if config.pseudo_fraction
        else small_set(config, tiles)
    )
    return "\n".join([*listed(config), "", picture, *more])


def _to_train_on(config: TrainConfig, data: Path, split: SplitTable | None) -> int:
    """How many tiles; nothing is read but their names."""
    with dataset.find(data).open("images") as source:
        ids = [tile.id for tile in source.tiles]
    if split:
        return sum(fold != config.fold for fold in split.dealt(ids).values())
    return len(ids) - folds.size(len(ids), config.fold, config.folds)
