from __future__ import annotations

import itertools
import json
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from salt_infer.data import zip_archive
from tests.conftest import ROOT
from tests.infer.hostile.case import Case
from tests.infer.hostile.run import Outcome
from tests.infer.hostile.table import (
    CASES,
    MAX_CPU_S,
    MAX_MEMORY_MB,
    MAX_TABLE_CPU_S,
    MAX_TABLE_MB,
    document,
)

ALL = [case for _, case in CASES]
# One of each kind and chapter for the command itself.
COMMANDS = [
    "8-bit grey", "cut off after PLTE", "a name with bytes that are not UTF-8",
    "a link to a device", "1500 folders inside each other", "`--images` names an empty name",
    "`--images` names what is not there, with a line break", "`--images` names a link to itself",
    "a zip with an entry `../x.png`", "a zip bomb: 200 MB of zeros by bzip2",
    "a list that names a path with a NUL", "`nosuch://bucket/tiles`",
]  # fmt: skip
EXIT_CODES = {"tile": 0, "passed over": 0, "error": 2, "bad tile": 3}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """All cases, run in a process of their own: its memory and files are nobody else's."""
    command = [sys.executable, "-m", "tests.infer.hostile.run"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=600)
    return {value["about"]: Outcome(**value) for value in json.loads(done.stdout)}


@pytest.mark.slow
@pytest.mark.parametrize("case", ALL, ids=[case.about for case in ALL])
def test_a_hostile_input(case: Case, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[case.about]
    assert not outcome.traceback
    assert not outcome.touched
    assert outcome.left <= 0  # fewer: what an earlier case had let go ended late
    assert outcome.memory_mb < MAX_MEMORY_MB
    assert outcome.cpu_s < MAX_CPU_S
    assert outcome.error.isprintable()
    assert all(reason.isprintable() for reason in outcome.bad.values())
    if case.gives == "error":
        assert case.says in outcome.error
        assert outcome.rows is None
        return
    if outcome.error:  # no other tile was there
        assert "none of the" in outcome.error
        assert case.gives == "bad tile"
    assert (outcome.rows is None) == bool(outcome.error)
    assert (case.tile in (outcome.rows or [])) == (case.gives == "tile")
    assert (case.tile in outcome.bad) == (case.gives == "bad tile")
    assert case.says in outcome.bad.get(case.tile, "")
    assert case.gives != "bad tile" or case.says


@pytest.mark.slow
def test_sound_tiles_beside_it_get_their_rows(outcomes: dict[str, Outcome]) -> None:
    for case in ALL:
        bad = outcomes[case.about].bad.keys() - {case.tile}
        assert all(name.startswith("y") for name in bad), case.about  # what the case made besides
    with_good = [outcome for outcome in outcomes.values() if "good" in (outcome.rows or [])]
    assert len(with_good) > 150


@pytest.mark.slow
@pytest.mark.parametrize("about", COMMANDS)
def test_the_command(about: str, tmp_path: Path) -> None:
    (case,) = (case for case in ALL if case.about == about)
    folder, out = tmp_path / "in", tmp_path / "out.csv"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "salt_infer", "--images", case.make(folder), "--out", out],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=600,
    )  # fmt: skip
    subprocess.run(["rm", "-rf", folder], check=True)  # no rmtree is deep enough
    assert done.returncode == EXIT_CODES[case.gives]
    assert case.says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.replace("\n", "").isprintable()
    assert out.exists() == (case.gives != "error" and "none of the" not in done.stderr)


LISTING = """
import resource, sys, time
from pathlib import Path
from salt_infer.data.dataset import open_images
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
before, start = peak(), time.process_time()
with open_images(Path(sys.argv[1])) as source:
    print(len(source.tiles), peak() - before, time.process_time() - start)
"""


@pytest.mark.slow
def test_the_longest_table_of_a_zip(tmp_path: Path) -> None:
    """Nothing but a table of contents, of the shortest names."""
    names = (b"%x.png" % number for number in itertools.count())
    entries = (struct.pack("<4s24xH16x", b"PK\1\2", len(name)) + name for name in names)
    table = b"".join(itertools.islice(entries, 1_218_000))
    assert 0.999 < len(table) / zip_archive.MAX_TABLE_BYTES < 1
    tail = struct.pack("<4s4x2H2IH", b"PK\5\6", 0xFFFF, 0xFFFF, len(table), 0, 0)
    (tmp_path / "t.zip").write_bytes(table + tail)
    command = [sys.executable, "-c", LISTING, tmp_path / "t.zip"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    tiles, memory_mb, cpu_s = map(float, done.stdout.split())
    assert tiles == 1_218_000
    assert memory_mb < MAX_TABLE_MB
    assert cpu_s < MAX_TABLE_CPU_S


def test_each_case_is_one() -> None:
    assert Counter(case.about for case in ALL).most_common(1)[0][1] == 1
    assert len(ALL) >= 60
    assert {case.gives for case in ALL} == EXIT_CODES.keys()


def test_the_document_is_up_to_date() -> None:
    """If not: python -m tests.infer.hostile > docs/hostile-inputs.md."""
    assert (ROOT / "docs/hostile-inputs.md").read_text() == document()
