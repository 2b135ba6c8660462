"""``salt-train``: labelled tiles to checkpoints."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_args

import click

from salt_infer import console, layout, strict
from salt_train import checks, folds, recipes
from salt_train.config import PrecisionName, TrainConfig
from salt_train.errors import ConfigError
from salt_train.schedule import steps_of
from salt_train.settings import listed, override

_FRACTION = 0.7
_COUNT = click.IntRange(1)
_PATH = click.Path(path_type=Path)
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


def _list_recipes(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo("\n\n".join(recipes.describe(recipe) for recipe in recipes.RECIPES.values()))
        context.exit()


@click.command(
    "salt-train", cls=strict.Command,
    epilog="Exit codes: 0 done; 1 failed; 2 bad usage; 130 interrupted.",
)  # fmt: skip
@click.option(
    "--data", type=_PATH, metavar="PATH",
    help="Folder or zip with images/ and masks/, or images/ and a train.csv beside it.",
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
    help="Change a setting of the recipe, such as model.width=16 or stages.1.learning_rate=3e-4; "
    "--dry-run shows them all.",
)  # fmt: skip
@click.option("--epochs", type=_COUNT, metavar="N", help="Stretch or shorten all stages to this.")
@click.option(
    "--fold", default="0", show_default=True, metavar="N|all",
    help="Fold that is held out for validation; all trains each in turn.",
)  # fmt: skip
@click.option("--folds", type=int, metavar="N", help="Number of folds, stratified by coverage.")
@click.option("--split-seed", type=int, metavar="N", help="Seed that deals tiles to the folds.")
@click.option("--batch-size", "-b", type=int, metavar="N", help="Tiles a step, all processes.")
@click.option(
    "--precision", type=click.Choice(get_args(PrecisionName)),
    help="Arithmetic of the forward pass; weights and losses stay fp32.",
)  # fmt: skip
@click.option("--seed", type=int, metavar="N", help="Seed of first weights, order, augmentation.")
@click.option(
    "--encoder-weights", metavar="FILE|imagenet",
    help="Start the encoder from a torchvision-format ResNet file (width 64), or download it.",
)  # fmt: skip
@click.option(
    "--init-weights", metavar="FILE.pth",
    help="Start from the weights of a checkpoint of the same network, split and fold; {fold} in "
    "the name stands for the fold.",
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
    help="Share of each coverage class to use, surest first; default 0.7.",
)  # fmt: skip
@click.option("--device", default="cpu", show_default=True, help="torch device: cpu, cuda, cuda:0.")
@click.option("--threads", type=_COUNT, metavar="N", help="CPU threads; default: torch's choice.")
@click.option(
    "--validate-every", type=_COUNT, default=1, show_default=True, metavar="N",
    help="Epochs between validations.",
)  # fmt: skip
@click.option(
    "--resume", is_flag=True, help="Go on with the run in --out; if there is none, begin it."
)
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
    context: click.Context, /, data: Path | None, out: Path | None, fold: str, device: str,
    threads: int | None, validate_every: int, resume: bool, progress: bool | None, dry_run: bool,
    check_data: bool, pseudo_labels: Path | None, pseudo_images: Path | None,
    pseudo_fraction: float | None, **request: Any,
) -> None:  # fmt: skip
    """Train a network on labelled 101x101 tiles and write checkpoints to --out."""
    if check_data:
        console.require(context, "data")
        assert data is not None
        context.exit(_check(data))
    share = _share(pseudo_labels, pseudo_images, pseudo_fraction)
    config = _config(fold, share, **request)
    if dry_run:
        click.echo(_shown(config, data))
        return
    console.require(context, "data", "out")
    assert data is not None
    assert out is not None
    layout.find(data)  # to say what is missing before torch is imported, which takes a while
    with console.importing("train"):
        import torch

        from salt_train import job
        from salt_train.distributed import World
        from salt_train.job import Job
        from salt_train.loop import RunOptions
        from salt_train.pseudo import Pseudo

    pseudo = None
    if pseudo_labels and pseudo_images:
        pseudo = Pseudo(pseudo_labels, pseudo_images, share)
    if threads:
        torch.set_num_threads(threads)
    world = World.join(device)
    try:
        result = job.run(
            Job(
                data=data,
                config=config,
                options=RunOptions(out, device, progress, validate_every, world),
                every_fold=fold == "all",
                resume=resume,
                pseudo=pseudo,
                say=click.echo,
            )
        )
    finally:
        world.leave()
    if world.first:
        click.echo(result)


def _check(data: Path) -> int:
    report = checks.check(data)
    click.echo(report.to_text())
    return 0 if report.ok else 1


def _config(
    fold: str,
    pseudo_share: float,
    recipe: str,
    assignments: tuple[str, ...],
    epochs: int | None,
    **settings: Any,
) -> TrainConfig:
    """The recipe with what was asked for; ``--set`` comes last."""
    if fold != "all" and not fold.isdecimal():
        raise ConfigError(f"fold is {fold!r}, expected a number or all")
    config = recipes.RECIPES[recipe].config
    if epochs:
        config = recipes.rescaled(config, epochs)
    given = {name: settings[name] for name in _SETTINGS if settings[name] is not None}
    given |= {"fold": 0 if fold == "all" else int(fold)}
    given |= {"pseudo_fraction": pseudo_share} if pseudo_share else {}
    return override(dataclasses.replace(config, **given), assignments)


def _shown(config: TrainConfig, data: Path | None) -> str:
    steps = _steps(config, data) if data else 0
    return "\n".join([*listed(config), "", recipes.picture(config, steps)])


def _steps(config: TrainConfig, data: Path) -> int:
    """An epoch's; nothing is read but the names of the tiles."""
    with layout.find(data).open("images") as source:
        tiles = len(source.tiles)
    return steps_of(tiles - folds.size(tiles, config.fold, config.folds), config.batch_size)


def _share(labels: Path | None, images: Path | None, fraction: float | None) -> float:
    """Of the pseudo-labels, that are to be used; 0 where there are none."""
    if (labels is None) != (images is None):
        raise click.UsageError("--pseudo-labels and --pseudo-images go together.")
    if labels is None:
        if fraction is not None:
            raise click.UsageError("--pseudo-fraction is of --pseudo-labels; give these too.")
        return 0.0
    return _FRACTION if fraction is None else fraction
