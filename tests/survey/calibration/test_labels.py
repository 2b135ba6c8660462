from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from salt_infer.data import png
from salt_infer.errors import UsageError
from salt_survey.calibration.calibrate import VERTICAL
from salt_survey.calibration.labelled import Label, check_each_once, parse
from salt_survey.calibration.labels import Interpreted
from salt_survey.errors import SurveyError
from salt_survey.reading.survey import Survey
from salt_survey.scan.overrides import Overrides
from salt_survey.sections.display import Display, Zoom
from tests.survey import small


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.survey(tmp_path_factory.mktemp("survey")).parent


def test_labels_are_of_inlines_and_of_crosslines() -> None:
    assert parse("362=a=b.png") == Label("inline", 362, Path("a=b.png"))
    assert parse("x-7=c.png") == Label("crossline", -7, Path("c.png"))
    assert (parse("362=a").name, parse("x700=a").name) == ("362", "x700")


@pytest.mark.parametrize("text", ["", "362", "362=", "=a.png", "y3=a.png", "3.5=a.png"])
def test_what_is_no_label_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="the label is"):
        parse(text)


def test_a_line_has_one_label() -> None:
    check_each_once([parse("362=a.png"), parse("x362=a.png"), parse("-362=a.png")])
    with pytest.raises(UsageError, match="line x7 has 2 labels, expected one"):
        check_each_once([parse("x7=a.png"), parse("362=b.png"), parse("x07=c.png")])


def test_a_label_lies_on_its_line(folder: Path) -> None:
    with Survey.open(folder / "survey.sgy") as survey:
        line = Interpreted.read(Label("inline", 120, folder / "label-il120.png"), [survey])
        block = survey.read(slice(20, 21), slice(None))
    assert (line.recorded.amplitude == block.amplitude[0].T).all()
    shape = (small.SAMPLES, small.CROSSLINES)
    drawn = png.decode((folder / "label-il120.png").read_bytes(), shape)
    assert (line.label[line.recorded.there] == drawn[line.recorded.there]).all()


def test_a_crossline_has_the_inlines_as_traces(folder: Path, tmp_path: Path) -> None:
    drawn = np.zeros((small.SAMPLES, small.INLINES), np.uint8)
    drawn[30:, 5:] = 255
    (tmp_path / "x.png").write_bytes(png.encode(drawn))
    with Survey.open(folder / "survey.sgy") as survey:
        line = Interpreted.read(Label("crossline", 310, tmp_path / "x.png"), [survey])
        block = survey.read(slice(None), slice(10, 11))
    assert (line.recorded.amplitude == block.amplitude[:, 0].T).all()


def test_a_line_is_cut_as_its_own_survey_is_sampled(folder: Path) -> None:
    """At what is to it as a zoom is to F3, whatever other lines are tried with it."""
    label = Label("inline", 120, folder / "label-il120.png")
    usual = Display(Zoom(2, 1))
    for interval_ms, rows in ((4.0, 100), (2.0, 50)):
        with Survey.open(folder / "survey.sgy", None, Overrides(interval_ms=interval_ms)) as survey:
            tiles = Interpreted.read(label, [survey]).cut(usual)
        assert tiles.layout.zoomed == (rows, small.CROSSLINES)


def test_a_line_in_two_files_is_ambiguous(folder: Path) -> None:
    with (
        Survey.open(folder / "survey.sgy") as one,
        Survey.open(folder / "survey.sgy") as other,
        pytest.raises(SurveyError, match="inline 120 is in several files"),
    ):
        Interpreted.read(Label("inline", 120, folder / "label-il120.png"), [one, other])


def refused(folder: Path, label: Label) -> str:
    with (
        Survey.open(folder / "survey.sgy") as survey,
        pytest.raises(SurveyError) as error,
    ):
        Interpreted.read(label, [survey])
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_line_that_is_not_there_has_those_named_that_are(folder: Path, tmp_path: Path) -> None:
    path, none = folder / "survey.sgy", Path("none.png")
    assert refused(folder, Label("inline", 500, none)) == (
        f"inline 500 is in none of the files: {path} has 100 to 139; give the number of one of "
        "these"
    )
    assert refused(folder, Label("inline", 310, none)).endswith("or is it crossline 310, x310=?")
    assert refused(folder, Label("crossline", 120, none)).endswith("or is it inline 120, 120=?")
    np.save(tmp_path / "few.npy", np.arange(600, dtype=np.float32).reshape(3, 4, 50))
    with (
        Survey.open(tmp_path / "few.npy", None, Overrides(interval_ms=4)) as few,
        pytest.raises(SurveyError, match=r"few.npy has 1, 2, 3; give"),
    ):
        Interpreted.read(Label("inline", 7, none), [few])


def test_a_picture_of_the_other_direction_is_told(folder: Path, tmp_path: Path) -> None:
    shapes = {"inline": (small.SAMPLES, small.CROSSLINES), "of none": (small.SAMPLES, 7),
              "crossline": (small.SAMPLES, small.INLINES)}  # fmt: skip
    for name, shape in shapes.items():
        (tmp_path / f"{name}.png").write_bytes(png.encode(np.zeros(shape, np.uint8)))
    of_crossline, of_none = (
        Label("crossline", 310, tmp_path / "inline.png"),
        tmp_path / "of none.png",
    )
    assert refused(folder, of_crossline).endswith(
        "; it would fit an inline (100 to 139): is it one, without the x?"
    )
    of_inline = Label("inline", 120, tmp_path / "crossline.png")
    assert refused(folder, of_inline).endswith(
        "; it would fit a crossline (300 to 359): is it one, with an x before?"
    )
    assert refused(folder, Label("inline", 120, of_none)).endswith("one a trace of inline 120")


def test_a_labelled_line_may_lie_in_a_file_that_is_otherwise(folder: Path, tmp_path: Path) -> None:
    """Without an interval, so that it is read by the option, and from the last trace to the first;
    the setting is one for the file that is to be run.
    """
    data = bytearray((folder / "survey.sgy").read_bytes())
    pitch = 240 + 4 * small.SAMPLES
    traces = [data[at : at + pitch] for at in range(3600, len(data), pitch)]
    mine, other = traces[: 20 * small.CROSSLINES], traces[20 * small.CROSSLINES :]
    (tmp_path / "mine.sgy").write_bytes(data[:3600] + b"".join(mine))
    data[3216:3218] = bytes(2)
    for trace in other:
        trace[116:118] = bytes(2)
    (tmp_path / "other.sgy").write_bytes(data[:3600] + b"".join(reversed(other)))
    code, said, errors = small.run(
        "calibrate", tmp_path / "mine.sgy", "--with", tmp_path / "other.sgy", "--labels",
        f"120={folder / 'label-il120.png'}", "--out", tmp_path / "scan.json", "--interval-ms", 2,
    )  # fmt: skip
    assert code == 0, errors
    assert "line 120: the file has its traces from the last number to the first" in errors
    assert "the nearest to the default for samples every 2 ms, 0.625/0.5. The other" in said
    look = json.loads((tmp_path / "scan.json").read_text())["calibration"]["look"]
    assert Zoom.parse(look["zoom"]).vertical in [value / 2 for value in VERTICAL[1:-1]]
