"""``salt-survey export``: a run's volume as SEG-Y."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import click

from salt_infer.cli import console, strict_options
from salt_infer.system.output_checks import check_writable
from salt_infer.system.output_locks import writing
from salt_survey.cli.overrides import override_options
from salt_survey.scan.overrides import Overrides

PATH = console.PATH


@click.command("export", cls=strict_options.Command)
@click.argument("volume", type=PATH, metavar="OUT.zarr")
@click.option(
    "--like", type=PATH, required=True, metavar="IN.sgy",
    help="Survey that the volume was made of; its headers are kept but for the format and free "
    "lines of the text.",
)  # fmt: skip
@click.option("--out", type=PATH, required=True, metavar="P.sgy", help="SEG-Y to write.")
@click.option(
    "--volume", "name", default="probability", show_default=True, metavar="NAME",
    help="Volume to write: probability, p_inline, p_crossline, disagreement.",
)  # fmt: skip
@click.option(
    "--drop-extended", is_flag=True,
    help="Leave out extended text headers, which OpendTect refuses.",
)  # fmt: skip
@console.overwrite_option
@override_options
def export(volume: Path, like: Path, out: Path, overrides: Overrides, **options: Any) -> None:
    """Write a volume of OUT.zarr as SEG-Y: text, binary and trace headers of IN.sgy, each trace in
    its place, 0..1 as IEEE floats. Of the headers two things are written: the code of the sample
    format, and what was run into free lines of the text.
    """
    with console.importing("survey"):
        from salt_survey.volume import export as exporting

    check_writable(out, options["overwrite"])
    tell = functools.partial(console.note, "salt-survey")
    with writing(out) as unlocked:
        if unlocked:
            tell(unlocked)
        click.echo(exporting.as_segy(volume, like, out, overrides, **options, tell=tell))
