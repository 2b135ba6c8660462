"""What comes of a scan: the scan itself, what a survey is read with, and what there is to say."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from salt_survey.scan.coordinates import Positions
from salt_survey.scan.finding_kinds import Kind
from salt_survey.scan.geometry import Grid
from salt_survey.scan.record import Scan, Verdict
from salt_survey.scan.recorded import FILL, PADDING
from salt_survey.scan.statistics import Stats
from salt_survey.segy.layout import Layout

_SPARSE = 0.8  # share of the places without a trace, above which a grid is hardly meant
_SPIKE = 20  # times as large as 98 % of the amplitudes: in real surveys the largest are 5 times


@dataclasses.dataclass
class Said:
    """What there is to say of a survey, and of what kind it is where something depends on that;
    grows while it is scanned.
    """

    notes: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    questions: list[str] = dataclasses.field(default_factory=list)
    faults: list[str] = dataclasses.field(default_factory=list)
    kinds: dict[str, Kind] = dataclasses.field(default_factory=dict)

    def warn(self, kind: Kind, line: str) -> None:
        """A warning of a kind."""
        self.warnings.append(line)
        self.kinds[line] = kind

    def note(self, kind: Kind, line: str) -> None:
        """A note of a kind."""
        self.notes.append(line)
        self.kinds[line] = kind

    def refuse(self, kind: Kind, line: str) -> None:
        """A fault of a kind."""
        self.faults.append(line)
        self.kinds[line] = kind

    def repeat(self, known: Scan, others: bool) -> None:
        """Say again what a scan that was given has of the samples, as these are not gone through
        again; ``others``: and its other notes and warnings that are not about the scan itself.
        """
        for mine, theirs in ((self.notes, known.notes), (self.warnings, known.warnings)):
            kinds = (None, "given", "header", "samples") if others else ("samples",)
            lasting = [line for line in theirs if known.kinds.get(line) in kinds]
            mine[:] = dict.fromkeys([*lasting, *mine] if others else [*mine, *lasting])
        self.faults += [line for line in known.faults if known.kinds.get(line) == "samples"]
        self.kinds |= known.kinds

    @property
    def verdict(self) -> Verdict:
        if self.faults:
            return "refuse"
        if self.questions:
            return "ask"
        return "warn" if self.warnings else "ok"

    def fields(self) -> dict[str, Any]:
        """As a scan has them."""
        names = ("notes", "warnings", "questions", "faults")
        lists = {name: tuple(getattr(self, name)) for name in names}
        lines = (*self.notes, *self.warnings, *self.faults)
        kinds = {line: self.kinds[line] for line in lines if line in self.kinds}
        return lists | {"kinds": kinds, "verdict": self.verdict}


@dataclasses.dataclass(frozen=True)
class Found:
    """A scan, and what a survey is read with.

    Attributes:
        scan: what it is.
        layout: where its traces are; None of an array.
        grid: their places; None where nothing numbers the lines.
        positions: coordinates of the traces; None if not known.
        silent: bool [traces], dead or without a finite sample; None if the samples were not read.
    """

    scan: Scan
    layout: Layout | None = None
    grid: Grid | None = None
    positions: Positions | None = None
    silent: npt.NDArray[np.bool_] | None = None


def of_samples(stats: Stats | None, known: Scan | None) -> dict[str, Any]:
    """Fields of a scan that only the samples tell: now, or when they were gone through before."""
    if stats is not None:
        return {
            "dead": stats.dead,
            "bad_samples": stats.bad_samples,
            "nulls_1e30": stats.nulls,
            "fill": stats.fill,
            "percentiles": stats.percentiles,
            "spectrum": stats.spectrum,
        }
    if known is not None:
        names = ("dead", "bad_samples", "nulls_1e30", "fill", "percentiles", "spectrum")
        return {name: getattr(known, name) for name in (*names, "calibration")}
    return {}


def tell_missing(grid: Grid, said: Said) -> None:
    """Say how many places of a grid have no trace, with a warning where these are nearly all."""
    share = grid.missing / grid.traces.size
    if not grid.missing or (grid.order == "line" and share <= _SPARSE):
        return
    line = f"{grid.missing} of {grid.traces.size} places ({share:.1%}) have no trace"
    if share > _SPARSE:
        line += ": most of what is run is made up between traces; are these the lines?"
    (said.warnings if share > _SPARSE else said.notes).append(line)


def tell_of(stats: Stats, traces: int, said: Said) -> None:
    """Say what the samples of so many traces are like, and what is wrong with them."""
    if not stats.recorded:
        said.refuse(
            "samples",
            f"nothing recorded: {traces} traces, all dead or without a finite sample",
        )
    elif stats.recorded < 2:
        said.refuse("samples", "one live trace alone, expected two at least")
    for line in _not_recorded(stats):
        said.note("samples", f"{line}; they count as not recorded")
    tell_spikes(stats, said)


def _not_recorded(stats: Stats) -> Iterator[str]:
    if stats.dead and stats.recorded > 1:
        loud = f", of which {stats.loud} are flagged so and hold amplitudes all the same"
        yield f"{stats.dead} dead traces{loud if stats.loud else ''}"
    if stats.flat:
        yield f"{stats.flat} traces hold one value alone"
    if stats.filled:
        nowhere = ", which is no amplitude at the ends of others either" if stats.fill else ""
        yield (
            f"{stats.filled} traces begin or end with {FILL} samples or more of one value, such as "
            f"{stats.blank:g}{nowhere}"
        )
    bad = f"{stats.bad_samples} samples are NaN or infinite" if stats.bad_samples else ""
    nulls = f"{stats.nulls} samples are a null value, 1e29 or more or {PADDING:g}"
    if bad or stats.nulls:
        yield " and ".join(filter(None, (bad, nulls if stats.nulls else "")))
    if others := int(np.count_nonzero(stats.silent)) - stats.dead - stats.flat:
        yield f"{others} traces hold zeros and such samples alone"


def tell_spikes(stats: Stats, said: Said) -> None:
    """Warn of amplitudes far beyond the others: the tiles that hold one are of one grey."""
    most = _SPIKE * stats.usual
    if not most:
        return
    nulls = [each for each in stats.repeated if abs(each.value) > most]
    for value, share in nulls:
        said.warn(
            "samples",
            f"{100 * share:.2g} % of the amplitudes are exactly {value:g}, where 98 % of the "
            f"others are within {stats.usual:.4g}: a null value? It is shown to the model as an "
            "amplitude; put 0, or in floats 1e30, in its place (in a Zarr, say that it is the "
            "_FillValue)",
        )
    if stats.largest > max([most, *(abs(value) for value, _ in nulls)]):
        said.warn(
            "samples",
            f"there are amplitudes up to {stats.largest:.4g}, where 98 % are within "
            f"{stats.usual:.4g}: a tile with such a spike is of nearly one grey, and salt in it is "
            "not found; clip them (--stretch 0.5%), or mend the file",
        )
