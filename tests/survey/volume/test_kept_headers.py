"""SEG-Y keeps its headers, whatever else is said of them; that is told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from salt_survey.cli.survey import cli
from salt_survey.reading.survey import Survey
from salt_survey.scan.overrides import Overrides
from salt_survey.volume import kept_headers
from tests.survey.odd_surveys import sound

KEEPS = "SEG-Y that is written keeps the headers, which say every"


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    path = tmp_path / "s.sgy"
    path.write_bytes(sound().bytes())
    return path


def called(*words: object) -> Result:
    done = CliRunner().invoke(cli, list(map(str, words)))
    assert done.exit_code == 0, done.output
    return done


def told(path: Path, **said: float) -> str | None:
    with Survey.open(path, None, Overrides(**said)) as opened:
        lines = kept_headers.doubts(opened)
    assert len(lines) <= 1
    return lines[0] if lines else None


def test_what_the_headers_say_is_no_news(survey: Path, tmp_path: Path) -> None:
    with Survey.open(survey) as opened:
        interval, delay = opened.scan.interval_ms, opened.scan.delay_ms
    assert not isinstance(delay, tuple)
    assert told(survey) is None
    assert told(survey, interval_ms=interval, delay_ms=delay) is None
    np.save(tmp_path / "v.npy", np.arange(600, dtype=np.float32).reshape(3, 4, 50))
    assert told(tmp_path / "v.npy", interval_ms=7) is None


def test_a_text_without_room_is_told(tmp_path: Path) -> None:
    file = sound(text=tuple(f"LINE {number}" for number in range(40)))
    (tmp_path / "s.sgy").write_bytes(file.bytes())
    line = told(tmp_path / "s.sgy")
    assert line is not None
    assert line.startswith("the text header has no free line: SEG-Y that is written does not say")


def test_both_times_are_told(survey: Path) -> None:
    with Survey.open(survey) as opened:
        headers = f"every {opened.scan.interval_ms:g} ms from {opened.scan.delay_ms:g} ms"
    line = told(survey, interval_ms=3, delay_ms=-50)
    assert line == (
        "samples are every 3 ms from -50 ms on in the run; SEG-Y that is written keeps the "
        f"headers, which say {headers}"
    )


def test_traces_that_start_at_several_times(tmp_path: Path) -> None:
    file = sound()
    file.set(109, np.arange(len(file.headers), dtype=np.int16) % 3)
    (tmp_path / "s.sgy").write_bytes(file.bytes())
    line = told(tmp_path / "s.sgy", delay_ms=0)  # what the first trace has, too
    assert line is not None
    assert line.endswith("from 0 to 2 ms")


def test_a_run_and_an_export_tell_it_once_and_the_report_too(survey: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "o.zarr", tmp_path / "r.json"
    segy = ("--segy", tmp_path / "p.sgy", "--report", report)
    done = called("run", survey, "--out", out, "--delay-ms", 100, *segy)
    assert done.stderr.count(KEEPS) == 1
    assert sum(KEEPS in line for line in json.loads(report.read_text())["warnings"]) == 1
    done = called("export", out, "--like", survey, "--out", tmp_path / "q.sgy")
    assert done.stderr.count(KEEPS) == 1
    assert (tmp_path / "q.sgy").read_bytes() == (tmp_path / "p.sgy").read_bytes()
    done = called("run", survey, "--out", tmp_path / "z.zarr", "--delay-ms", 100)
    assert KEEPS not in done.stderr
