"""``salt-survey calibrate``: which zoom and polarity suit a survey, found on interpreted lines."""

from __future__ import annotations

from typing import Any

import click

from salt_infer.cli import console, strict_options
from salt_infer.cli.progress_bar import Bar
from salt_infer.cli.provider_options import model_option, provider_options
from salt_survey.calibration.labelled import Label
from salt_survey.cli.option_types import LABEL, STRETCH
from salt_survey.cli.overrides import override_options
from salt_survey.sections.display import STRIDES, Display

_PATH = console.PATH
_SWEEP = ("stretch", "stride", "threshold")


@click.command(
    "calibrate", cls=strict_options.Command,
    epilog="Exit codes: 0 done; 1 failed; 2 bad usage, or no such survey.",
)  # fmt: skip
@click.argument("survey", metavar="IN", type=_PATH)
@click.option(
    "--labels", type=LABEL, multiple=True, required=True, metavar="LINE=FILE.png",
    help="An interpreted line: the number of an inline, or x and that of a crossline; a PNG of "
    "samples x traces, traces by rising number, 0 no salt, 255 salt, 128 unknown. May be given "
    "several times.",
)  # fmt: skip
@click.option(
    "--with", "others", type=_PATH, multiple=True, metavar="OTHER.sgy",
    help="Another file of the same survey that has labelled lines; may be given several times.",
)  # fmt: skip
@click.option(
    "--out", type=_PATH, required=True, metavar="FILE.json",
    help="Scan to write, with what was found; for salt-survey run --scan.",
)  # fmt: skip
@click.option("--scan", type=_PATH, metavar="FILE.json", help="How to read IN.")
@click.option(
    "--stretch", type=STRETCH, default="tile", show_default=True, metavar="tile|section|P%",
    help="Grey values of the runs to come.",
)  # fmt: skip
@click.option(
    "--stride", type=click.IntRange(*STRIDES), default=Display.stride, show_default=True,
    metavar="PX", help="Pixels from tile to tile of the runs to come.",
)  # fmt: skip
@click.option(
    "--threshold", type=console.SHARE, metavar="F",
    help="Salt is above this, 0 to 1; default: 0.5, or a lower one that finds much more.",
)  # fmt: skip
@model_option
@override_options
@provider_options
@console.overwrite_option
@console.progress_option
def calibrate(labels: tuple[Label, ...], progress: bool | None, **request: Any) -> None:
    """Find the zoom and polarity that suit the survey IN, on lines with labels."""
    with console.importing("survey"):
        from salt_survey.calibration import job
        from salt_survey.calibration.calibrate import Sweep

    sweep = Sweep(**{name: request.pop(name) for name in _SWEEP})
    with Bar("salt-survey", progress, "settings") as bar:
        lines = job.run(job.CalibrationJob(labels=labels, sweep=sweep, **request), bar)
    for line in lines:
        click.echo(line)
