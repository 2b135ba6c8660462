"""The page of a survey, before a run and after."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import segyio
from click.testing import CliRunner

from salt_infer.errors import UsageError
from salt_survey import synthetic
from salt_survey.cli.survey import cli
from salt_survey.page import look, pictures
from salt_survey.page.training_tiles import TRAINING, statistics
from salt_survey.reading.survey import Survey
from salt_survey.scan.overrides import Overrides
from salt_survey.sections.settings import Wishes, settled
from salt_survey.segy.create import Kind
from salt_survey.synthetic import Plan
from salt_survey.volume import export, finished
from salt_survey.volume.store import Store

INLINES, CROSSLINES, SAMPLES = 6, 60, 70
SETTINGS = {"zoom": "1.5/0.4", "threshold": 0.5, "calibration": "calibrated on 362"}
COUNTS = {"tiles": 6, "recorded": 24_000, "salt": 6_000}


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = Plan(INLINES, CROSSLINES, SAMPLES, kind=Kind(SAMPLES, 4.0, 400))
    return synthetic.draw(plan, tmp_path_factory.mktemp("drawn"))[0]


@pytest.fixture
def stored(survey: Path, tmp_path: Path) -> Path:
    """What a run would have found: salt in the lower half of crosslines from 30 on."""
    path = tmp_path / "out.zarr"
    names = ("probability", "p_inline", "p_crossline", "disagreement")
    with Survey.open(survey) as opened:
        store = Store.create(path, opened, dict.fromkeys(names, (INLINES, CROSSLINES)))
        salt = np.zeros((INLINES, CROSSLINES, SAMPLES), np.uint8)
        salt[:, 30:, SAMPLES // 2 :] = 255
        store.write("probability", "inline", slice(0, INLINES), slice(0, SAMPLES), salt)
        store.write("disagreement", "inline", slice(0, INLINES), slice(0, SAMPLES), salt // 5)
        store.describe({"scan": opened.scan.to_dict(), "settings": SETTINGS, "counts": COUNTS})
    return path


def checked(page: Path) -> str:
    """A page's text; it needs nothing else, and its pictures are pictures."""
    text = page.read_text()
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", text)
    assert "<script" not in text
    assert "default-src 'none'" in text
    return text


def test_before_a_run(survey: Path, tmp_path: Path) -> None:
    out = tmp_path / "look.html"
    command = ["look", str(survey), "--out", str(out), "--every", "2"]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    assert done.output.endswith(": 3 of 6 lines; not calibrated\n")
    text = checked(out)
    for polarity in ("normal", "reversed"):
        for zoom in look.ZOOMS:
            assert f"--polarity {polarity} --zoom {zoom}" in text
    assert "Not calibrated: the zoom is the default, 1.25/0.5" in text
    assert "which may find nothing in this survey.</p>" in text  # and no advice to do just this
    for number in (101, 103, 105):
        assert f"inline {number}:" in text
    assert f"{INLINES * CROSSLINES} live (blue), 0 dead (red), 0 missing (grey)" in text
    assert text.count("<polyline") == 6
    assert re.search(r'class="down" style="top:0\.71%">400<.*class="unit">ms<', text)
    assert 'class="title">crossline<' in text
    assert CliRunner().invoke(cli, command).exception  # it is there


def test_after_a_run(survey: Path, stored: Path, tmp_path: Path) -> None:
    out = tmp_path / "look.html"
    command = ["look", str(survey), "--out", str(out), "--volume", str(stored)]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    text = checked(out)
    assert "<p>salt: 25.00% of 24000 recorded samples, at threshold 0.5</p>" in text
    assert f"darkest {4 * SAMPLES // 2} ms" in text
    assert "disagreement of inline and crossline" in text
    assert text.count("probability of salt at") == 2 * look.SLICES  # in words and for readers
    assert "Which setting" not in text
    assert "<p>Calibrated on 362.</p>" in text
    assert "zoom 1.5/0.4" in text


def test_the_line_that_is_asked_for_is_shown_first(
    survey: Path, stored: Path, tmp_path: Path
) -> None:
    def shown(line: int, every: int = 50) -> list[str]:
        out = tmp_path / f"{line}.html"
        command = ["look", survey, "--out", out, "--volume", stored, "--line", line]
        done = CliRunner().invoke(cli, [*map(str, command), "--every", str(every), "--overwrite"])
        assert done.exit_code == 0, (done.output, done.exception)
        return re.findall(r"<figcaption>(inline \d+): salt", checked(out))

    with Survey.open(survey) as opened:
        numbers = opened.inlines.tolist()
    first, last = numbers[0], numbers[-1]
    assert shown(first)[0] == f"inline {first}"
    assert len(shown(first)) == len(set(shown(first))) > 1
    assert shown(last, 1) == [f"inline {each}" for each in (last, *numbers[:-1])]


def test_the_volume_is_summed_up(survey: Path, stored: Path) -> None:
    with Survey.open(survey) as opened:
        store = Store.open(stored)
        found = look.volume(store, opened, 0.5, finished.ran(store, opened))
    assert found.ran == ""
    assert found.share == "25.00% of 24000 recorded samples, at threshold 0.5"
    assert (found.thickness[:, :30] == 0).all()
    assert (found.thickness[:, 30:] == 4 * SAMPLES / 2).all()
    assert found.disagreement is not None
    assert found.disagreement.max() == pytest.approx(0.2)
    times = [time for time, _ in found.slices]
    assert times == sorted(times)
    assert [values[0, 40] for _, values in found.slices] == [1] * look.SLICES
    assert all(time >= 400 + 4 * SAMPLES // 2 for time in times)


def test_slices_are_where_the_salt_is() -> None:
    in_time = np.zeros(100, np.int64)
    assert look.slice_places(in_time, (0, 100)) == [19, 39, 59, 79]
    in_time[70:90] = 50
    assert look.slice_places(in_time, (0, 100)) == [72, 77, 82, 87]
    in_time[10] = 10_000  # most of it is at one time
    assert look.slice_places(in_time, (0, 100)) == [10]


def test_one_line_has_no_slices(tmp_path: Path) -> None:
    """Each would be a row of pixels, and what they show is in the line itself."""
    survey, out = synthetic.draw(Plan(1, 30, 40, kind=Kind(40)), tmp_path)[0], tmp_path / "l.html"
    with Survey.open(survey) as opened:
        store = Store.create(tmp_path / "p.zarr", opened, {"probability": (1, 30)})
        store.describe({"scan": opened.scan.to_dict(), "settings": SETTINGS})
    command = ["look", str(survey), "--out", str(out), "--volume", str(store.path)]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    text = checked(out)
    assert "probability of salt at" not in text
    assert "thickness of salt" in text


def test_of_a_part_that_was_run_no_other_is_shown(
    survey: Path, stored: Path, tmp_path: Path
) -> None:
    """What was not run is 0 in the volume, which is no sign of there being no salt."""
    out, samples = tmp_path / "look.html", (SAMPLES // 2, SAMPLES - 1)
    with Survey.open(survey) as opened:
        times = [f"{opened.times_ms[at]:g}" for at in samples]
        scan = opened.scan.to_dict()
    part = {"sections": "inline", "lines": "101:102", "times": ":".join(times)}
    Store.open(stored, writable=True).describe({"scan": scan, "settings": SETTINGS | part})
    command = ["look", str(survey), "--out", str(out), "--volume", str(stored), "--every", "1"]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    text = checked(out)
    assert [int(line) for line in re.findall(r"<figcaption>inline (\d+):", text)] == [101, 102]
    other = CliRunner().invoke(cli, [*command, "--overwrite", "--line", "103"])
    assert str(other.exception) == "--line 103 was not run; expected 101 to 102"
    assert re.findall("salt is (.*) of its recorded samples", text) == ["50.00%", "50.00%"]
    assert f"Only inlines 101 to 102 and {times[0]} to {times[1]} ms were run" in text
    with Survey.open(survey) as opened:
        store = Store.open(stored)
        found = look.volume(store, opened, 0.5, finished.ran(store, opened))
    assert np.isnan(found.thickness[[0, 3, 4, 5]]).all()
    assert not np.isnan(found.thickness[1:3]).any()
    assert all(time >= float(times[0]) for time, _ in found.slices)


def test_of_crosslines_that_were_run_these_are_shown(
    survey: Path, stored: Path, tmp_path: Path
) -> None:
    out = tmp_path / "look.html"
    with Survey.open(survey) as opened:
        scan, numbers = opened.scan.to_dict(), opened.crosslines[29:31]
    part = {"sections": "crossline", "lines": ":".join(map(str, numbers))}
    Store.open(stored, writable=True).describe({"scan": scan, "settings": SETTINGS | part})
    command = ["look", str(survey), "--out", str(out), "--volume", str(stored), "--every", "1"]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    found = re.findall(r"<figcaption>crossline (\d+): salt is (.*?) of its", checked(out))
    assert found == [(str(numbers[0]), "0.00%"), (str(numbers[1]), "50.00%")]


def test_a_line_that_is_not_there(survey: Path, tmp_path: Path) -> None:
    command = ["look", str(survey), "--out", str(tmp_path / "x.html"), "--line", "7"]
    with pytest.raises(UsageError, match=r"--line 7 is no inline; expected 100 to 105$") as caught:
        CliRunner().invoke(cli, command, catch_exceptions=False)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "x.html").exists()


def test_lines_that_are_shown(survey: Path) -> None:
    with Survey.open(survey) as opened:
        viewer = look.Viewer(opened, settled(Wishes(), None))
        assert viewer.places(1) == [0, 1, 2, 3, 4, 5]
        assert viewer.places(4) == [2]
        assert viewer.places(50) == [1, 3, 5]
        assert viewer.places(1, (2, 4)) == [2, 3]
        assert viewer.places(50, (2, 4)) == [2, 3]
        assert viewer.places(3, (1, 5)) == [2]
        mine = viewer.tiles(viewer.middle())
    assert mine is not None
    assert len(mine.grey) == len(TRAINING.grey)
    assert len(mine.vertical) == len(TRAINING.vertical) == len(TRAINING.horizontal)


def test_statistics_of_tiles() -> None:
    down = np.sin(2 * np.pi * np.arange(101) * 10 / 101)
    tile = np.round(127 + 100 * down[:, None] * np.ones(101)).astype(np.uint8)
    found = statistics(np.stack([tile, np.zeros_like(tile)]))
    assert found is not None
    assert int(np.argmax(found.vertical)) == 10
    assert found.vertical[0] < 0.1
    assert statistics(np.zeros((3, 101, 101), np.uint8)) is None


def test_pictures() -> None:
    amplitude = np.linspace(-1, 1, 600, dtype=np.float32).reshape(20, 30)
    plain = pictures.section(amplitude)
    assert (plain[..., 0] == plain[..., 2]).all()
    salt = pictures.section(amplitude, np.ones((20, 30), np.float32))
    assert (salt[..., 0] > salt[..., 2]).all()
    warm = pictures.heat(np.array([[0, 1, np.nan]], np.float32), 1.0)
    assert warm[0, 0].sum() > warm[0, 1].sum()
    assert (warm[0, 2] == 190).all()
    assert pictures.section(np.zeros((4, 5), np.float32)).shape == (4, 5, 3)


@pytest.mark.parametrize("name", ["probability", "disagreement"])
def test_export(name: str, survey: Path, stored: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.sgy"
    command = ["export", str(stored), "--like", str(survey), "--out", str(out), "--volume", name]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    expected = np.zeros((INLINES, CROSSLINES, SAMPLES), np.float32)
    expected[:, 30:, SAMPLES // 2 :] = 1.0 if name == "probability" else 0.2
    with segyio.open(out) as written:
        assert written.bin[segyio.BinField.Format] == 5
        np.testing.assert_array_equal(segyio.cube(written), expected)
    assert "zoom 1.5/0.4".encode("cp037") in out.read_bytes()[:3200]


def test_export_of_another_survey(stored: Path, tmp_path: Path) -> None:
    other = synthetic.draw(
        dataclasses.replace(Plan(), inlines=3, crosslines=9, samples=70, kind=Kind(70)),
        tmp_path / "other",
    )[0]
    out = tmp_path / "p.sgy"
    done = CliRunner().invoke(cli, ["export", str(stored), "--like", str(other), "--out", str(out)])
    assert getattr(done.exception, "exit_code", None) == 2
    for name in ("nothing", "inline", "x", "live"):
        with pytest.raises(UsageError, match=f"no volume '{name}', expected one of probability"):
            export.as_segy(stored, other, out, Overrides(), name=name)
    assert not out.exists()


def test_a_volume_of_another_survey(stored: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    plan = Plan(INLINES + 1, CROSSLINES, SAMPLES, kind=Kind(SAMPLES, 4.0, 400))
    other = synthetic.draw(plan, tmp_path / "other")[0]
    command = ["look", str(other), "--out", str(tmp_path / "x.html"), "--volume", str(stored)]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code
    assert "name the survey that the volume was made of" in f"{done.output}{done.exception}"
