"""``salt-survey calibrate``: which zoom and polarity suit a survey, found on interpreted lines."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from salt_infer.backends.providers import ProviderRequest
from salt_infer.cli import console, strict_options
from salt_infer.cli.progress_bar import Bar
from salt_infer.cli.provider_options import model_option, provider_options
from salt_infer.system.output_checks import check_output
from salt_infer.system.output_locks import writing
from salt_infer.system.signals import deferred_signals
from salt_infer.system.whole_files import write_whole
from salt_survey.calibration import labelled
from salt_survey.calibration.labelled import Label
from salt_survey.cli.option_types import LABEL, STRETCH
from salt_survey.cli.overrides import override_options
from salt_survey.errors import SurveyError
from salt_survey.scan.overrides import Overrides
from salt_survey.sections.display import STRIDES, Display, Stretch
from salt_survey.sections.predict import BATCH
from salt_survey.sections.sampling import Sampling
from salt_survey.sections.settings import GATE, MARGIN, Calibration, LineScore

if TYPE_CHECKING:
    from salt_survey.reading.survey import Survey

_PATH = console.PATH
_WITH = ", or the file that it is in by --with"


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
def calibrate(
    survey: Path, labels: tuple[Label, ...], others: tuple[Path, ...], out: Path,
    scan: Path | None, stretch: Stretch, stride: int, threshold: float | None, model: Path | None,
    overrides: Overrides, provider: ProviderRequest, overwrite: bool, progress: bool | None,
) -> None:  # fmt: skip
    """Find the zoom and polarity that suit the survey IN, on lines with labels."""
    with console.importing("survey"):
        from salt_infer.predictor.model import SaltModel
        from salt_survey.calibration.calibrate import Sweep, calibrate
        from salt_survey.calibration.labels import FALLS, Interpreted
        from salt_survey.reading.survey import Survey
        from salt_survey.scan import describe
        from salt_survey.scan.record import load

    labelled.check_each_once(labels)
    inputs = [survey, *others, *(label.path for label in labels)]
    check_output(out, ".json", inputs, overwrite or out == scan)
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(Bar("salt-survey", progress, "settings"))
        if unlocked := stack.enter_context(writing(out)):
            bar.note(unlocked)
        first = Survey.open(survey, load(scan) if scan else None, overrides)
        surveys = [stack.enter_context(first)]
        surveys += [stack.enter_context(_opened(each, overrides)) for each in others]
        for each in surveys:
            describe.tell_warnings(each.path, each.scan, bar)
        sampling = Sampling.of(first.scan)
        lines = [Interpreted.read(label, surveys, _WITH) for label in labels]
        for line in lines:
            if line.falls:
                bar.note(f"line {line.name}: {FALLS}")
        loaded = SaltModel.load(
            model, gate=GATE, provider=provider, batch_size=BATCH, tell=bar.note
        )
        sweep = Sweep(stretch, stride, threshold)
        bar.note(f"trying {len(sweep)} settings on {_counted(len(lines), 'line')}")
        bar.started(len(sweep) * len(lines))
        doubts: list[str] = []
        with deferred_signals() as check:
            found = calibrate(lines, loaded, sweep, sampling, bar.advanced, check, doubts.append)
        for said in doubts:
            bar.note(f"warning: {said}")
        written = dataclasses.replace(first.scan, calibration=found.to_dict())
        write_whole(out, written.to_json().encode(), overwrite or out == scan)
    for said in told(found, sampling):
        click.echo(said)
    click.echo(f"-> {out}; use it by salt-survey run {survey} --scan {out}")


def _opened(path: Path, overrides: Overrides) -> Survey:
    """Another file, which need not be as the first one: what is said of that holds for this where
    it cannot be read without.
    """
    from salt_survey.reading.survey import Survey

    try:
        return Survey.open(path)
    except SurveyError:
        return Survey.open(path, None, overrides)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + "s" * (count != 1)


def told(found: Calibration, sampling: Sampling) -> list[str]:
    """What was found, for people; ``sampling``: of the survey that it is for."""
    default = sampling.display(Display())
    lines = [f"taken: {found.look}, threshold {found.threshold:g}"]
    lines += map(_score, found.lines)
    lines += [f"{'also good' if _as_good(found) else 'next best'}: {found.second}"]
    lines += map(_score, found.second_lines)
    little = max(score.iou for score in found.lines) < 0.3
    lines += [
        "the first is taken because the zooms beside it do "
        f"{'better than those beside others' if little else 'well too'}, where one that does well "
        f"alone is luck; of all that do as well, within {MARGIN:g} of IoU, it is the nearest to "
        f"the default{sampling.words and f' for {sampling.words}'}, {default.zoom}. The other may "
        "find more of these lines"
    ]
    if len(found.lines) == 1:
        lines += ["on one line alone; a second one tells whether it holds"]
    if little:
        lines += ["no setting finds much of the salt: look at the tiles before you trust a run"]
    return lines


def _as_good(found: Calibration) -> bool:
    first, second = (
        sum(score.iou for score in scores) / len(scores)
        for scores in (found.lines, found.second_lines)
    )
    return second >= first - MARGIN


def _score(score: LineScore) -> str:
    return f"  line {score.line}: {score.words()}"
