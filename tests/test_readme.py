"""The pages are run: sessions give the output they show, and links lead somewhere."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import pages
from tests.conftest import ROOT
from tests.pages import PAGES, Session
from tests.serve.running import started

README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PROGRAMS = ROOT / "docs" / "library.md"  # run by tests/test_library.py
BIN = Path(sys.executable).parent
KEPT = ("PYTHONPATH", "OMP_NUM_THREADS")  # two threads on a busy machine wait for each other
SERVER = "127.0.0.1:8080"  # where a session's salt-serve listens


def has(session: Session, command: str) -> bool:
    return any(f"{command} " in step.command for step in session.steps)


def marked(session: Session) -> Any:
    is_long = has(session, "salt-train") or has(session, "salt-survey run")
    return pytest.param(session, id=str(session), marks=[pytest.mark.slow] if is_long else [])


def comparable(text: str) -> str:
    """Without what differs from run to run, and without what may differ from processor to
    processor: the nodes that the runtime makes of a model, and a share's digits after the second,
    where a pixel lies on the threshold."""
    text = re.sub(r"\b(\d+\.\d)\d*%", r"\1.. of a hundred", re.sub("bound by .*", "", text))
    text = re.sub(r"\d[\d.,]*( s\b| tiles/s| sections/s| ?%| nodes)", r"N\1", text)
    return re.sub(r"\b(0\.\d\d)\d+", r"\1..", text)


def without_numbers(text: str) -> str:
    """What is trained differs from processor to processor, and so does the stage that a few tiles
    wait for; the other words do not.
    """
    return re.sub(r"\d[\d.,e-]*", "N", re.sub("bound by .*", "bound by ...", text))


@contextlib.contextmanager
def server(session: Session) -> Iterator[str]:
    """Address of a server of the session's own, if it speaks to one."""
    if not any(SERVER in step.command for step in session.steps):
        yield SERVER
        return
    with started([str(BIN / "salt-serve"), "--port", "0", "--grace", "2"]) as port:
        yield f"127.0.0.1:{port}"


@pytest.mark.parametrize("session", [marked(each) for each in pages.sessions()])
def test_a_session_gives_the_output_shown(session: Session, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    like = without_numbers if has(session, "salt-train") else comparable
    known = {key: os.environ[key] for key in KEPT if key in os.environ}
    with server(session) as address:
        for command, shown in session.steps:
            done = subprocess.run(
                command.replace(SERVER, address), shell=True, cwd=tmp_path, capture_output=True,
                text=True, check=False, env=known | {"PATH": f"{BIN}:/usr/bin:/bin"},
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            told = re.sub(r"^salt-export: .* \.\.\.\n", "", done.stderr, flags=re.MULTILINE)
            assert like(done.stdout + told) == like(shown), command  # it is for logs alone


def test_the_main_sessions_are_found() -> None:
    """A block that is not read as one would not be run."""
    commands = [step.command for each in pages.sessions() for step in each.steps]
    for words in ("--images examples/tiles", "salt-train --data demo/", "look dome/", SERVER):
        assert any(words in command for command in commands), words


@pytest.mark.parametrize("page", sorted({README, *DOCS} - {PROGRAMS}), ids=pages.name)
def test_python_runs(page: Path) -> None:
    tiles = np.zeros((2, 101, 101), np.uint8)
    for block in pages.blocks(page, "python"):
        exec(block, {"tiles": tiles})


def test_make_commands_exist() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for page in (README, ROOT / "CONTRIBUTING.md"):
        named = re.findall(r"^make ([\w-]+)", page.read_text(), flags=re.MULTILINE)
        assert {"demo", "test"} <= set(named) <= set(targets)


def test_the_readme_is_short_and_names_every_page() -> None:
    assert len(README.read_text().splitlines()) < 200
    assert set(DOCS) <= {path for path, _ in pages.links(README)}


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in pages.links(page):
        assert path.exists(), path
        assert not anchor or anchor in pages.anchors(path), f"{path}#{anchor}"


@pytest.mark.parametrize("page", [ROOT / "CONTRIBUTING.md", *DOCS], ids=pages.name)
def test_modules_and_tests_that_are_named_exist(page: Path) -> None:
    for named in re.findall(r"`((?:salt_\w+|tests)/[\w/]+\.py)`", page.read_text()):
        assert (ROOT / named).exists() or any(ROOT.glob(f"*/{named}")), named
