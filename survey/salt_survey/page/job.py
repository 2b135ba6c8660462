"""One call of ``salt-survey look``, from paths to a published page."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

from salt_infer.backends.providers import ProviderRequest
from salt_infer.errors import UsageError
from salt_infer.job.watcher import Watcher
from salt_infer.predictor.model import SaltModel
from salt_infer.system.output_checks import check_output
from salt_infer.system.output_locks import writing
from salt_infer.system.whole_files import write_whole
from salt_survey.page import html, look
from salt_survey.page.look import Viewer
from salt_survey.reading.survey import Survey
from salt_survey.scan import describe
from salt_survey.scan.geometry import ranged
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import load
from salt_survey.sections.predict import BATCH
from salt_survey.sections.sampling import Sampling
from salt_survey.sections.settings import GATE, Calibration, Settings, Wishes, settled
from salt_survey.volume import finished
from salt_survey.volume.extent import Extent
from salt_survey.volume.store import Store


@dataclasses.dataclass(frozen=True)
class LookJob:
    """What was asked for.

    Attributes:
        survey: SEG-Y, Zarr or ``.npy``.
        out: page to write.
        every: show every so-manieth line.
        line: number of the line that settings are tried on, or of a volume is shown first; one in
            the middle, or none, if None.
        volume: what a finished run found, to be shown instead of trials.
        scan: JSON of a scan or calibration.
        model: file; the one that ships for the provider if None.
        overrides: what the user says of the survey.
        provider: what is to run the model.
        overwrite: replace a page that exists.
    """

    survey: Path
    out: Path
    every: int = 50
    line: int | None = None
    volume: Path | None = None
    scan: Path | None = None
    model: Path | None = None
    overrides: Overrides = dataclasses.field(default_factory=Overrides)
    provider: ProviderRequest = dataclasses.field(default_factory=ProviderRequest)
    overwrite: bool = False


def run(job: LookJob, watcher: Watcher) -> str:
    """Write the page; returns what it shows, for the terminal.

    Raises:
        UsageError: an input or output cannot be used, or there is no such line.
        SurveyError: the survey cannot be read as asked.
        ModelError, ProviderError: the model cannot be loaded, or fails.
    """
    inputs = [path for path in (job.survey, job.scan, job.volume) if path is not None]
    check_output(job.out, ".html", inputs, job.overwrite)
    with contextlib.ExitStack() as stack:
        if unlocked := stack.enter_context(writing(job.out)):
            watcher.note(unlocked)
        store = Store.open(job.volume) if job.volume else None
        survey = stack.enter_context(_opened(job, store))
        describe.tell_warnings(job.survey, survey.scan, watcher)
        settings = _settings(survey, store, watcher)
        data, shown = _page(job, survey, store, settings, watcher)
        write_whole(job.out, data, job.overwrite)
    return f"{job.out}: {shown} lines; {settings.origin.brief}"  # the page says the rest


def _opened(job: LookJob, store: Store | None) -> contextlib.AbstractContextManager[Survey]:
    if store and not job.scan:
        return finished.survey_of(store, job.survey, job.overrides)
    return Survey.open(job.survey, load(job.scan) if job.scan else None, job.overrides)


def _settings(survey: Survey, store: Store | None, watcher: Watcher) -> Settings:
    """Those of the run that is shown; else the calibration's, or the defaults."""
    found = survey.scan.calibration
    calibration = Calibration.from_dict(found) if found else None
    settings = settled(Wishes(), calibration, Sampling.of(survey.scan))
    if store is None:
        return settings
    finished.check_lies_on(store, survey)
    if doubt := finished.doubt(store, survey):
        watcher.note(doubt)
    return finished.settings_of(store, settings)


def _page(
    job: LookJob, survey: Survey, store: Store | None, settings: Settings, watcher: Watcher
) -> tuple[bytes, str]:
    """The page, and how many of all lines it shows."""
    ran = finished.ran(store, survey) if store else None
    viewer = Viewer(survey, settings, ran)
    place = _place(viewer, job.line)
    places = viewer.places(job.every, ran.lines(viewer.direction) if ran else None)
    if store is not None and ran is not None:
        if job.line is not None:
            _check_ran(viewer, place, ran)
            places = [place, *(each for each in places if each != place)]
        seen = look.volume(store, survey, settings.threshold, ran)
        shown, trials = viewer.stored(store, places), []
    else:
        model = SaltModel.load(
            job.model, gate=GATE, tta="none", provider=job.provider, batch_size=BATCH,
            tell=watcher.note,
        )  # fmt: skip
        watcher.started(2 * len(look.ZOOMS))
        seen, trials = None, viewer.trials(model, place, watcher.advanced)
        shown = viewer.predicted(model, places)
    data = html.page(viewer, trials, viewer.name(place), shown, viewer.tiles(place), seen)
    return data, f"{len(places)} of {len(viewer.numbers)}"


def _check_ran(viewer: Viewer, place: int, ran: Extent) -> None:
    """Of a line that was not run, a volume has zeros, which look as if there were no salt."""
    first, last = ran.lines(viewer.direction)
    if not first <= place < last:
        raise UsageError(
            f"--line {viewer.numbers[place]} was not run; expected "
            f"{ranged(viewer.numbers[first:last])}"
        )


def _place(viewer: Viewer, line: int | None) -> int:
    if line is None:
        return viewer.middle()
    places = [at for at, number in enumerate(viewer.numbers) if number == line]
    if not places:
        raise UsageError(
            f"--line {line} is no {viewer.direction}; expected {ranged(viewer.numbers)}"
        )
    return places[0]
