"""What was decided against a survey's headers is said by every command that reads it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from salt_infer.data import png
from salt_survey.cli.survey import cli
from tests.survey.odd_surveys import ALL, CROSSLINES, SAMPLES

WARNING = "the header says format 1 (IBM float), the samples are in 5 (IEEE float)"


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    path = tmp_path / "odd.sgy"
    path.write_bytes(next(case for case in ALL if case.about == "says IBM, is IEEE").bytes())
    return path


def called(*words: object) -> Result:
    done = CliRunner().invoke(cli, list(map(str, words)))
    assert done.exit_code == 0, done.output
    return done


def told(done: Result) -> list[str]:
    return [line for line in done.stderr.splitlines() if WARNING in line]


def test_a_run_says_it_and_its_report_too(survey: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    done = called("run", survey, "--out", tmp_path / "o.zarr", "--report", report)
    assert len(told(done)) == 1
    found = json.loads(report.read_text())
    assert any(WARNING in line for line in found["warnings"])
    assert any("smaller than a tile" in line for line in found["notes"])


def test_a_run_with_a_scan_says_it(survey: Path, tmp_path: Path) -> None:
    scan = tmp_path / "scan.json"
    called("scan", survey, "--out", scan)
    assert len(told(called("run", survey, "--out", tmp_path / "o.zarr", "--scan", scan))) == 1


def test_a_calibration_says_it(survey: Path, tmp_path: Path) -> None:
    label = np.zeros((SAMPLES, CROSSLINES), np.uint8)
    label[20:] = 255
    path = tmp_path / "label.png"
    path.write_bytes(png.encode(label))
    out = tmp_path / "scan.json"
    assert len(told(called("calibrate", survey, "--labels", f"112={path}", "--out", out))) == 1


def test_look_says_it(survey: Path, tmp_path: Path) -> None:
    assert len(told(called("look", survey, "--out", tmp_path / "look.html"))) == 1
