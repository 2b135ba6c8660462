from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import check
import pytest
from common.ratios import Ratio

from tests.conftest import ROOT

THEN = {"rle": {"encode": Ratio(11.0, 10.0, 12.0)}}  # apart by 2.0


def rows(median: float) -> list[check.Row]:
    return check.compare(THEN, {"rle": {"encode": Ratio(median, 0.0, 99.0)}})


@pytest.mark.parametrize(("median", "dropped"), [(15.0, False), (9.0, False), (8.99, True)])
def test_a_ratio_may_drop_by_as_much_as_rounds_lay_apart(median: float, dropped: bool) -> None:
    assert [row.dropped for row in rows(median)] == [dropped]


def test_what_is_new_or_left_out_is_said_and_does_not_fail() -> None:
    found = check.compare(
        THEN | {"scale": {"all": Ratio(1.0, 1.0, 1.0)}}, {"rle": {"decode": Ratio(1.0, 1.0, 1.0)}}
    )
    assert [row.cells() for row in found] == [
        ("rle: encode", "11.00", "2.00", "", "not measured"),
        ("rle: decode", "", "", "1.00", "new"),
    ]
    assert not any(row.dropped for row in found)


def test_the_table_is_markdown_in_columns() -> None:
    assert check.table(rows(8.0)) == [
        "| ratio       | stored | spread | fresh |         |",
        "|-------------|--------|--------|-------|---------|",
        "| rle: encode | 11.00  | 2.00   | 8.00  | DROPPED |",
    ]


def write(path: Path, median: float) -> None:
    found = {"ratios": {"encode": {"median": median, "min": median - 1, "max": median + 1}}}
    path.write_text(json.dumps(found))


def run(tmp_path: Path, script: str) -> subprocess.CompletedProcess[str]:
    """check.py as a process; the short set is a script that finds the folder where it is told."""
    stored = tmp_path / "stored"
    stored.mkdir()
    write(stored / "rle.json", 11.0)
    (stored / "old.json").write_text('{"machine": {}, "table": []}')  # without ratios
    return subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "check.py", "--stored", stored, "--",
         sys.executable, "-c", f"import os, pathlib, shutil, sys\n{script}", tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


COPY = "shutil.copy(sys.argv[1] + '/fresh.json', os.environ['SALT_BENCH_RESULTS'] + '/rle.json')"


@pytest.mark.parametrize(("median", "code"), [(9.5, 0), (8.5, 1)])
def test_a_drop_is_the_exit_code(tmp_path: Path, median: float, code: int) -> None:
    write(tmp_path / "fresh.json", median)
    done = run(tmp_path, COPY)
    assert done.returncode == code
    assert f"| 11.00  | 2.00   | {median:.2f}  |" in done.stdout
    assert ("1 of 1 ratios dropped" in done.stderr) == bool(code)


@pytest.mark.parametrize(
    ("script", "message"),
    [("pass", "no ratio was measured"), ("sys.exit(5)", "failed with exit code 5")],
)
def test_a_run_that_measured_nothing_fails(tmp_path: Path, script: str, message: str) -> None:
    done = run(tmp_path, script)
    assert done.returncode == 1
    assert message in done.stderr
