"""``salt-survey tiles``: interpreted lines as tiles and masks to learn from."""

from __future__ import annotations

import functools
from typing import Any

import click

from salt_infer.cli import console, strict_options
from salt_survey.calibration.labelled import Label
from salt_survey.cli.option_types import LABEL, STRETCH, ZOOM
from salt_survey.cli.overrides import override_options
from salt_survey.sections.display import POLARITIES
from salt_survey.sections.settings import Wishes

_PATH = console.PATH
_WISHES = ("zoom", "polarity", "stretch")


@click.command(
    "tiles", cls=strict_options.Command,
    epilog="Exit codes: 0 done; 1 failed; 2 bad usage, or no such survey.",
)  # fmt: skip
@click.argument("survey", metavar="IN", type=_PATH)
@click.option(
    "--labels", type=LABEL, multiple=True, required=True, metavar="LINE=FILE.png",
    help="An interpreted line, as salt-survey calibrate takes them; may be given several times.",
)  # fmt: skip
@click.option(
    "--out", type=_PATH, required=True, metavar="DIR",
    help="Folder to write: images/ and masks/, as salt-train takes them, and tiles.csv, which says "
    "where each is from.",
)  # fmt: skip
@click.option(
    "--volume", type=_PATH, metavar="OUT.zarr",
    help="What a finished run of IN found: it decides where labels say unknown, and lines are "
    "shown as they were to it. Without it, tiles with unknown pixels are left out, but for "
    "--max-unknown.",
)  # fmt: skip
@click.option(
    "--count", type=click.IntRange(2), default=200, show_default=True, metavar="N",
    help="Tiles of each line, half of them with salt; fewer where there are not so many places.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N",
    help="Of the places, which are drawn at random.",
)  # fmt: skip
@click.option(
    "--max-unknown", type=click.FloatRange(0, 1), default=0.0, show_default=True, metavar="SHARE",
    help="Share of a tile with salt that labels may leave unknown; unknown/ then has which pixels, "
    "and salt-train does not let them count.",
)  # fmt: skip
@click.option("--scan", type=_PATH, metavar="scan.json", help="JSON of scan or calibrate.")
@click.option(
    "--zoom", type=ZOOM, metavar="V/H[/X]",
    help="Pixels for each sample and trace, as of salt-survey run; default: the calibration's.",
)  # fmt: skip
@click.option(
    "--polarity", type=click.Choice(POLARITIES),
    help="Show amplitudes as they are, or with the other sign, or each tile one of both at random; "
    "default: the calibration's.",
)  # fmt: skip
@click.option(
    "--stretch", type=STRETCH, metavar="tile|section|P%",
    help="Grey values, as of salt-survey run; default: tile.",
)  # fmt: skip
@override_options
@console.overwrite_option
def tiles(labels: tuple[Label, ...], **request: Any) -> None:
    """Cut tiles with masks out of interpreted lines of the survey IN, for salt-train to learn the
    survey from.
    """
    with console.importing("survey"):
        from salt_survey.tiles import job

    tell = functools.partial(console.note, "salt-survey")
    wishes = Wishes(**{name: request.pop(name) for name in _WISHES})
    for line in job.run(job.TilesJob(labels=labels, wishes=wishes, **request), tell):
        click.echo(line)
