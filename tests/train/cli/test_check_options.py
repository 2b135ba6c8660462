"""``--check-data`` and where its findings go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from salt_infer.data import png
from salt_train import synthetic
from tests import drawing
from tests.conftest import ROOT
from tests.train.cli.conftest import Main


def test_sound_data(main: Main, capsys: pytest.CaptureFixture[str], labelled: Path) -> None:
    assert main("--data", labelled, "--check-data") == 0
    said = capsys.readouterr()
    assert "40 tiles" in said.out
    assert "WRONG" not in said.out
    assert said.err == ""


def test_what_an_examination_does_not_use_is_told(
    main: Main, capsys: pytest.CaptureFixture[str], labelled: Path, tmp_path: Path
) -> None:
    given = (
        "--out",
        tmp_path / "run",
        "--no-progress",
        "--recipe",
        "scratch",
        "--missing-as-empty",
    )
    assert main("--data", labelled, "--check-data", *given) == 0
    assert "not used: --out, --recipe, --no-progress (salt-report data" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_examples_are_sound(main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("--data", ROOT / "examples", "--check-data") == 0
    assert f"24 tiles in {ROOT / 'examples' / 'tiles'}\n" in capsys.readouterr().out


def test_faulty_data(main: Main, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = drawing.draw(6, seed=5)
    synthetic.write(data, tmp_path)
    (tmp_path / "masks" / f"{data.ids[2]}.png").unlink()
    (tmp_path / "tiles" / f"{data.ids[4]}.png").write_bytes(png.encode(data.tiles[4])[:200])
    assert main("--data", tmp_path, "--check-data") == 1
    said = capsys.readouterr().out
    assert said.count("WRONG") == 2
    assert data.ids[2] in said
    assert data.ids[4] in said
    assert main("--data", tmp_path / "nothing", "--check-data") == 2
    assert "no training data in" in capsys.readouterr().err


def test_all_that_is_found_is_written(
    main: Main, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Of a faulty set too, and every tile, where the terminal has ten of a kind."""
    data = drawing.draw(30, seed=5)
    synthetic.write(data, tmp_path)
    gone = data.ids[:25]
    for name in gone:
        (tmp_path / "masks" / f"{name}.png").unlink()
    report = tmp_path / "found.json"
    asked = ("--data", tmp_path, "--check-data", "--report", report)
    assert main(*asked) == 1
    said = capsys.readouterr()
    assert f"all tiles by name: {report}\nNOT sound" in said.out
    assert gone[-1] not in said.out
    assert said.err == ""
    missing = next(
        each for each in json.loads(report.read_text())["findings"] if each["kind"] == "no-label"
    )
    assert missing["wrong"] is True
    assert missing["what"] == "tiles without a label"
    assert tuple(missing["tiles"]) == gone
    assert all(text.startswith("not in masks") for text in missing["tiles"].values())
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    before = report.read_bytes()
    (tmp_path / "masks" / f"{data.ids[-1]}.png").unlink()
    assert main(*asked) == 2
    assert "found.json exists; give --overwrite to replace it" in capsys.readouterr().err
    assert report.read_bytes() == before
    assert main(*asked, "--overwrite") == 1
    assert data.ids[-1] in report.read_text()
    assert "not used" not in capsys.readouterr().err
