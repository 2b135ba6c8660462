"""What a job comes to for its survey, once that was read: nothing in it is asked for any more."""

from __future__ import annotations

import dataclasses
from typing import Self

from salt_survey.execution.slab_work import Work
from salt_survey.execution.slabs import Division
from salt_survey.sections.settings import ADVICE, Calibration, Settings
from salt_survey.volume.extent import Extent


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a job comes to for its survey.

    Attributes:
        settings: as asked for, calibrated or by default.
        calibration: what the survey's scan has of it.
        extent: the part of the survey.
        division: of that into slabs.
        warnings: what may make the volume other than it looks, a line each.
        halved: why salt may not be found in both directions together; empty where it is not so.
    """

    settings: Settings
    calibration: Calibration | None
    extent: Extent
    division: Division
    warnings: tuple[str, ...]
    halved: str

    @property
    def if_nothing(self) -> str:
        """What to say where no salt was found; empty where it was said before."""
        by_eye = self.settings.origin.source == "user"
        return self.halved or (
            f"no salt was found at this zoom and polarity{ADVICE}" if by_eye else ""
        )

    def doubted(self, line: str) -> Self:
        """The same, calibrated with another model, of which the line is a warning."""
        settings = self.settings.with_another_model()
        return dataclasses.replace(self, settings=settings, warnings=(*self.warnings, line))

    @property
    def work(self) -> Work:
        """What is done with every slab."""
        settings, division = self.settings, self.division
        return Work(
            settings.display, self.extent.samples, division.block, settings.threshold, division.room
        )
