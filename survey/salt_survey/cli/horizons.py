"""``salt-survey horizons``: top and base of salt in a run's volume, as text."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import click

from salt_infer.cli import console, strict_options
from salt_infer.system.output_locks import writing
from salt_survey.cli.overrides import override_options
from salt_survey.scan.overrides import Overrides


@click.command(
    "horizons", cls=strict_options.Command,
    epilog="Exit codes: 0 done; 1 failed; 2 bad usage, or no such survey.",
)  # fmt: skip
@click.argument("survey", metavar="IN", type=console.PATH)
@click.option(
    "--volume", type=console.PATH, required=True, metavar="OUT.zarr",
    help="What a finished run of IN found.",
)  # fmt: skip
@click.option(
    "--out", type=console.PATH, required=True, metavar="DIR",
    help="Folder to write, of two files: top.txt and base.txt.",
)  # fmt: skip
@click.option(
    "--threshold", type=console.SHARE, metavar="F",
    help="Salt is above this, 0 to 1; default: the run's.",
)  # fmt: skip
@console.overwrite_option
@override_options
def horizons(survey: Path, volume: Path, out: Path, overrides: Overrides, **options: Any) -> None:
    """Write top and base of the salt in a volume of the survey IN: for each trace with salt a line
    with inline, crossline, x, y and time, the same as salt-survey run --horizons at that threshold.
    """
    with console.importing("survey"):
        from salt_survey.volume import export

    export.check_folder(out, survey, volume, options["overwrite"])
    tell = functools.partial(console.note, "salt-survey")
    with writing(out, replaced=True) as unlocked:
        if unlocked:
            tell(unlocked)
        click.echo(export.as_horizons(survey, volume, out, overrides, **options, tell=tell))
