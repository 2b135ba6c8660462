"""The README is run: its session gives the output it shows, its help text is the help text."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent


def sessions() -> list[tuple[str, str]]:
    """(command, output shown) of every line after ``$`` in the README's console blocks."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            while command.endswith("\\"):
                more, _, output = output.partition("\n")
                command = command[:-1] + more.strip()
            found.append((command, output))
    return found


def comparable(text: str) -> str:
    """Without what differs from run to run, and without what may differ from processor to
    processor: the nodes that the runtime makes of a model, and the score's last two digits, where a
    pixel lies on the threshold."""
    text = re.sub(r"\d[\d.,]*( s\b| tiles/s| ?%| nodes)", r"N\1", text)
    return re.sub(r"(score \d\.\d\d)\d\d", r"\1..", text)


WHOLE_WAY = [pair for pair in sessions() if "demo/" in pair[0]]
RUNNABLE = [
    pair for pair in sessions()
    if pair[0].startswith(("salt-infer", "head")) and pair not in WHOLE_WAY
]  # fmt: skip


def test_there_is_something_to_run() -> None:
    assert any("--images examples/tiles" in command for command, _ in RUNNABLE)


def test_the_session_gives_the_output_shown(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for command, shown in RUNNABLE:
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False,
            env={"PATH": f"{BIN}:/usr/bin:/bin", "COLUMNS": "80"},
        )  # fmt: skip
        assert comparable(done.stdout + done.stderr) == comparable(shown), command


def without_numbers(text: str) -> str:
    """What is trained differs from processor to processor, and so does the stage that a few tiles
    wait for; the other words do not.
    """
    return re.sub(r"\d[\d.,e-]*", "N", re.sub("bound by .*", "bound by ...", text))


@pytest.mark.slow
def test_the_whole_way_can_be_gone(tmp_path: Path) -> None:
    assert len(WHOLE_WAY) == 5
    kept = ("PYTHONPATH", "OMP_NUM_THREADS")  # two threads on a busy machine wait for each other
    known = {name: os.environ[name] for name in kept if name in os.environ}
    for command, shown in WHOLE_WAY:
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False,
            env=known | {"PATH": f"{BIN}:/usr/bin:/bin", "COLUMNS": "80"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert without_numbers(done.stdout + done.stderr) == without_numbers(shown), command


@pytest.mark.slow
def test_a_survey_can_be_drawn_run_and_seen(tmp_path: Path) -> None:
    survey = [pair for pair in sessions() if " dome" in pair[0]]
    assert len(survey) == 3
    for command, shown in survey:
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False,
            env={"PATH": f"{BIN}:/usr/bin:/bin", "COLUMNS": "80"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert without_numbers(done.stdout + done.stderr) == without_numbers(shown), command


def test_make_commands_exist() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = re.findall(r"^make (\w+)\b", README, flags=re.MULTILINE)
    assert {"demo", "test"} <= set(named) <= set(targets)


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_links_lead_somewhere(path: str) -> None:
    assert (ROOT / path).exists()
