"""Interpreted lines: a PNG for each, and the line it is of."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from salt_infer.data import png, png_file
from salt_infer.errors import TileError
from salt_survey.calibration.labelled import Label
from salt_survey.calibration.scoring import NONE, SALT, UNKNOWN
from salt_survey.errors import SurveyError
from salt_survey.reading.survey import Survey
from salt_survey.scan.geometry import NO_TRACE
from salt_survey.sections import tiling
from salt_survey.sections.display import Direction, Display
from salt_survey.sections.reader import Reader, Recorded, Section
from salt_survey.sections.sampling import Sampling
from salt_survey.sections.tiling import Grey, Tiles

FALLS = (
    "the file has its traces from the last number to the first; the columns of its label are taken "
    "to rise by number all the same"
)
_FEW = 6  # lines that are named, each


@dataclasses.dataclass(frozen=True)
class Interpreted:
    """A line with its label.

    Attributes:
        name: of the line.
        recorded: its amplitudes.
        label: uint8 [samples, traces]: 0 no salt, 255 salt, 128 unknown.
        sampling: of its survey.
        falls: the file has its traces from the last number to the first.
    """

    name: str
    recorded: Recorded
    label: Grey
    sampling: Sampling
    falls: bool = False

    @classmethod
    def read(
        cls, label: Label, surveys: Sequence[Survey], remedy: str = "", *, dry: bool = False
    ) -> Self:
        """Read a label and its line.

        Args:
            label: which.
            surveys: the line has to be in one of them, and no more.
            remedy: what else to do where it is in none, for the error.
            dry: it may be without salt.

        Raises:
            SurveyError: it is not, or the PNG does not fit it or has other values.
        """
        having = [each for each in surveys if label.number in _numbers(each, label.direction)]
        if not having:
            raise SurveyError(_in_none(label, surveys, remedy))
        if len(having) > 1:
            names = ", ".join(str(each.path) for each in having)
            raise SurveyError(f"{label.direction} {label.number} is in several files: {names}")
        survey = having[0]
        at = int(np.searchsorted(_numbers(survey, label.direction), label.number))
        section = Section(label.direction, at, at, at + 1)
        recorded = Reader(survey).read(section)
        drawn = _decoded(label, survey, recorded.amplitude.shape, dry)
        # Nothing is predicted where nothing was recorded, so nothing is scored there.
        scored = np.where(recorded.there, drawn, np.uint8(UNKNOWN))
        of_line = survey.traces[at] if label.direction == "inline" else survey.traces[:, at]
        return cls(label.name, recorded, scored, Sampling.of(survey.scan), _falls(of_line))

    def cut(self, usual: Display) -> Tiles:
        """Its tiles, as its survey's sampling asks for what would be a display of F3."""
        section, amplitude, there = self.recorded
        return tiling.cut(amplitude, there, self.sampling.display(usual).along(section.direction))


def _numbers(survey: Survey, direction: Direction) -> npt.NDArray[np.int64]:
    return survey.inlines if direction == "inline" else survey.crosslines


def _falls(traces: npt.NDArray[np.integer]) -> bool:
    """Traces of rising line numbers come ever earlier in the file."""
    there = traces[traces != NO_TRACE]
    return bool(len(there) > 1 and np.all(np.diff(there) < 0))


def _in_none(label: Label, surveys: Sequence[Survey], remedy: str) -> str:
    """What lines there are instead."""
    files = ", ".join(
        f"{each.path} has {_listed(_numbers(each, label.direction))}" for each in surveys
    )
    return (
        f"{label.direction} {label.number} is in none of the files: {files}; give the number of "
        f"one of these{remedy}{_other(label, surveys)}"
    )


def _listed(numbers: npt.NDArray[np.int64]) -> str:
    """All of a few, of many the first and the last."""
    if len(numbers) <= _FEW:
        return ", ".join(map(str, numbers))
    return f"{numbers[0]} to {numbers[-1]}"


def _other(label: Label, surveys: Sequence[Survey]) -> str:
    """A hint, where the number is one of the other direction's."""
    other: Direction = "inline" if label.direction == "crossline" else "crossline"
    if not any(label.number in _numbers(each, other) for each in surveys):
        return ""
    return f"; or is it {other} {label.number}, {label.other}=?"


def _decoded(label: Label, survey: Survey, shape: tuple[int, ...], dry: bool) -> Grey:
    path, (rows, columns) = label.path, shape
    try:
        with open(path, "rb") as file:
            data = file.read(png_file.MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SurveyError(f"{path} cannot be read ({error.strerror or error})") from error
    try:
        drawn = png.decode(data, (rows, columns))
    except TileError as error:
        raise SurveyError(
            f"{path} cannot be used ({error}); expected a PNG of {rows} rows, one a sample, and "
            f"{columns} columns, one a trace of {label.direction} {label.number}"
            f"{_of_the_other(label, survey, data, rows)}"
        ) from error
    values = set(np.unique(drawn).tolist())
    needed = {NONE} if dry else {NONE, SALT}
    if not needed <= values <= {NONE, UNKNOWN, SALT}:
        raise SurveyError(
            f"{path} has the grey values {sorted(values)[:8]}, expected 0 where there is no salt, "
            f"255 where there is, {'0 at least' if dry else 'both of them'}, and 128 where that is "
            "unknown"
        )
    return drawn


def _of_the_other(label: Label, survey: Survey, data: bytes, rows: int) -> str:
    """A hint, where the picture fits lines of the other direction."""
    across = len(_numbers(survey, label.direction))
    try:
        png.decode(data, (rows, across))
    except TileError:
        return ""
    if label.direction == "crossline":
        return f"; it would fit an inline ({_listed(survey.inlines)}): is it one, without the x?"
    return (
        f"; it would fit a crossline ({_listed(survey.crosslines)}): is it one, with an x before?"
    )
