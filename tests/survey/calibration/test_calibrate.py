from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salt_infer.data import png
from salt_survey import synthetic
from salt_survey.calibration import calibrate
from salt_survey.calibration.calibrate import (
    HORIZONTAL,
    VERTICAL,
    Sweep,
    chosen_threshold,
    ranking,
    smoothed,
)
from salt_survey.calibration.job import described
from salt_survey.calibration.scoring import Agreement
from salt_survey.scan.record import load
from salt_survey.sections.display import Display, Zoom
from salt_survey.sections.sampling import Sampling
from salt_survey.sections.settings import Calibration, LineScore
from tests.survey import small

Zooms = dict[tuple[float, float], float]


def found(reversed_: Zooms, value: int = 255) -> calibrate.Found:
    """Agreements with IoUs; 0 where none is given. ``value``: the probability of salt that is
    found.
    """
    made = {}
    for polarity, zoom in itertools.product(
        ("normal", "reversed"), itertools.product(VERTICAL, HORIZONTAL)
    ):
        share = reversed_.get(zoom, 0.0) if polarity == "reversed" else 0.0
        salt, none = np.zeros(256, np.int64), np.zeros(256, np.int64)
        salt[value], salt[0], none[0] = round(1000 * share), 1000 - round(1000 * share), 1000
        made[polarity, Zoom(*zoom)] = [Agreement(salt, none, 0 * none)]
    return made  # type: ignore[return-value]


def around(vertical: float, horizontal: float, share: float) -> Zooms:
    """A zoom and its neighbours."""
    row, column = VERTICAL.index(vertical), HORIZONTAL.index(horizontal)
    rows, columns = VERTICAL[row - 1 : row + 2], HORIZONTAL[column - 1 : column + 2]
    return dict.fromkeys(itertools.product(rows, columns), share)


def test_the_mean_is_over_neighbours_that_are_there() -> None:
    ious = np.zeros((1, 3, 4))
    ious[0, 0, 0] = 9
    assert smoothed(ious)[0, 0, 0] == pytest.approx(9 * 4 / 9)
    assert smoothed(ious)[0, 1, 1] == pytest.approx(9 / 16)
    assert not smoothed(ious)[0, 2:].any()
    assert smoothed(np.ones((2, 5, 6))) == pytest.approx(1)


def test_a_wide_hill_beats_a_narrow_peak() -> None:
    values = around(2.0, 0.4, 0.7) | {(1.0, 0.8): 1.0}
    ranked = ranking(found(values), 0.5, Sweep())
    assert (ranked[0].display.zoom, ranked[0].display.polarity) == (Zoom(2.0, 0.4), "reversed")
    assert next(each.score for each in ranked if each.display.zoom == Zoom(1.0, 0.8)) < 0.5


def test_a_zoom_that_finds_nothing_is_not_taken_for_what_is_beside_it() -> None:
    """The hole of a ring has the best mean."""
    ring = around(1.25, 0.5, 0.9) | {(1.25, 0.5): 0.0}
    ranked = ranking(found(ring), 0.5, Sweep())
    assert ranked[0].display.zoom != Zoom(1.25, 0.5)
    assert found(ring)["reversed", ranked[0].display.zoom][0].iou(0.5) > 0.8
    assert next(each.score for each in ranked if each.display.zoom == Zoom(1.25, 0.5)) > 0.6
    assert len(ranked) == len(ranking(found(around(1.25, 0.5, 0.9)), 0.5, Sweep()))


def test_what_is_as_good_gives_way_to_the_default() -> None:
    everywhere = dict.fromkeys(itertools.product(VERTICAL, HORIZONTAL), 0.6)
    first = ranking(found(everywhere | {(2.0, 0.8): 0.64}), 0.5, Sweep())[0]
    assert first.display == Display(Display().zoom, "reversed")


def test_a_lower_threshold_is_taken_where_it_finds_much_more() -> None:
    assert chosen_threshold(found(around(1.25, 0.5, 0.8), value=90), None) == 0.3
    assert chosen_threshold(found(around(1.25, 0.5, 0.8)), None) == 0.5
    assert chosen_threshold(found(around(1.25, 0.5, 0.8), value=90), 0.6) == 0.6


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.survey(tmp_path_factory.mktemp("survey"))


def test_a_survey_is_calibrated_and_run(survey: Path, tmp_path: Path) -> None:
    label = survey.parent / "label-il120.png"
    code, out, errors = small.run(
        "calibrate", survey, "--labels", f"120={label}", "--out", tmp_path / "scan.json"
    )
    assert code == 0, errors
    assert out.startswith("taken: zoom ")
    assert "the nearest to the default, 1.25/0.5. The other may find more of these lines" in out
    assert "  line 120: IoU " in out
    saved = load(tmp_path / "scan.json").calibration
    assert saved is not None
    chosen = Calibration.from_dict(saved)
    assert [score.line for score in chosen.lines] == ["120"]
    code, out, errors = small.run(
        "run", survey, "--scan", tmp_path / "scan.json", "--out", tmp_path / "p.zarr",
        "--lines", "120:120",
    )  # fmt: skip
    assert code == 0, errors
    assert f"settings: zoom {chosen.look.zoom}, polarity {chosen.look.polarity}" in out
    assert "calibrated on 120" in out
    assert "not calibrated" not in out + errors
    assert "another model" not in out + errors
    other = json.loads((tmp_path / "scan.json").read_text())
    other["calibration"]["model"] = "ab" * 32
    (tmp_path / "scan.json").write_text(json.dumps(other))
    code, out, errors = small.run(
        "run", survey, "--scan", tmp_path / "scan.json", "--out", tmp_path / "q.zarr",
        "--lines", "120:120", "--segy", tmp_path / "q.sgy", "--report", tmp_path / "q.json",
    )  # fmt: skip
    assert code == 0, errors
    assert "was calibrated with another model; name its file by --model" in errors
    assert "calibrated on 120 with another model" in out
    report = json.loads((tmp_path / "q.json").read_text())
    assert any("with another model" in line for line in report["warnings"])
    assert report["settings"]["calibration"] == "calibrated on 120 with another model"
    text = (tmp_path / "q.sgy").read_bytes()[:3200].decode("cp037")
    assert "calibrated on 120 with another model" in text


@pytest.mark.slow
def test_a_label_that_is_upside_down_is_warned_of(tmp_path: Path) -> None:
    survey = synthetic.draw(synthetic.Plan(inlines=8), tmp_path, labelled=(4,))[0]
    with Image.open(next(tmp_path.glob("label-*.png"))) as label:
        label.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(tmp_path / "turned.png")
    code, _, errors = small.run(
        "calibrate", survey, "--labels", f"104={tmp_path / 'turned.png'}", "--out",
        tmp_path / "scan.json",
    )  # fmt: skip
    assert code == 0, errors
    assert "warning: line 104: its label fits what was found better upside down" in errors


@pytest.mark.parametrize(("iou", "called"), [(0.883, "also good"), (0.79, "next best")])
def test_the_other_setting_is_called_what_it_is(iou: float, called: str) -> None:
    first, second = (LineScore("362", each, 0.9, 0.5, each) for each in (0.849, iou))
    display = Display(Zoom(1.25, 0.5), "reversed")
    found = Calibration(display, 0.5, (first,), Display(Zoom(1, 0.4)), (second,), "ab" * 32)
    said = described(found, Sampling())
    assert said[0] == f"taken: {display}, threshold 0.5"
    assert said[2].startswith(f"{called}: zoom 1/0.4")
    assert f"IoU {iou:.3f}" in said[3]


def test_a_line_with_two_labels_is_bad_usage(survey: Path, tmp_path: Path) -> None:
    label, out = survey.parent / "label-il120.png", tmp_path / "scan.json"
    twice = ("--labels", f"120={label}", "--labels", f"120={label}")
    code, _, errors = small.run("calibrate", survey, *twice, "--out", out)
    assert code == 2
    assert "line 120 has 2 labels, expected one" in errors
    assert not out.exists()


@pytest.mark.parametrize(
    ("line", "shape", "values", "why"),
    [
        ("500", (50, 60), (0, 255), "survey.sgy has 100 to 139; give the number of one"),
        ("120", (60, 50), (0, 255), "expected a PNG of 50 rows, one a sample, and 60 columns"),
        ("120", (50, 60), (0, 1), "has the grey values"),
        ("120", (50, 60), (0, 0), "has the grey values"),
        ("x300", (50, 60), (0, 255), "expected a PNG of 50 rows, one a sample, and 40 columns"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    survey: Path, tmp_path: Path, line: str, shape: tuple[int, int], values: tuple[int, int],
    why: str,
) -> None:  # fmt: skip
    label = np.full(shape, values[0], np.uint8)
    label[10:20, 10:20] = values[1]
    (tmp_path / "label.png").write_bytes(png.encode(label))
    code, _, errors = small.run(
        "calibrate", survey, "--labels", f"{line}={tmp_path / 'label.png'}",
        "--out", tmp_path / "scan.json",
    )  # fmt: skip
    assert code == 2
    assert why in errors
    assert not (tmp_path / "scan.json").exists()
