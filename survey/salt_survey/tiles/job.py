"""One call of ``salt-survey tiles``: from interpreted lines to a folder for ``salt-train``."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from salt_infer.data import png
from salt_infer.errors import InputError, OutputExistsError, UsageError
from salt_infer.system import output_checks
from salt_infer.system.location import real
from salt_infer.system.output_locks import writing
from salt_infer.system.whole_files import whole_folder
from salt_survey.calibration import labelled
from salt_survey.calibration.labelled import Label
from salt_survey.calibration.labels import Interpreted
from salt_survey.calibration.scoring import NONE, SALT, UNKNOWN
from salt_survey.errors import SurveyError
from salt_survey.reading.survey import Survey
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import load
from salt_survey.sections.sampling import Sampling
from salt_survey.sections.settings import Calibration, Settings, Wishes, settled
from salt_survey.sections.tiling import WHITE, Grey, levels_above
from salt_survey.tiles.cutting import Cut, cut
from salt_survey.volume import finished
from salt_survey.volume.store import Store

_IMAGES, _MASKS, _TABLE = "images", "masks", "tiles.csv"
_COLUMNS = ("id", "line", "row", "column", "polarity", "salt")
_FEW = 10  # tiles of a kind, below which a line teaches hardly anything


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
    overwrite: bool = False


def run(job: TilesJob, tell: Callable[[str], None]) -> list[str]:
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
    _check_folder(job)
    with contextlib.ExitStack() as stack:
        if unlocked := stack.enter_context(writing(job.out, replaced=True)):
            tell(unlocked)
        store = Store.open(job.volume) if job.volume else None
        survey = stack.enter_context(_opened(job, store))
        settings = _settings(job, survey, store, tell)
        cuts = {}
        for label in job.labels:
            line = Interpreted.read(label, [survey], dry=True)
            known = line.label if store is None else _decided(line, store, survey)
            cuts[label.name] = _cuts(job, label, line, known, settings)
            if doubt := _doubt(line, known, cuts[label.name]):
                tell(doubt)
        if not any(tile.mask.any() for tiles in cuts.values() for tile in tiles):
            raise SurveyError(_nothing(job))
        with whole_folder(job.out, "salt-survey") as folder:
            _write(folder, job.survey.stem, cuts)
    return _done(job, cuts, settings)


def _check_folder(job: TilesJob) -> None:
    """Fail where the folder cannot be written: what is there is replaced as a whole."""
    output_checks.check_parent(job.out)
    target = real(job.out)
    for path in (job.survey, job.volume, *(label.path for label in job.labels)):
        if path is not None and target in (real(path), *real(path).parents):
            raise UsageError(f"{job.out} holds {path}, which is read; name another folder")
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise InputError(f"{job.out} is not a directory, expected the name of one to write")
    there = {entry.name for entry in target.iterdir()}
    if others := sorted(there - {_IMAGES, _MASKS, _TABLE}):
        raise InputError(
            f"{job.out} holds {others[0]!r}, which salt-survey tiles does not write: it is "
            "replaced as a whole; name a folder of its own"
        )
    if there and not job.overwrite:
        raise OutputExistsError(f"{job.out} is not empty; give --overwrite to replace all of it")


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


def _settings(
    job: TilesJob, survey: Survey, store: Store | None, tell: Callable[[str], None]
) -> Settings:
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


def _cuts(
    job: TilesJob, label: Label, line: Interpreted, known: Grey, settings: Settings
) -> list[Cut]:
    """The tiles of a line; places do not depend on which others there are."""
    direction = int(label.direction == "crossline")
    rng = np.random.default_rng([job.seed, direction, abs(label.number), int(label.number < 0)])
    return cut(line.recorded, known, settings.display, job.count, rng)


def _decided(line: Interpreted, store: Store, survey: Survey) -> Grey:
    """The label, and where it says unknown what the run found, of as much as was run."""
    section = line.recorded.section
    where = slice(section.place, section.place + 1)
    salt = store.read("probability", section.direction, where)
    salt = salt.squeeze(0 if section.direction == "inline" else 1).T
    found = np.where(levels_above(finished.threshold_of(store))[salt], SALT, NONE)
    decided = line.label.copy()
    if part := finished.ran(store, survey).of_section(section.direction, section.place):
        decided[part] = np.where(decided[part] == UNKNOWN, found[part], decided[part])
    return decided


def _write(folder: Path, survey: str, cuts: dict[str, list[Cut]]) -> None:
    for name in (_IMAGES, _MASKS):
        (folder / name).mkdir()
    with open(folder / _TABLE, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(_COLUMNS)
        for line, tiles in cuts.items():
            for tile in tiles:
                identity = f"{survey}-{line}-{tile.name}"
                for name, pixels in ((_IMAGES, tile.grey), (_MASKS, tile.mask * WHITE)):
                    (folder / name / f"{identity}.png").write_bytes(png.encode(pixels))
                way = "reversed" if tile.reversed else "normal"
                share = f"{tile.mask.mean():.4f}"
                table.writerow((identity, line, tile.row, tile.column, way, share))


def _doubt(line: Interpreted, known: Grey, tiles: list[Cut]) -> str:
    """What to say of a line that gives few tiles for what is unknown in it; empty of others."""
    unknown = np.count_nonzero((known == UNKNOWN) & line.recorded.there)
    salt = sum(bool(tile.mask.any()) for tile in tiles)
    if not unknown or min(salt, len(tiles) - salt) >= _FEW:
        return ""
    return (
        f"warning: line {line.name} gives {salt} tiles with salt and {len(tiles) - salt} without: "
        f"tiles with any of the {unknown / known.size:.1%} that is unknown are left out; give "
        "--volume of a run, which decides there, or label more of it"
    )


def _nothing(job: TilesJob) -> str:
    lines = ", ".join(f"line {label.name}" for label in job.labels)
    return (
        f"no tile of {lines} has salt and nothing that the label leaves unknown; give --volume of "
        "a run, which decides there, or label more"
    )


def _done(job: TilesJob, cuts: dict[str, list[Cut]], settings: Settings) -> list[str]:
    tiles: Iterable[Cut] = [tile for each in cuts.values() for tile in each]
    salt = [bool(tile.mask.any()) for tile in tiles]
    display = settings.display
    return [
        f"{job.out}: {len(salt)} tiles of {', '.join(f'line {name}' for name in cuts)}, "
        f"{sum(salt)} of them with salt",
        f"shown with zoom {display.zoom}, polarity {display.polarity}, stretch {display.stretch}: "
        "run what learns from them alike",
    ]
