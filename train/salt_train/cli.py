"""``salt-train``: labelled tiles to checkpoints."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from pathlib import Path
from typing import Any, get_args

import click
from click.core import ParameterSource

from salt_infer.cli import console, strict_options
from salt_infer.data import dataset
from salt_infer.data.dataset import DatasetLayout
from salt_infer.errors import UsageError
from salt_infer.system import denied
from salt_infer.system.files import real
from salt_train import data_checks, folds, recipes, settings_file, shipped, waiting
from salt_train.config import NONE, PrecisionName, TrainConfig
from salt_train.errors import ConfigError
from salt_train.overrides import listed, override
from salt_train.scaling import scaled
from salt_train.schedule import steps_of

_FRACTION = 0.7  # of labels; probabilities say themselves what they are not sure of
_COUNT = click.IntRange(1)
_PATH = console.PATH
_DEALING = ("folds", "split_seed")
# Options that stand for a setting of the same name; what is not given stays the recipe's.
_SETTINGS = (
    "folds",
    "split_seed",
    "batch_size",
    "precision",
    "seed",
    "encoder_weights",
    "init_weights",
)
# What a run trains: without one of these, --resume goes on with those that the run was begun with.
_DECIDING = ("recipe", "assignments", "epochs", "fold", "scale_batch", *_SETTINGS)


def _list_recipes(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo("\n\n".join(recipes.describe(recipe) for recipe in recipes.RECIPES.values()))
        context.exit()


@click.command(
    "salt-train", cls=strict_options.Command,
    epilog="Exit codes: 0 done; 1 failed; 2 bad usage; 130 interrupted.",
)  # fmt: skip
@click.option(
    "--data", type=_PATH, metavar="PATH",
    help="Folder or zip with images/ and masks/, or images/ and a train.csv beside it.",
)  # fmt: skip
@click.option(
    "--missing-as-empty", is_flag=True,
    help="A tile without a label has no salt; default: it is an error.",
)  # fmt: skip
@click.option("--out", type=_PATH, metavar="DIR", help="Folder for checkpoints and metrics.")
@click.option(
    "--recipe", type=click.Choice(list(recipes.RECIPES)), default=recipes.DEFAULT,
    show_default=True, metavar="NAME", help="Network, stages and augmentation; --list-recipes.",
)  # fmt: skip
@click.option(
    "--list-recipes", is_flag=True, is_eager=True, expose_value=False, callback=_list_recipes,
    help="Show all recipes with their stages and stop.",
)  # fmt: skip
@click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE",
    help="Change a setting of the recipe, such as ema_decay=0.999 or stages.1.learning_rate=3e-4; "
    "--dry-run shows them all.",
)  # fmt: skip
@click.option("--epochs", type=_COUNT, metavar="N", help="Stretch or shorten all stages to this.")
@click.option(
    "--fold", default="0", show_default=True, metavar="N|all|none",
    help="Fold that is held out for validation; all trains each in turn, none one network on every "
    "tile, which leaves none to validate on.",
)  # fmt: skip
@click.option("--folds", type=int, metavar="N", help="Number of folds, stratified by coverage.")
@click.option("--split-seed", type=int, metavar="N", help="Seed that deals tiles to the folds.")
@click.option("--batch-size", "-b", type=int, metavar="N", help="Tiles a step, all processes.")
@click.option(
    "--scale-batch", type=click.IntRange(2), metavar="N",
    help="As --batch-size, and learning rates, warm-up and averaging are scaled to suit it.",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice(get_args(PrecisionName)),
    help="Arithmetic of the forward pass; weights and losses stay fp32.",
)  # fmt: skip
@click.option("--seed", type=int, metavar="N", help="Seed of first weights, order, augmentation.")
@click.option(
    "--encoder-weights", metavar="FILE|imagenet|none",
    help="Start the encoder from a published file, a ResNet's (width 64) or an EfficientNet-"
    "Lite's; imagenet: that of the installed package or of torchvision; none: from random weights. "
    "Default: as the recipe says.",
)  # fmt: skip
@click.option(
    "--init-weights", metavar="FILE.pth|default",
    help="Start from the weights of a checkpoint of the same network, split and fold ({fold} in "
    "the name stands for the fold), or from the shipped network, whatever the recipe's is.",
)  # fmt: skip
@click.option(
    "--pseudo-labels", type=_PATH, metavar="FILE.csv",
    help="Train on these labels too: a submission by salt-infer --details, its report beside it "
    "as FILE.json; {fold} in the name stands for the fold.",
)  # fmt: skip
@click.option(
    "--pseudo-images", type=_PATH, metavar="PATH", help="The tiles of --pseudo-labels: dir or zip.",
)  # fmt: skip
@click.option(
    "--pseudo-fraction", type=click.FloatRange(0.0, 1.0, min_open=True), metavar="F",
    help="Share of each coverage class to use, surest first; default 0.7, of probabilities all.",
)  # fmt: skip
@click.option(
    "--pseudo-probabilities", type=_PATH, metavar="FILE.npz",
    help="Learn these instead of --pseudo-labels, to distil a better model or several into one: by "
    "--probabilities of the same salt-infer, with --gate 0.",
)  # fmt: skip
@click.option("--device", default="cpu", show_default=True, help="torch device: cpu, cuda, cuda:0.")
@click.option("--threads", type=_COUNT, metavar="N", help="CPU threads; default: torch's choice.")
@click.option(
    "--validate-every", type=_COUNT, default=1, show_default=True, metavar="N",
    help="Epochs between validations.",
)  # fmt: skip
@click.option(
    "--save-every", type=click.FloatRange(0.0), default=60.0, show_default=True, metavar="SECONDS",
    help="Time between checkpoints, at ends of epochs: what a killed run loses, and an epoch.",
)  # fmt: skip
@click.option(
    "--compile", "compiled", is_flag=True,
    help="Let torch.compile make the steps: a slow start, then quicker; worth it on a GPU.",
)  # fmt: skip
@click.option(
    "--resume", is_flag=True,
    help="Go on with the run in --out, with its settings if none are given; if there is none, "
    "begin it.",
)  # fmt: skip
@console.progress_option
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show settings and learning rates, with --data those of that many tiles, and stop.",
)
@click.option("--check-data", is_flag=True, help="Examine --data and stop; exit 1 if it is faulty.")
@click.version_option(package_name="salt-toolkit")
@click.pass_context
def cli(
    context: click.Context, /, data: Path | None, missing_as_empty: bool, out: Path | None,
    fold: str, device: str, threads: int | None, validate_every: int, save_every: float,
    compiled: bool, resume: bool,
    progress: bool | None, dry_run: bool, check_data: bool, pseudo_labels: Path | None,
    pseudo_images: Path | None, pseudo_fraction: float | None,
    pseudo_probabilities: Path | None, **request: Any,
) -> None:  # fmt: skip
    """Train a network on labelled 101x101 tiles and write checkpoints to --out."""
    if check_data and dry_run:
        raise click.UsageError(
            "--check-data and --dry-run each stop before anything is trained; give one of them."
        )
    if check_data:
        console.require(context, "data")
        assert data is not None
        context.exit(_check(data, missing_as_empty))
    share = _share(pseudo_labels, pseudo_images, pseudo_probabilities, pseudo_fraction)
    config, every_fold = _config(fold, share, **request), fold == "all"
    if resume and out and not any(_is_given(context, name) for name in _DECIDING):
        kept = _kept(out, share, is_own=pseudo_fraction is not None)
        config, every_fold = kept or (config, every_fold)
    if dry_run:
        click.echo(_shown(config, data))
        return
    if config.fold is None and _is_given(context, "validate_every"):
        raise click.UsageError("--fold none holds nothing out: leave --validate-every out.")
    if compiled and device.startswith("cpu"):
        _check_compiler(config)
    console.require(context, "data", "out")
    assert data is not None
    assert out is not None
    _check_ready(data, out)
    with console.importing("train"):
        import matplotlib  # noqa: F401  (used after an epoch, which would be lost)
        import tensorboard  # noqa: F401
        import torch

        from salt_train import job
        from salt_train.distributed import World
        from salt_train.job import Job
        from salt_train.pseudo import Pseudo
        from salt_train.trainer import RunOptions

    pseudo = None
    if pseudo_labels and pseudo_images:
        fraction = config.pseudo_fraction
        pseudo = Pseudo(pseudo_labels, pseudo_images, fraction, pseudo_probabilities)
    if threads:
        torch.set_num_threads(threads)
    world = World.join(device)
    asked = Job(
        data=data,
        config=config,
        options=RunOptions(out, device, progress, validate_every, world, save_every, compiled),
        every_fold=every_fold,
        resume=resume,
        pseudo=pseudo,
        missing_as_empty=missing_as_empty,
        say=click.echo,
    )
    try:
        with world.together():
            result = job.run(asked)
    finally:
        world.leave()
    if world.first:
        click.echo(result)


def _check_ready(data: Path, out: Path) -> None:
    """What is missing or in the way is said before torch is imported, which takes a while."""
    waiting.briefly()
    _check_apart(out, dataset.find(data))
    denied.check_temporary()  # torch asks for it when it is imported


def _kept(out: Path, share: float, is_own: bool) -> tuple[TrainConfig, bool] | None:
    """Settings of the run that is in a folder, and whether it is one of all folds; None where there
    is none.

    Args:
        out: the folder.
        share: of pseudo-labels, that this call names; 0 if it names none.
        is_own: whether that was said; else it is the run's.
    """
    begun = settings_file.begun(out)
    if begun is None:
        return None
    config, every_fold = begun
    if config.pseudo_fraction and not share:
        raise click.UsageError(
            f"the run in {out} learns pseudo-labels: name them again, by --pseudo-labels and "
            "--pseudo-images."
        )
    if is_own or not config.pseudo_fraction:
        config = dataclasses.replace(config, pseudo_fraction=share)
    return config, every_fold


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is not ParameterSource.DEFAULT


def _check_compiler(config: TrainConfig) -> None:
    """On a CPU torch.compile makes its kernels in C++, and tells of no compiler after a minute. It
    takes all of CXX for a name, options and all.
    """
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
    for folder in filter(None, (place.images, place.masks)):
        if real(out).is_relative_to(real(folder)):
            raise UsageError(
                f"{out} is inside {folder}, where every picture is taken for one of the data set; "
                "give --out a folder of its own"
            )


def _check(data: Path, missing_as_empty: bool) -> int:
    report = data_checks.check(data, missing_as_empty)
    click.echo(report.to_text())
    return 0 if report.ok else 1


def _config(
    fold: str,
    pseudo_share: float,
    recipe: str,
    assignments: tuple[str, ...],
    epochs: int | None,
    scale_batch: int | None,
    **settings: Any,
) -> TrainConfig:
    """The recipe with what was asked for; ``--set`` comes last."""
    if fold not in ("all", NONE) and not (fold.isascii() and fold.isdecimal()):
        raise ConfigError(f"fold is {fold!r}, expected a number, all or none")
    if fold == NONE and (dealing := [name for name in _DEALING if settings[name] is not None]):
        options = " and ".join(f"--{name.replace('_', '-')}" for name in dealing)
        raise click.UsageError(f"--fold none deals no folds: leave {options} out.")
    config = recipes.RECIPES[recipe].config
    if epochs:
        config = recipes.rescaled(config, epochs)
    if settings["init_weights"] == shipped.NAME:
        network = shipped.read().members[0].network
        config = dataclasses.replace(config, model=network, encoder_weights="")
    if scale_batch:
        if settings["batch_size"]:
            raise click.UsageError("--batch-size and --scale-batch both set the batch size.")
        config = scaled(config, scale_batch)
    given = {name: settings[name] for name in _SETTINGS if settings[name] is not None}
    # All weights from one place, whatever the recipe's encoder has.
    if given.get("encoder_weights", "none" if "init_weights" in given else "") == "none":
        given["encoder_weights"] = ""
    if fold == NONE:
        given |= {"fold": None, "folds": 1}
    else:
        given |= {"fold": 0 if fold == "all" else int(fold)}
    given |= {"pseudo_fraction": pseudo_share} if pseudo_share else {}
    return override(config, assignments, given)


def _shown(config: TrainConfig, data: Path | None) -> str:
    steps = _steps(config, data) if data else 0
    return "\n".join([*listed(config), "", recipes.picture(config, steps)])


def _steps(config: TrainConfig, data: Path) -> int:
    """An epoch's; nothing is read but the names of the tiles."""
    with dataset.find(data).open("images") as source:
        tiles = len(source.tiles)
    return steps_of(tiles - folds.size(tiles, config.fold, config.folds), config.batch_size)


def _share(
    labels: Path | None, images: Path | None, soft: Path | None, fraction: float | None
) -> float:
    """Of the pseudo-labels, that are to be used; 0 where there are none."""
    if (labels is None) != (images is None):
        raise click.UsageError("--pseudo-labels and --pseudo-images go together.")
    if labels is None:
        for name, value in (("fraction", fraction), ("probabilities", soft)):
            if value is not None:
                raise click.UsageError(f"--pseudo-{name} is of --pseudo-labels; give these too.")
        return 0.0
    return (1.0 if soft else _FRACTION) if fraction is None else fraction
