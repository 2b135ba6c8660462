"""``salt-survey scan``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from tqdm import tqdm

from salt_infer.cli import console, strict_options
from salt_infer.system import terminal
from salt_infer.system.callbacks import Advance
from salt_infer.system.output_checks import check_output
from salt_infer.system.whole_files import write_whole
from salt_survey.cli.overrides import override_options
from salt_survey.errors import SurveyError
from salt_survey.scan.overrides import Overrides

PATH = console.PATH
SURVEY = click.argument("survey", type=PATH, metavar="IN.sgy")


@click.command("scan", cls=strict_options.Command)
@SURVEY
@click.option(
    "--out", type=PATH, metavar="scan.json",
    help="Write what was found as JSON, to be edited and given to --scan.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print that JSON instead of words.")
@console.overwrite_option
@override_options
def scan(
    survey: Path, out: Path | None, as_json: bool, overwrite: bool, overrides: Overrides
) -> None:
    """Say what the survey IN.sgy is: format, grid, gaps, dead traces, amplitudes; what was guessed,
    and what is wrong.

    Nothing is written of a survey that cannot be run, and the exit code is 2. One that only leaves
    questions open is written, to be answered there; "verdict" is "ask" then, and the exit code 0.
    """
    from salt_survey.reading.survey import scanned
    from salt_survey.scan import describe

    if out is not None:
        check_output(out, ".json", (survey,), overwrite)
    with _progress() as advance:
        found = scanned(survey, overrides, None, advance).scan
    if as_json:
        click.echo(found.to_json(), nl=False)
    else:
        for line in describe.lines(survey, found):
            click.echo(line)
    if found.faults:
        raise SurveyError(describe.problem(survey, found))
    if out is not None:
        write_whole(out, found.to_json().encode(), overwrite)
        click.echo(f"{out} holds the scan; give it to --scan", err=as_json)


@contextlib.contextmanager
def _progress() -> Iterator[Advance]:
    """Tells on a terminal how many traces were read, once that takes seconds."""
    with tqdm(
        unit=" traces", delay=2, leave=False, disable=not sys.stderr.isatty(), unit_scale=True,
        **terminal.size(),
    ) as bar:  # fmt: skip
        yield bar.update
