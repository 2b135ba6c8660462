from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner

from salt_infer.data import png
from salt_infer.errors import UsageError
from salt_survey.calibration.labelled import Label
from salt_survey.calibration.volume_scores import TOGETHER, ScoreJob, run
from salt_survey.cli.survey import cli
from salt_survey.errors import SurveyError
from salt_survey.reading.survey import Survey
from salt_survey.volume.store import Store
from tests.survey import small

Grey = npt.NDArray[np.uint8]
SHAPE = (small.INLINES, small.CROSSLINES, small.SAMPLES)
AT = 20  # the place of the line with a label
SETTINGS = {"zoom": "2/1.5", "threshold": 0.4}


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.survey(tmp_path_factory.mktemp("scored"))


@pytest.fixture(scope="module")
def salt() -> Grey:
    """What a run would have found: noise, so that no two lines or samples are alike."""
    return np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)


def stored(survey: Path, path: Path, salt: Grey, **settings: object) -> Path:
    with Survey.open(survey) as opened:
        store = Store.create(path, opened, {"probability": (16, 60)})
        store.write("probability", "inline", slice(0, SHAPE[0]), slice(0, SHAPE[2]), salt)
        store.describe({"scan": opened.scan.to_dict(), "settings": SETTINGS | settings})
    return path


def drawn(path: Path, traces: int, seed: int) -> tuple[Path, Grey]:
    """A label [samples, traces] with all three values, written as a PNG."""
    values = np.array([0, 128, 255], np.uint8)
    label = values[np.random.default_rng(seed).integers(0, 3, (SHAPE[2], traces))]
    path.write_bytes(png.encode(label))
    return path, label


def iou(salt: Grey, label: Grey, threshold: float) -> float:
    found, true, known = salt / 255 > threshold, label == 255, label != 128
    return float((found & true & known).sum() / ((found | true) & known).sum())


def counted(salt: Grey, label: Grey, threshold: float) -> tuple[int, ...]:
    found, true, false = salt / 255 > threshold, label == 255, label == 0
    return tuple(
        np.count_nonzero(part)
        for part in (found & true, ~found & true, found & false, ~found & false)
    )


@pytest.fixture
def job(survey: Path, salt: Grey, tmp_path: Path) -> ScoreJob:
    volume = stored(survey, tmp_path / "out.zarr", salt)
    label, _ = drawn(tmp_path / "in.png", SHAPE[1], seed=1)
    return ScoreJob(survey, volume, (Label("inline", 100 + AT, label),))


def test_lines_of_both_directions_and_all_of_them(
    job: ScoreJob, salt: Grey, tmp_path: Path
) -> None:
    with Survey.open(job.survey) as opened:
        crossline = int(opened.crosslines[7])
    across, of_crossline = drawn(tmp_path / "x.png", SHAPE[0], seed=2)
    _, of_inline = drawn(tmp_path / "again.png", SHAPE[1], seed=1)
    labels = (*job.labels, Label("crossline", crossline, across))
    found = run(dataclasses.replace(job, labels=labels), print)
    assert found.threshold == 0.4
    first, second, together = found.lines
    assert [first.line, second.line, together.line] == ["120", f"x{crossline}", TOGETHER]
    parts = (salt[AT].T, of_inline), (salt[:, 7].T, of_crossline)
    for each, part in zip((first, second), parts, strict=True):
        assert each.score is not None
        assert each.score.iou == pytest.approx(iou(*part, 0.4))
        assert each.samples == counted(*part, 0.4)
    pooled = (np.concatenate([each.ravel() for each in pair]) for pair in zip(*parts, strict=True))
    assert together.score is not None
    assert together.score.iou == pytest.approx(iou(*pooled, 0.4))
    assert together.samples == tuple(map(sum, zip(first.samples, second.samples, strict=True)))
    assert found.words()[-1].startswith("all of them: IoU 0.")
    assert found.warnings == ()


def test_another_threshold(job: ScoreJob, salt: Grey, tmp_path: Path) -> None:
    _, label = drawn(tmp_path / "again.png", SHAPE[1], seed=1)
    found = run(dataclasses.replace(job, threshold=0.8), print)
    assert found.lines[0].samples == counted(salt[AT].T, label, 0.8)
    assert found.words()[0] == "threshold 0.8"


def test_what_was_not_run_is_unknown(
    survey: Path, salt: Grey, job: ScoreJob, tmp_path: Path
) -> None:
    _, label = drawn(tmp_path / "again.png", SHAPE[1], seed=1)
    volume = stored(survey, tmp_path / "part.zarr", salt, times="440:500", lines="110:130")
    found = run(dataclasses.replace(job, volume=volume), print)
    part = slice(10, 26)  # 4 ms apart
    assert found.lines[0].samples == counted(salt[AT].T[part], label[part], 0.4)
    assert found.words()[0] == "threshold 0.4, within the times that were run, 440:500"
    assert json.loads(found.to_json())["times"] == "440:500"
    elsewhere = stored(survey, tmp_path / "elsewhere.zarr", salt, lines="130:139")
    with pytest.raises(UsageError, match=r"inline 120 was not run, as the run had --lines; give a"):
        run(dataclasses.replace(job, volume=elsewhere), print)
    path = tmp_path / "early.png"
    label[10:] = 128
    path.write_bytes(png.encode(label))
    early = (Label("inline", 120, path),)
    with pytest.raises(UsageError, match=r"nothing of inline 120 that .*early\.png has as salt"):
        run(dataclasses.replace(job, volume=volume, labels=early), print)


def test_a_line_without_salt_tells_of_false_alarms(
    job: ScoreJob, salt: Grey, tmp_path: Path
) -> None:
    path = tmp_path / "dry.png"
    dry = np.zeros((SHAPE[2], SHAPE[1]), np.uint8)
    dry[:9] = 128
    path.write_bytes(png.encode(dry))
    labels = (*job.labels, Label("inline", 110, path))
    found = run(dataclasses.replace(job, labels=labels, threshold=0.9), print)
    first, second, together = found.lines
    assert second.score is None
    assert second.samples == counted(salt[10].T, dry, 0.9)
    wrong, none = second.samples.wrong, dry[9:].size
    more = np.count_nonzero(salt[10].T[:9] > 0.9 * 255)
    assert second.found_where_unknown == more > 0
    assert found.words()[2] == (
        f"line 110: no salt is labelled in what was run; {wrong / none:.2%} of {none} samples "
        f"without it taken for salt; {more} more found, where the label is unknown"
    )
    assert first.score is not None
    assert together.score is not None
    assert together.score.iou < first.score.iou
    written = json.loads(found.to_json())["lines"][1]
    assert written["iou"] is None
    assert (written["label"], written["wrong"]) == (str(path), wrong)
    assert written["found_where_unknown"] == more


def test_a_label_that_lies_another_way_round_is_warned_of(
    survey: Path, job: ScoreJob, tmp_path: Path
) -> None:
    body = np.zeros((SHAPE[2], SHAPE[1]), np.uint8)
    body[10:20, 3:15] = 255
    salt = np.zeros(SHAPE, np.uint8)
    salt[AT] = body.T
    volume = stored(survey, tmp_path / "body.zarr", salt)
    path, said = tmp_path / "mirrored.png", list[str]()
    path.write_bytes(png.encode(body[:, ::-1]))
    labels = (Label("inline", 100 + AT, path),)
    found = run(dataclasses.replace(job, volume=volume, labels=labels), said.append)
    assert list(found.warnings) == said
    assert "its label fits what was found better mirrored, with IoU 1.00 instead of 0.00" in said[0]


def test_a_line_that_is_not_there(job: ScoreJob) -> None:
    away = (Label("inline", 7, job.labels[0].path),)
    with pytest.raises(
        SurveyError, match=r"inline 7 is in none .* give the number of one of these$"
    ):
        run(dataclasses.replace(job, labels=away), print)


def test_the_command(job: ScoreJob, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    command = [
        "score", job.survey, "--volume", job.volume, "--labels", f"120={job.labels[0].path}",
        "--report", report,
    ]  # fmt: skip
    done = CliRunner().invoke(cli, [str(each) for each in command])
    assert done.exit_code == 0, done.output
    found = run(job, print)
    assert done.stdout.splitlines() == found.words()
    assert found.words()[1].startswith("line 120: IoU 0.")
    assert json.loads(report.read_text()) == json.loads(
        dataclasses.replace(found, volume=str(job.volume)).to_json()
    )
    with pytest.raises(UsageError, match="--overwrite"):
        CliRunner().invoke(cli, [str(each) for each in command], catch_exceptions=False)


def test_a_volume_of_another_survey_is_refused(job: ScoreJob, tmp_path: Path) -> None:
    plan = small.Plan(8, 60, small.SAMPLES, kind=small.Kind(small.SAMPLES, 4.0, 400))
    other = small.draw(plan, tmp_path / "other")[0]
    with pytest.raises(UsageError, match="name the survey that the volume was made of"):
        run(dataclasses.replace(job, survey=other), print)
