"""``salt-survey score``: what a run found, held against interpreted lines."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import click

from salt_infer.cli import console, strict_options
from salt_survey.calibration.labelled import Label
from salt_survey.cli.option_types import LABEL
from salt_survey.cli.overrides import override_options
from salt_survey.scan.overrides import Overrides


@click.command(
    "score", cls=strict_options.Command,
    epilog="Exit codes: 0 done; 1 failed; 2 bad usage, or no such survey.",
)  # fmt: skip
@click.argument("survey", metavar="IN", type=console.PATH)
@click.option(
    "--volume", type=console.PATH, required=True, metavar="OUT.zarr",
    help="What a finished run of IN found.",
)  # fmt: skip
@click.option(
    "--labels", type=LABEL, multiple=True, required=True, metavar="LINE=FILE.png",
    help="An interpreted line, as salt-survey calibrate takes them; may be given several times.",
)  # fmt: skip
@click.option(
    "--threshold", type=console.SHARE, metavar="F",
    help="Salt is above this, 0 to 1; default: the run's.",
)  # fmt: skip
@override_options
@console.overwrite_option
@console.report_option
def score(
    survey: Path, volume: Path, labels: tuple[Label, ...], overrides: Overrides, **options: Any
) -> None:
    """Score a volume of the survey IN on lines with labels: IoU at the run's threshold, average
    precision over all, and the threshold that would have been best.
    """
    with console.importing("survey"):
        from salt_survey.calibration import volume_scores
    tell = functools.partial(console.note, "salt-survey")
    job = volume_scores.ScoreJob(survey, volume, labels, overrides=overrides, **options)
    for line in volume_scores.run(job, tell).words():
        click.echo(line)
