"""Interpreted lines: a PNG for each, and the line it is of."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from salt_infer.data import png
from salt_infer.errors import TileError
from salt_survey.calibration.labelled import Label
from salt_survey.calibration.scoring import NONE, SALT, UNKNOWN
from salt_survey.errors import SurveyError
from salt_survey.reading.survey import Survey
from salt_survey.sections.reader import Direction, Reader, Recorded, Section
from salt_survey.sections.tiling import Grey


@dataclasses.dataclass(frozen=True)
class Interpreted:
    """A line with its label.

    Attributes:
        name: of the line.
        recorded: its amplitudes.
        label: uint8 [samples, traces]: 0 no salt, 255 salt, 128 unknown.
    """

    name: str
    recorded: Recorded
    label: Grey

    @classmethod
    def read(cls, label: Label, surveys: Sequence[Survey]) -> Self:
        """Read a label and its line.

        Args:
            label: which.
            surveys: the line has to be in one of them, and no more.

        Raises:
            SurveyError: it is not, or the PNG does not fit it or has other values.
        """
        having = [each for each in surveys if label.number in _numbers(each, label.direction)]
        if len(having) != 1:
            names = ", ".join(str(each.path) for each in having or surveys)
            seen = "is in several files" if having else "is in none of the files"
            raise SurveyError(f"{label.direction} {label.number} {seen}: {names}")
        survey = having[0]
        at = int(np.searchsorted(_numbers(survey, label.direction), label.number))
        section = Section(label.direction, at, at, at + 1)
        recorded = Reader(survey, slice(0, len(survey.times_ms))).read(section)
        drawn = _decoded(label.path, recorded.amplitude.shape)
        # Nothing is predicted where nothing was recorded, so nothing is scored there.
        return cls(label.name, recorded, np.where(recorded.there, drawn, np.uint8(UNKNOWN)))


def _numbers(survey: Survey, direction: Direction) -> npt.NDArray[np.int64]:
    return survey.inlines if direction == "inline" else survey.crosslines


def _decoded(path: Path, shape: tuple[int, ...]) -> Grey:
    rows, columns = shape
    try:
        with open(path, "rb") as file:
            label = png.decode(file.read(png.MAX_FILE_BYTES + 1), (rows, columns))
    except OSError as error:
        raise SurveyError(f"{path} cannot be read ({error.strerror or error})") from error
    except TileError as error:
        raise SurveyError(
            f"{path} cannot be used ({error}); expected a PNG of {rows} rows, one a sample, and "
            f"{columns} columns, one a trace of its line"
        ) from error
    values = set(np.unique(label).tolist())
    if not values <= {NONE, UNKNOWN, SALT} or not {NONE, SALT} <= values:
        raise SurveyError(
            f"{path} has the grey values {sorted(values)[:8]}, expected 0 where there is no salt, "
            "255 where there is, both of them, and 128 where that is unknown"
        )
    return label
