"""The options that name tiles which a model has labelled."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salt_infer.cli import console

if TYPE_CHECKING:
    from salt_train.training.pseudo import Pseudo

_FRACTION = 0.7  # of labels; probabilities say themselves what they are not sure of


@dataclasses.dataclass(frozen=True)
class AskedPseudo:
    """What was asked for.

    Attributes:
        labels: the submission; None without pseudo-labels.
        images: its tiles.
        given_fraction: share of them that was asked for; None leaves it to :attr:`fraction`.
        probabilities: to learn instead of the labels.
    """

    labels: Path | None
    images: Path | None
    given_fraction: float | None
    probabilities: Path | None

    def __post_init__(self) -> None:
        """Raise UsageError where one is there without another that it needs."""
        if (self.labels is None) != (self.images is None):
            raise click.UsageError("--pseudo-labels and --pseudo-images go together.")
        more = {"fraction": self.given_fraction, "probabilities": self.probabilities}
        for name, value in more.items():
            if self.labels is None and value is not None:
                raise click.UsageError(f"--pseudo-{name} needs --pseudo-labels.")

    @property
    def fraction(self) -> float:
        """Share of them that is to be used; 0 where there are none."""
        if self.labels is None:
            return 0.0
        if self.given_fraction is not None:
            return self.given_fraction
        return 1.0 if self.probabilities else _FRACTION

    def files(self, fraction: float) -> Pseudo | None:
        """They themselves, to a run that uses this share; None where there are none.

        Raises:
            ConfigError: files of other kinds are named.
        """
        from salt_train.training.pseudo import Pseudo  # imports PyTorch

        if self.labels is None or self.images is None:
            return None
        return Pseudo(self.labels, self.images, fraction, self.probabilities)


_OPTIONS = (
    click.option(
        "--pseudo-labels", type=console.PATH, metavar="FILE.csv",
        help="Train on these labels too: a submission by salt-infer --details, its report beside "
        "it as FILE.json; {fold} in the name stands for the fold.",
    ),
    click.option(
        "--pseudo-images", type=console.PATH, metavar="PATH",
        help="The tiles of --pseudo-labels: dir or zip.",
    ),
    click.option(
        "--pseudo-fraction", type=console.Number(0.0, 1.0, min_open=True), metavar="F",
        help="Share of each coverage class to use, surest first; default 0.7, of probabilities "
        "all.",
    ),
    click.option(
        "--pseudo-probabilities", type=console.PATH, metavar="FILE.npz",
        help="Learn these instead of --pseudo-labels, to distil a better model or several into "
        "one: by --probabilities of the same salt-infer, with --gate 0.",
    ),
)  # fmt: skip


def pseudo_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options above, and hand them to it as ``pseudo``, an AskedPseudo."""

    @functools.wraps(command)
    def packed(
        *arguments: Any, pseudo_labels: Path | None, pseudo_images: Path | None,
        pseudo_fraction: float | None, pseudo_probabilities: Path | None, **others: Any,
    ) -> None:  # fmt: skip
        asked = AskedPseudo(pseudo_labels, pseudo_images, pseudo_fraction, pseudo_probabilities)
        command(*arguments, pseudo=asked, **others)

    for option in reversed(_OPTIONS):
        packed = option(packed)
    return packed
