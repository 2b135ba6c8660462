"""``salt-survey run``: a survey in, a volume of probabilities out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from salt_infer import console, strict
from salt_infer.contract import TTA_NAMES
from salt_infer.engine_cli import engine_options
from salt_infer.progress import Bar
from salt_infer.provider_cli import provider_options
from salt_survey.looks import POLARITIES, STRIDES
from salt_survey.override_cli import override_options
from salt_survey.settings import GATE, THRESHOLD
from salt_survey.values import RANGE, SIZE, STRETCH, ZOOM

_PATH = click.Path(path_type=Path)
_WISHES = ("zoom", "polarity", "stretch", "stride", "threshold")
_TARGETS = ("segy", "horizons", "report")


@click.command(
    "run", cls=strict.Command,
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
    "--zoom", type=ZOOM, metavar="V/H",
    help="Pixels for each sample and for each trace; default: the calibration's, else 1.25/0.5.",
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
@click.option(
    "--tta", type=click.Choice(TTA_NAMES),
    help="Test-time augmentation: no flip, the flip, or the flip for doubtful tiles alone; "
    "default: the model's.",
)  # fmt: skip
@click.option(
    "--lines", type=RANGE, metavar="A:B", help="Only sections with these numbers; the rest is 0."
)
@click.option("--times", type=RANGE, metavar="A:B", help="Only these ms; the rest is 0.")
@click.option(
    "--memory", type=SIZE, default="1GiB", show_default=True, metavar="SIZE",
    help="What the process may need.",
)  # fmt: skip
@click.option(
    "--model", "-m", type=_PATH, metavar="FILE",
    help="Model; default: the one that ships for the provider.",
)  # fmt: skip
@override_options
@provider_options
@engine_options
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@click.option(
    "--restart", is_flag=True, help="Discard what an interrupted run of this output has done."
)
@console.progress_option
@click.option("--report", type=_PATH, metavar="FILE.json", help="Write what the run did as JSON.")
def run(progress: bool | None, out: Path, **request: Any) -> None:
    """Find salt in the survey IN (SEG-Y, Zarr or .npy)."""
    with console.importing("survey"):
        from salt_survey import run as running
        from salt_survey.job import Job
        from salt_survey.publishing import Targets
        from salt_survey.settings import Wishes

    wishes = Wishes(**{name: request.pop(name) for name in _WISHES})
    targets = Targets(out, **{name: request.pop(name) for name in _TARGETS})
    with Bar("salt-survey", progress, "sections") as bar:
        report = running.run(Job(out=targets, wishes=wishes, **request), bar)
    for line in report.lines():
        click.echo(line)
