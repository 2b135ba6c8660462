from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import record
import scale
from click import ClickException
from click.testing import CliRunner


def run_of(tiles: int) -> dict[str, list[float]]:
    """Exactly 1 s and 2 ms a tile, of which half a second publishes; 100 MB and 1 kB a tile."""
    spent = 0.5 + tiles * 2e-3
    values = [0.3, spent, 0.5, spent + 1, spent, 100 + tiles * 1e-3]
    return {key: [value, value, value * 9] for key, value in zip(scale.KEYS, values, strict=True)}


FOUND: dict[str, Any] = {str(tiles): run_of(tiles) for tiles in (1000, 2000, 4000)}


def test_the_table_has_the_lines() -> None:
    lines = scale.table({"runs": FOUND, "lines": scale.lines_through(FOUND)})
    assert "| 1,000 | 0.30 | 2.50 | 0.50 | 333 | 2.50 | 101 |" in lines
    assert "Time without start-up: 1.00 s and 2.000 ms a tile; " in lines[6]
    assert lines[6].endswith("no run is farther than 0.0% from that line.")
    assert "Memory: 100 MB and 1000 bytes a tile, within 0.0%." in lines


def test_of_two_numbers_of_tiles_it_is_not_said_that_a_line_fits() -> None:
    found = {tiles: FOUND[tiles] for tiles in ("1000", "4000")}
    lines = scale.table({"runs": found, "lines": scale.lines_through(found)})
    assert lines[-3:] == [
        "Time without start-up: 1.00 s and 2.000 ms a tile.",
        "CPU time of the process: 0.50 s and 2.000 ms a tile.",
        "Memory: 100 MB and 1000 bytes a tile.",
    ]


def test_the_largest_deviation_is_found() -> None:
    line = scale.fit([1, 2, 3], [10, 26, 30])
    assert (line.at_zero, line.each) == pytest.approx((2.0, 10.0))
    assert line.deviation == pytest.approx(2 / 10)


def test_one_number_of_tiles_gives_no_line() -> None:
    lines = scale.table({"runs": {"1000": run_of(1000)}, "lines": {}})
    assert len(lines) == 3


def test_peak_memory_is_the_processs_own() -> None:
    program = "x = bytearray(200_000_000); del x; import time; time.sleep(.1)"
    small = "import time; time.sleep(.1)"
    peaks = []
    for text in (program, small):
        with subprocess.Popen([sys.executable, "-S", "-c", text]) as process:
            peaks.append(scale.peak_mb(process))
    assert peaks[0] > 200 > 50 > peaks[1]


@pytest.mark.slow
def test_it_runs_the_real_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    arguments = ["--null", "--tiles", "24", "--tiles", "48", "--rounds", "1", "--", "-b", "8"]
    done = CliRunner().invoke(scale.main, arguments, catch_exceptions=False)
    assert done.output.startswith("| tiles | start-up s |")
    result = json.loads((tmp_path / "scale-null.json").read_text())
    assert list(result["runs"]) == ["24", "48"]
    assert all(len(values) == 1 for values in result["runs"]["48"].values())
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "scale-null.png", "scale-null-memory.png",
    }  # fmt: skip


@pytest.mark.slow
def test_a_run_that_fails_ends_it(tmp_path: Path) -> None:
    with pytest.raises(ClickException, match="ended with 2"):
        scale.run(tmp_path, tmp_path, scale.PROGRAM, ["--no-such-option"])
