"""Whole surveys: SEG-Y in, a volume of salt probabilities that lies exactly on it out.

What is in ``__all__`` is for programs, see ``docs/library.md``; the command line does the same.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from salt_survey.job.job import Job
    from salt_survey.job.job import run as find_salt
    from salt_survey.job.publish import Targets
    from salt_survey.job.run_report import SurveyReport
    from salt_survey.reading.survey import Survey
    from salt_survey.scan.overrides import Overrides
    from salt_survey.sections.display import Stretch, Zoom
    from salt_survey.sections.settings import Wishes
    from salt_survey.volume.extent import Range

__all__ = [
    "Job",
    "Overrides",
    "Range",
    "Stretch",
    "Survey",
    "SurveyReport",
    "Targets",
    "Wishes",
    "Zoom",
    "find_salt",
]
_HOMES = {
    "Job": ("job.job", "Job"),
    "Overrides": ("scan.overrides", "Overrides"),
    "Range": ("volume.extent", "Range"),
    "Stretch": ("sections.display", "Stretch"),
    "Survey": ("reading.survey", "Survey"),
    "SurveyReport": ("job.run_report", "SurveyReport"),
    "Targets": ("job.publish", "Targets"),
    "Wishes": ("sections.settings", "Wishes"),
    "Zoom": ("sections.display", "Zoom"),
    "find_salt": ("job.job", "run"),
}


def __dir__() -> list[str]:
    """What is offered: completion goes by this, and imports nothing."""
    return __all__


def __getattr__(name: str) -> Any:
    """Import what reads and runs only for those who use it: help is given without."""
    if name in _HOMES:
        module, its_name = _HOMES[name]
        return getattr(importlib.import_module(f"salt_survey.{module}"), its_name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def main() -> NoReturn:
    """Entry point of the ``salt-survey`` command."""
    from salt_infer.cli import console
    from salt_survey.cli.survey import cli

    console.run(cli)
