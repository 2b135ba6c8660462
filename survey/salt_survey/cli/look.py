"""``salt-survey look``: a page to choose by, and after a run to judge by."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click

from salt_infer.backends.providers import ProviderRequest
from salt_infer.cli import console, strict_options
from salt_infer.cli.provider_options import model_option, provider_options
from salt_infer.system.files import check_output, write_whole, writing
from salt_survey.cli.overrides import override_options
from salt_survey.scan.record import Overrides

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
    help="Line that all settings are tried on; default: one in the middle.",
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
def look(
    survey: Path, out: Path, every: int, line: int | None, volume: Path | None,
    scan: Path | None, model: Path | None, overrides: Overrides, provider: ProviderRequest,
    overwrite: bool, progress: bool | None,
) -> None:  # fmt: skip
    """Show the survey IN.sgy in a page: a line in both polarities and four zooms, to choose by eye;
    every 50th line with the salt found; a map of live traces; its tiles beside those of training.
    """
    with console.importing("survey"):
        from salt_infer.cli.progress_bar import Bar
        from salt_infer.predictor.model import SaltModel
        from salt_survey.page import html
        from salt_survey.page import look as looking
        from salt_survey.reading.survey import Survey
        from salt_survey.run import finished
        from salt_survey.run.store import Store
        from salt_survey.scan import describe
        from salt_survey.scan.record import load
        from salt_survey.sections.predict import BATCH
        from salt_survey.sections.settings import GATE, Calibration, Wishes, settled

    check_output(out, ".html", [survey, scan, volume], overwrite)
    with contextlib.ExitStack() as stack:
        bar: Any = stack.enter_context(Bar("salt-survey", progress, "lines"))
        if unlocked := stack.enter_context(writing(out)):
            bar.note(unlocked)
        store = Store.open(volume) if volume else None
        opened = stack.enter_context(
            finished.survey_of(store, survey, overrides)
            if store and not scan
            else Survey.open(survey, load(scan) if scan else None, overrides)
        )
        describe.tell_warnings(survey, opened.scan, bar)
        found = opened.scan.calibration
        settings = settled(Wishes(), Calibration.from_dict(found) if found else None)
        if store is not None:
            finished.check_lies_on(store, opened)
            if doubt := finished.doubt(store, opened):
                bar.note(doubt)
            settings = finished.settings_of(store, settings)
        ran = finished.ran(store, opened) if store else None
        viewer = looking.Viewer(opened, settings, ran)
        place = _place(viewer, line)
        places = viewer.places(every, ran.lines(viewer.direction) if ran else None)
        if store is not None and ran is not None:
            seen = looking.volume(store, opened, settings.threshold, ran)
            shown, trials = viewer.stored(store, places), []
        else:
            loaded = SaltModel.load(
                model, gate=GATE, tta="none", provider=provider, batch_size=BATCH, tell=bar.note
            )
            bar.started(2 * len(looking.ZOOMS))
            seen, trials = None, viewer.trials(loaded, place, bar.advanced)
            shown = viewer.predicted(loaded, places)
        data = html.page(viewer, trials, viewer.name(place), shown, viewer.tiles(place), seen)
        write_whole(out, data, overwrite)
    origin = settings.origin.partition(":")[0]  # the page says the rest
    click.echo(f"{out}: {len(places)} of {len(viewer.numbers)} lines; {origin}")


def _place(viewer: Any, line: int | None) -> int:
    if line is None:
        return int(viewer.middle())
    places = [at for at, number in enumerate(viewer.numbers) if number == line]
    if not places:
        raise click.UsageError(
            f"--line {line} is no {viewer.direction}; expected {viewer.numbers[0]} to "
            f"{viewer.numbers[-1]}"
        )
    return places[0]
