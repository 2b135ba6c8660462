"""``salt-report``: a data set explored, a submission looked at or examined."""

from __future__ import annotations

from typing import Any

import click

from salt_infer.cli import console, strict_options

_PATH = console.PATH
_OUT = click.option(
    "--out", type=_PATH, required=True, metavar="FILE.html",
    help="Page to write: one file that needs no network.",
)  # fmt: skip


@click.group("salt-report", cls=strict_options.Group)
@click.version_option(package_name="salt-toolkit")
def cli() -> None:
    """Explore a labelled data set, look at a submission, or examine it against true masks: one page
    of HTML.

    Exit codes: 0 done; 1 failed; 2 bad usage; 3 bad tiles.
    """


@cli.command(short_help="Explore a labelled data set.")
@click.argument("data", type=_PATH, metavar="DIR")
@_OUT
@click.option(
    "--depths", type=_PATH, metavar="FILE.csv",
    help="Depths of the tiles, id,z in metres; default: depths.csv in DIR or beside it.",
)  # fmt: skip
@click.option(
    "--split", type=_PATH, metavar="FILE.csv",
    help="Folds to examine: a split.csv that salt-train wrote.",
)  # fmt: skip
@console.overwrite_option
def data(**request: Any) -> None:
    """Explore the data set DIR, a folder or zip as salt-train takes it: coverage, depth, odd masks,
    duplicates, brightness, folds.
    """
    with console.importing("report"):
        from salt_report.dataset import job

    _say(job.run(job.DataJob(**request)))


@cli.command(short_help="Look at a submission's masks, without true ones.")
@click.option(
    "--submission", type=_PATH, required=True, metavar="FILE",
    help="What to look at: .csv, .csv.gz or .parquet of id,rle_mask; of salt-infer --details, the "
    "least sure tiles first.",
)  # fmt: skip
@click.option(
    "--images", type=_PATH, required=True, metavar="PATH",
    help="Its tiles: directory, .zip or list; there may be more.",
)  # fmt: skip
@_OUT
@click.option(
    "--tiles", type=click.IntRange(0, 200), default=24, show_default=True, metavar="N",
    help="Tiles to show of each kind.",
)  # fmt: skip
@click.option(
    "--to-correct", type=_PATH, metavar="DIR",
    help="Write the least sure of these, and their masks to be painted over, into a folder that "
    "salt-train --data takes.",
)  # fmt: skip
@click.option(
    "--corrected", type=_PATH, multiple=True, metavar="DIR",
    help="Data set of tiles that were corrected before: these are not among the least sure. May be "
    "given several times.",
)  # fmt: skip
@console.overwrite_option
def look(**request: Any) -> None:
    """Look at a submission's masks over their tiles: how much salt, the least sure tiles, unusual
    masks.
    """
    with console.importing("report"):
        from salt_report.predictions import job

    _say(job.run(job.LookJob(**request)))


@cli.command(short_help="Examine a submission against true masks.")
@click.option(
    "--submission", type=_PATH, required=True, metavar="FILE",
    help="What to examine: .csv, .csv.gz or .parquet of id,rle_mask; of salt-infer --details, the "
    "judge too.",
)  # fmt: skip
@click.option(
    "--labels", type=_PATH, required=True, metavar="PATH",
    help="True masks: table of id,rle_mask, or directory or .zip of PNGs.",
)  # fmt: skip
@_OUT
@click.option(
    "--images", type=_PATH, metavar="PATH",
    help="The tiles, to be shown and to tell black ones: directory, .zip or list.",
)  # fmt: skip
@click.option(
    "--against",
    type=_PATH,
    metavar="FILE",
    help="Another submission to compare with, in pairs.",
)
@click.option(
    "--probabilities", type=_PATH, metavar="FILE.npz",
    help="Probabilities of the tiles, such as salt-train's validation.npz: other thresholds and "
    "gates are tried. salt-infer writes them for all tiles with --gate 0.",
)  # fmt: skip
@click.option(
    "--threshold", type=console.SHARE, metavar="F",
    help="Threshold at which gates are tried; default: that in --probabilities, or 0.5.",
)  # fmt: skip
@click.option(
    "--gate", type=console.SHARE, metavar="F",
    help="Gate at which thresholds are tried; default: that in --probabilities, or 0.556.",
)  # fmt: skip
@click.option("--json", type=_PATH, metavar="FILE.json", help="Write the numbers as JSON too.")
@click.option("--csv", type=_PATH, metavar="FILE.csv", help="Write a row a tile as a table too.")
@click.option(
    "--partial",
    is_flag=True,
    help="Score the tiles only that have a label, and a row in all submissions that are given.",
)
@click.option(
    "--worst", type=click.IntRange(0, 200), default=12, show_default=True, metavar="N",
    help="Tiles to show of each kind of error.",
)  # fmt: skip
@console.overwrite_option
def evaluate(**request: Any) -> None:
    """Examine a submission against true masks: the score, where its points went, on which tiles."""
    with console.importing("report"):
        from salt_report.submission import job

    _say(job.run(job.EvaluateJob(**request)))


def _say(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)
