"""``salt-survey``: from SEG-Y to a volume of salt probabilities that lies exactly on it."""

from __future__ import annotations

import click

from salt_infer.cli import strict_options
from salt_survey.cli.calibrate import calibrate
from salt_survey.cli.export import export
from salt_survey.cli.horizons import horizons
from salt_survey.cli.look import look
from salt_survey.cli.run import run
from salt_survey.cli.scan import scan
from salt_survey.cli.score import score
from salt_survey.cli.tiles import tiles


@click.group("salt-survey", cls=strict_options.Group)
@click.version_option(package_name="salt-toolkit")
def cli() -> None:
    """Find salt in a whole survey: SEG-Y in, a volume of probabilities that lies exactly on it out.

    Exit codes: 0 done; 1 failed; 2 bad usage, or a survey that cannot be read as asked.
    """


for _command in (scan, look, calibrate, run, score, export, horizons, tiles):
    cli.add_command(_command)
