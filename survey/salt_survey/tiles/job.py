"""One call of ``salt-survey tiles``: from interpreted lines to a folder for ``salt-train``."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from salt_infer.errors import UsageError
from salt_infer.system.callbacks import Tell
from salt_infer.system.output_locks import writing
from salt_infer.system.whole_files import whole_folder
from salt_survey.calibration import labelled, orientation
from salt_survey.calibration.labelled import Label
from salt_survey.calibration.labels import FALLS, Interpreted
from salt_survey.calibration.orientation import Turned
from salt_survey.calibration.scoring import NONE, SALT, UNKNOWN, known_within
from salt_survey.errors import SurveyError
from salt_survey.reading.survey import Survey
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import load
from salt_survey.sections.display import Display
from salt_survey.sections.sampling import Sampling
from salt_survey.sections.settings import Calibration, Settings, Wishes, settled
from salt_survey.sections.tiling import Grey, levels_above
from salt_survey.tiles import tile_folder
from salt_survey.tiles.cutting import cut
from salt_survey.tiles.tile_folder import CutLine
from salt_survey.volume import finished
from salt_survey.volume.store import Store

_FEW = 10  # tiles of a kind, below which a line teaches hardly anything
_MARK = 8  # characters


@dataclasses.dataclass(frozen=True)
class TilesJob:
    """What was asked for.

    Attributes:
        survey: SEG-Y, Zarr or ``.npy``.
        labels: interpreted lines, each once.
        out: folder to write.
        count: tiles of each line, at most.
        seed: of the places.
        volume: of a finished run, which decides where a label says unknown.
        scan: JSON of a scan or calibration.
        wishes: how lines are shown; as the volume was run, if there is one.
        overrides: what the user says of the survey.
        max_unknown: share of a tile with salt that may be unknown, 0..1.
        overwrite: replace a folder that an earlier call wrote.
    """

    survey: Path
    labels: tuple[Label, ...]
    out: Path
    count: int = 200
    seed: int = 0
    volume: Path | None = None
    scan: Path | None = None
    wishes: Wishes = dataclasses.field(default_factory=Wishes)
    overrides: Overrides = dataclasses.field(default_factory=Overrides)
    max_unknown: float = 0.0
    overwrite: bool = False


class _Found(NamedTuple):
    """What a run found of a line.

    Attributes:
        salt: uint8 [samples, traces], 255 for a probability of 1.
        part: of it that was run; None where nothing was.
        threshold: salt is above this.
    """

    salt: Grey
    part: tuple[slice, slice] | None
    threshold: float

    @classmethod
    def of(cls, line: Interpreted, store: Store, survey: Survey) -> Self:
        """Out of a run's volume."""
        where = line.recorded.section.direction, line.recorded.section.place
        part = finished.ran(store, survey).of_section(*where)
        return cls(store.line(*where), part, finished.threshold_of(store))

    def decided(self, label: Grey) -> Grey:
        """A label, and where it says unknown what was found, of as much as was run."""
        decided = label.copy()
        if self.part:
            found = np.where(levels_above(self.threshold)[self.salt], SALT, NONE)[self.part]
            unknown = decided[self.part] == UNKNOWN
            decided[self.part] = np.where(unknown, found, decided[self.part])
        return decided

    def doubt(self, line: Interpreted) -> str:
        """See :func:`salt_survey.calibration.orientation.doubt`; of what was run."""
        if self.part is None:
            return ""
        turned = Turned.of(self.salt, known_within(line.label, self.part))
        return orientation.doubt(line.name, turned.ious(self.threshold))


@dataclasses.dataclass(frozen=True)
class _Line:
    """What was cut of a line.

    Attributes:
        cut: it.
        falls: the file has its traces from the last number to the first.
        why: why there may be few tiles.
        doubt: that the label may lie another way round than what was found; empty as a rule.
    """

    cut: CutLine
    falls: bool
    why: str
    doubt: str

    @property
    def salt(self) -> int:
        """Tiles with salt."""
        return sum(bool(tile.mask.any()) for tile in self.cut.tiles)

    def remarks(self, count: int) -> Iterator[str]:
        """What to say of it, where so many tiles were asked for."""
        if self.falls:
            yield f"line {self.cut.name}: {FALLS}"
        if self.doubt:
            yield f"warning: {self.doubt}"
        few, dry = min(_FEW, count // 2), len(self.cut.tiles) - self.salt
        if dry < few or self.salt < few:
            yield (
                f"warning: line {self.cut.name} gives {self.salt} tiles with salt and {dry} "
                f"without: {self.why}"
            )


def run(job: TilesJob, tell: Tell) -> list[str]:
    """Write the folder; returns what was done, a line each.

    Args:
        job: what was asked for.
        tell: warnings, a line each.

    Raises:
        UsageError: an input or output cannot be used, or the volume is of another survey.
        SurveyError: the survey or a label cannot be read as asked, or there is nothing to cut.
        OutputError: the disk is full.
    """
    labelled.check_each_once(job.labels)
    inputs = [job.survey, job.volume, job.scan, *(label.path for label in job.labels)]
    check = functools.partial(tile_folder.check, job.out, inputs, job.overwrite)
    check()
    with contextlib.ExitStack() as stack:
        if unlocked := stack.enter_context(writing(job.out, replaced=True)):
            tell(unlocked)
        store = Store.open(job.volume) if job.volume else None
        survey = stack.enter_context(_opened(job, store))
        settings = _settings(job, survey, store, tell)
        lines = [_line(job, label, survey, store, settings) for label in job.labels]
        for line in lines:
            for said in line.remarks(job.count):
                tell(said)
        if not any(line.salt for line in lines):
            raise SurveyError(_nothing(lines))
        with whole_folder(job.out, "salt-survey", check) as folder:
            tile_folder.write(folder, job.survey.stem, [line.cut for line in lines])
    return _done(job, lines, settings)


def _opened(job: TilesJob, store: Store | None) -> Survey:
    if store is None:
        return Survey.open(job.survey, load(job.scan) if job.scan else None, job.overrides)
    if job.scan or job.wishes != Wishes():
        raise UsageError(
            "--volume says how its survey was read and shown; leave out --scan, --zoom, --polarity "
            "and --stretch"
        )
    survey = finished.survey_of(store, job.survey, job.overrides)
    finished.check_lies_on(store, survey)
    return survey


def _settings(job: TilesJob, survey: Survey, store: Store | None, tell: Tell) -> Settings:
    kept = survey.scan.calibration if store is None else None
    calibration = Calibration.from_dict(kept) if kept else None
    settings = settled(job.wishes, calibration, Sampling.of(survey.scan))
    if store is not None:
        if doubt := finished.doubt(store, survey):
            tell(doubt)
        settings = finished.settings_of(store, settings)
    if settings.origin.doubt:
        tell(f"warning: {settings.origin.words}")
    for warning in survey.scan.warnings:
        tell(warning)
    return settings


def _line(
    job: TilesJob, label: Label, survey: Survey, store: Store | None, settings: Settings
) -> _Line:
    """Places do not depend on which other lines there are."""
    line = Interpreted.read(label, [survey], dry=True)
    found = None if store is None else _Found.of(line, store, survey)
    known = line.label if found is None else found.decided(line.label)
    direction = int(label.direction == "crossline")
    rng = np.random.default_rng([job.seed, direction, abs(label.number), int(label.number < 0)])
    tiles = cut(line.recorded, known, settings.display, job.count, rng, job.max_unknown)
    mark = _mark(line, settings.display)
    doubt = "" if found is None else found.doubt(line)
    why = _why(line, known, found is not None, job.max_unknown)
    return _Line(CutLine(line.name, mark, tuple(tiles)), line.falls, why, doubt)


def _mark(line: Interpreted, display: Display) -> str:
    digest = hashlib.sha256(f"{display.zoom} {display.stretch} ".encode())
    digest.update(np.ascontiguousarray(line.recorded.amplitude).tobytes())
    return digest.hexdigest()[:_MARK]


def _why(line: Interpreted, known: Grey, was_run: bool, most: float) -> str:
    """Why a line may give few tiles, and what to do about it."""
    unknown = np.count_nonzero((known == UNKNOWN) & line.recorded.there)
    cause = " and was not run" if was_run else ""
    mend = "run it" if was_run else "give --volume of a run, which decides there"
    if unknown:
        which = f"without salt with any and others with over {most:.0%}" if most else "with any"
        return (
            f"tiles {which} of the {unknown / known.size:.1%} that is unknown{cause} are left "
            f"out; {mend}, or {'a larger ' * (most > 0)}--max-unknown, or label more of it"
        )
    if not np.any(known == SALT):
        return "its label has no salt"
    return "it has no more places for others at this zoom"


def _nothing(lines: Sequence[_Line]) -> str:
    return "no tile with salt can be cut: " + "; ".join(
        f"line {line.cut.name}: {line.why}" for line in lines
    )


def _done(job: TilesJob, lines: Sequence[_Line], settings: Settings) -> list[str]:
    display = settings.display
    return [
        f"{job.out}: {sum(len(line.cut.tiles) for line in lines)} tiles of "
        f"{', '.join(f'line {line.cut.name}' for line in lines)}, "
        f"{sum(line.salt for line in lines)} of them with salt",
        f"shown with zoom {display.zoom}, polarity {display.polarity}, stretch {display.stretch}: "
        "run what learns from them alike",
        "tiles of a line overlap: learn from all of them, --fold none, and score on another line",
    ]
