"""``salt-survey look``: a page to choose by, and after a run to judge by."""

from __future__ import annotations

from typing import Any

import click

from salt_infer.cli import console, strict_options
from salt_infer.cli.provider_options import model_option, provider_options
from salt_survey.cli.overrides import override_options

_PATH = console.PATH


@click.command("look", cls=strict_options.Command)
@click.argument("survey", type=_PATH, metavar="IN.sgy")
@click.option(
    "--out", type=_PATH, required=True, metavar="look.html",
    help="Page to write: one file that needs no network.",
)  # fmt: skip
@click.option(
    "--every", type=click.IntRange(1), default=50, show_default=True, metavar="N",
    help="Show every N'th line; no more than 24 of a large survey.",
)  # fmt: skip
@click.option(
    "--line", type=int, metavar="NUMBER",
    help="Line that all settings are tried on, by default one in the middle; with --volume, the "
    "line to show first.",
)  # fmt: skip
@click.option(
    "--volume", type=_PATH, metavar="OUT.zarr",
    help="Show what a finished run found, with time slices and thickness.",
)  # fmt: skip
@click.option("--scan", type=_PATH, metavar="scan.json", help="JSON of scan or calibrate.")
@model_option
@override_options
@provider_options
@console.overwrite_option
@console.progress_option
def look(progress: bool | None, **request: Any) -> None:
    """Show the survey IN.sgy in a page: a line in both polarities and four zooms, to choose by eye;
    every 50th line with the salt found; a map of live traces; its tiles beside those of training.
    """
    with console.importing("survey"):
        from salt_infer.cli.progress_bar import Bar
        from salt_survey.page import job

    with Bar("salt-survey", progress, "lines") as bar:
        shown = job.run(job.LookJob(**request), bar)
    click.echo(shown)
