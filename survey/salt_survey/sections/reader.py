"""The sections of a survey: which there are, and their amplitudes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from salt_survey.reading.survey import Block, Survey
from salt_survey.sections.display import Direction
from salt_survey.sections.tiling import Floats, Mask


class Section(NamedTuple):
    """One line of a survey.

    Attributes:
        direction: of the line: an ``inline`` section has the crosslines as its traces.
        place: of the line among the survey's.
        start, stop: of the block of lines that it is read with.
    """

    direction: Direction
    place: int
    start: int
    stop: int


class Recorded(NamedTuple):
    """A section's amplitudes.

    Attributes:
        section: which.
        amplitude: float32 [samples, traces], finite; 0 where nothing was recorded.
        there: bool, likewise: where something was.
    """

    section: Section
    amplitude: Floats
    there: Mask


class Reader:
    """Reads sections in blocks of neighbours, as crosslines lie scattered in most files. One thread
    at a time.
    """

    def __init__(self, survey: Survey) -> None:
        """Nothing is read yet."""
        self._survey = survey
        self._key: tuple[Direction, int, int] | None = None
        self._block: Block | None = None

    def read(self, section: Section) -> Recorded:
        """Amplitudes of a section.

        Raises:
            SurveyError: the survey cannot be read any more.
        """
        key = (section.direction, section.start, section.stop)
        if self._key != key:
            self._key = self._block = None  # let go of it first: two would be twice the memory
            self._block, self._key = self._read(*key), key
        assert self._block is not None
        at = section.place - section.start
        where = np.s_[at] if section.direction == "inline" else np.s_[:, at]
        amplitude, there = self._block.amplitude[where], self._block.recorded[where]
        # Copies, so that a section in flight does not keep its block.
        return Recorded(section, amplitude.T.copy(), there.T.copy())

    def _read(self, direction: Direction, start: int, stop: int) -> Block:
        lines, all_of_them = slice(start, stop), slice(None)
        if direction == "inline":
            return self._survey.read(lines, all_of_them)
        return self._survey.read(all_of_them, lines)


def traces_of(survey: Survey, direction: Direction) -> int:
    """Traces of a section."""
    return len(survey.crosslines if direction == "inline" else survey.inlines)


def lines_of(survey: Survey, direction: Direction) -> int:
    """How many sections there are."""
    return len(survey.inlines if direction == "inline" else survey.crosslines)
