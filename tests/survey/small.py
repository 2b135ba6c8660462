"""A small drawn survey, and the memory with which it is run in three slabs of 16 sections."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from salt_survey.execution import slabs
from salt_survey.sections.display import Display, Zoom
from salt_survey.segy.create import Kind
from salt_survey.synthetic import Plan, draw
from salt_survey.volume.extent import Extent
from tests.conftest import ROOT

INLINES, CROSSLINES, SAMPLES = 40, 60, 50
# Of so small a survey the judge is not sure: salt is what is above this.
THRESHOLD = 0.1
SETTINGS = ["--zoom", "2/1.5", "--polarity", "normal", "--threshold", str(THRESHOLD)]
EXTENT = Extent(
    (INLINES, CROSSLINES, SAMPLES), (0, INLINES), (0, CROSSLINES), (0, SAMPLES)
)  # fmt: skip
MEMORY = slabs.need(EXTENT, [EXTENT.place("inline", Display(Zoom.parse(SETTINGS[1])))])


def survey(folder: Path) -> Path:
    """Draw it; each of its sections is one tile."""
    kind = Kind(SAMPLES, 4.0, 400)
    return draw(Plan(INLINES, CROSSLINES, SAMPLES, kind=kind), folder, labelled=(20,))[0]


def start(command: str, *arguments: object) -> subprocess.Popen[str]:
    """``salt-survey`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "salt_survey", command, *map(str, arguments)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(command: str, *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and error of ``salt-survey``."""
    process = start(command, *arguments)
    out, errors = process.communicate(timeout=600)
    return process.returncode, out, errors


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
