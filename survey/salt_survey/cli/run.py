"""``salt-survey run``: a survey in, a volume of probabilities out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from salt_infer.cli import console, strict_options
from salt_infer.cli.executor_options import executor_options
from salt_infer.cli.progress_bar import Bar
from salt_infer.cli.provider_options import model_option, provider_options, tta_option
from salt_survey.cli.option_types import RANGE, SIZE, STRETCH, ZOOM
from salt_survey.cli.overrides import override_options
from salt_survey.sections.display import POLARITIES, STRIDES
from salt_survey.sections.settings import GATE, THRESHOLD

_PATH = console.PATH
_WISHES = ("zoom", "polarity", "stretch", "stride", "threshold")
_TARGETS = ("segy", "horizons", "report")


@click.command(
    "run", cls=strict_options.Command,
    epilog="Exit codes: 0 done; 1 failed; 2 bad usage, or no such survey.",
)  # fmt: skip
@click.argument("survey", metavar="IN", type=_PATH)
@click.option("--out", type=_PATH, required=True, metavar="OUT.zarr", help="Volume to write.")
@click.option(
    "--scan", type=_PATH, metavar="FILE.json",
    help="How to read and show the survey: from salt-survey scan or calibrate.",
)  # fmt: skip
@click.option(
    "--segy", type=_PATH, metavar="P.sgy", help="Write the same as SEG-Y, headers as IN's."
)
@click.option(
    "--horizons", type=_PATH, metavar="DIR",
    help="Write top and base of salt as text, DIR/top.txt and DIR/base.txt: inline, crossline, x, "
    "y, time.",
)  # fmt: skip
@click.option(
    "--sections", type=click.Choice(["inline", "crossline", "both"]), default="inline",
    show_default=True,
    help="Which sections the model is shown; both: their mean, and how far they are apart.",
)  # fmt: skip
@click.option(
    "--zoom", type=ZOOM, metavar="V/H[/X]",
    help="Pixels for each sample, each trace of an inline and each of a crossline; one number is "
    "for all alike. Default: the calibration's, else 1.25/0.5 for samples every 4 ms and traces "
    "25 m apart and in proportion for others; of X, pixels as wide as those of an inline.",
)  # fmt: skip
@click.option(
    "--polarity", type=click.Choice(POLARITIES),
    help="Show amplitudes as they are, or with the other sign; default: the calibration's, else "
    "the mean of both.",
)  # fmt: skip
@click.option(
    "--stretch", type=STRETCH, metavar="tile|section|P%",
    help="Grey values: from least to greatest of each tile or section, or P per cent clipped at "
    "each end; default: tile.",
)  # fmt: skip
@click.option(
    "--stride", type=click.IntRange(*STRIDES), metavar="PX",
    help="Pixels from tile to tile; 101 is four times as fast; default: 50.",
)  # fmt: skip
@click.option(
    "--threshold", type=console.SHARE, metavar="F",
    help=f"Salt is above this, 0 to 1, in counts and horizons; default: the calibration's, else "
    f"{THRESHOLD:g}.",
)  # fmt: skip
@click.option(
    "--gate", type=console.SHARE, default=GATE, show_default=True, metavar="F",
    help="A tile for which the judge says no more than this is 0, 0 to 1.",
)  # fmt: skip
@tta_option
@click.option(
    "--lines", type=RANGE, metavar="A:B",
    help="Only sections with these numbers, or this one; the rest is 0.",
)  # fmt: skip
@click.option(
    "--times",
    type=RANGE,
    metavar="A:B",
    help="Only these ms, as a run of all finds them; the rest is 0.",
)
@click.option(
    "--memory", type=SIZE, default="1GiB", show_default=True, metavar="SIZE",
    help="What the process may need, as 2GiB or 800MB.",
)  # fmt: skip
@model_option
@override_options
@provider_options
@executor_options
@console.overwrite_option
@console.restart_option
@console.progress_option
@console.report_option
def run(progress: bool | None, out: Path, **request: Any) -> None:
    """Find salt in the survey IN (SEG-Y, Zarr or .npy)."""
    with console.importing("survey"):
        from salt_survey.job import job
        from salt_survey.job.publish import Targets
        from salt_survey.sections.settings import Wishes

    wishes = Wishes(**{name: request.pop(name) for name in _WISHES})
    targets = Targets(out, **{name: request.pop(name) for name in _TARGETS})
    with Bar("salt-survey", progress, "sections") as bar:
        report = job.run(job.Job(out=targets, wishes=wishes, **request), bar)
    for line in report.lines():
        click.echo(line)
