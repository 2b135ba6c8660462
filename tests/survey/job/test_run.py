"""Runs of ``salt-survey run`` over a drawn survey, in processes of their own."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import segyio

from salt_infer import __version__
from salt_survey.cli.survey import cli
from salt_survey.errors import SurveyError
from salt_survey.job import journaled_run
from salt_survey.job.journaled_run import JournaledRun
from salt_survey.sections.tiling import Grey
from salt_survey.segy.create import Kind, Traces, write
from salt_survey.synthetic import Plan, draw
from salt_survey.volume.store import Store
from tests.conftest import ROOT
from tests.survey import small
from tests.survey.small import MEMORY, SETTINGS, contents

ALL = slice(None)


def asked(survey: Path, out: Path, *more: object) -> list[object]:
    """A run in slabs of 16, with the settings of all runs here but for those given otherwise."""
    pairs = zip(SETTINGS[::2], SETTINGS[1::2], strict=True)
    rest = [word for pair in pairs if pair[0] not in more for word in pair]
    return [survey, "--out", out, "--memory", MEMORY, *rest, *more]


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.survey(tmp_path_factory.mktemp("survey"))


@pytest.fixture(scope="module")
def whole(survey: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an unbroken run."""
    folder = tmp_path_factory.mktemp("whole")
    code, out, errors = small.run(
        "run", *asked(survey, folder / "p.zarr", "--segy", folder / "p.sgy",
                      "--horizons", folder / "h", "--report", folder / "r.json")
    )  # fmt: skip
    assert code == 0, errors
    assert out.startswith(f"40 sections, 40 tiles -> {folder / 'p.zarr'}\n")
    return folder


def volume(path: Path, name: str = "probability") -> Grey:
    return Store.open(path).read(name, "inline", ALL)


@pytest.mark.slow
def test_what_a_run_wrote_is_no_survey(whole: Path, tmp_path: Path) -> None:
    """A slip of the hand: it would be run as amplitudes, and something be found in it."""
    for command, out in (("run", "x.zarr"), ("look", "x.html")):
        code, _, errors = small.run(command, whole / "p.zarr", "--out", tmp_path / out)
        assert code == 2
        assert "p.zarr holds probabilities of salt, which salt-survey wrote" in errors
        assert f"look IN --volume {whole / 'p.zarr'}" in errors
    array = whole / "p.zarr" / "probability"
    code, _, errors = small.run("run", array, "--interval-ms", "4", "--out", tmp_path / "y.zarr")
    assert code == 2
    assert "p.zarr holds probabilities of salt, which" in errors
    assert errors.strip().endswith(f"look IN --volume {whole / 'p.zarr'}")
    code, out, _ = small.run("scan", whole / "p.sgy")
    assert (code, "its text says that it holds probabilities of salt" in out) == (0, True)


def test_all_is_written_and_nothing_else(whole: Path) -> None:
    assert sorted(path.name for path in whole.iterdir()) == ["h", "p.sgy", "p.zarr", "r.json"]
    assert volume(whole / "p.zarr").shape == (small.INLINES, small.CROSSLINES, small.SAMPLES)
    assert volume(whole / "p.zarr").max() > 0


def test_the_volume_says_what_it_is(whole: Path, survey: Path) -> None:
    store = Store.open(whole / "p.zarr")
    assert store.array("inline").tolist() == list(range(100, 140))
    assert store.array("time_ms")[:2].tolist() == [400, 404]
    assert store.array("live").all()
    assert len(store.attributes["model"]["sha256"]) == 64
    settings = store.attributes["settings"]
    assert (settings["zoom"], settings["polarity"]) == ("2/1.5", "normal")
    assert store.attributes["counts"]["tiles"] == small.INLINES
    assert store.attributes["scan"]["samples"] == small.SAMPLES


def test_the_segy_file_has_the_probabilities_in_place(whole: Path, survey: Path) -> None:
    with segyio.open(whole / "p.sgy") as written, segyio.open(survey) as given:
        assert (written.ilines == given.ilines).all()
        cube = segyio.tools.cube(written)
        assert written.samples.tolist() == given.samples.tolist()
    assert cube == pytest.approx(volume(whole / "p.zarr") / 255, abs=1e-6)


def test_horizons_are_where_the_volume_crosses_the_threshold(whole: Path) -> None:
    salt = volume(whole / "p.zarr") / np.float32(255) > np.float32(small.THRESHOLD)
    lines = (whole / "h/top.txt").read_text().splitlines()
    assert len(lines) == (salt.any(axis=2) & ~salt[:, :, 0]).sum() > 0
    for line in lines[:: max(1, len(lines) // 20)]:
        inline, crossline, x, y, ms = line.split()
        trace = salt[int(inline) - 100, int(crossline) - 300]
        assert 400 + 4 * (trace.argmax() - 1) <= float(ms) <= 400 + 4 * trace.argmax()
        assert float(x) > 1e5 < float(y)


def test_the_report_counts(whole: Path) -> None:
    report = json.loads((whole / "r.json").read_text())
    assert (report["sections"], report["resumed"]) == (40, 0)
    assert report["settings"]["calibration"] == "zoom and polarity as given"
    made, kept = report["provenance"], Store.open(whole / "p.zarr").attributes["made_with"]
    assert Path(made["source"]).name == "survey.sgy"
    assert made["toolkit"] == __version__
    assert kept == {name: made[name] for name in ("toolkit", "runtime", "provider", "device")}
    salt = volume(whole / "p.zarr") / np.float32(255) > np.float32(small.THRESHOLD)
    assert report["counts"]["salt"] == salt.sum()
    assert report["counts"]["recorded"] <= salt.size


@pytest.mark.slow
def test_the_page_says_the_same_share_of_the_same(survey: Path, tmp_path: Path) -> None:
    """Of a line alone, its share is the volume's; a mute or a dead trace is no part of either."""
    out = tmp_path / "p.zarr"
    code, said, errors = small.run("run", *asked(survey, out, "--lines", "120:120"))
    assert code == 0, errors
    share = next(line for line in said.splitlines() if line.startswith("salt: "))
    code, _, errors = small.run("look", survey, "--volume", out, "--out", tmp_path / "l.html")
    assert code == 0, errors
    page = (tmp_path / "l.html").read_text()
    assert f"<p>{share}</p>" in page
    assert f"inline 120: salt is {share.split()[1]} of its recorded samples" in page
    assert "probability of salt at" not in page


def test_outputs_are_not_replaced_without_being_asked(whole: Path, survey: Path) -> None:
    before = contents(whole)
    code, _, errors = small.run("run", *asked(survey, whole / "p.zarr"))
    assert (code, "p.zarr exists; give --overwrite to replace it" in errors) == (2, True)
    assert contents(whole) == before


def test_outputs_do_not_lie_in_one_another(survey: Path, tmp_path: Path) -> None:
    store = tmp_path / "p.zarr"
    code, _, errors = small.run("run", *asked(survey, store, "--segy", store / "p.sgy"))
    assert code == 2
    assert f"{store} would be written and {store / 'p.sgy'} is within it" in errors
    assert not store.exists()


def test_a_report_is_no_scan(whole: Path, survey: Path, tmp_path: Path) -> None:
    more = ("--scan", whole / "r.json")
    code, _, errors = small.run("run", *asked(survey, tmp_path / "p.zarr", *more))
    assert code != 0
    assert f"{whole / 'r.json'}: this is no scan" in errors


def test_slabs_do_not_change_the_answer(whole: Path, survey: Path, tmp_path: Path) -> None:
    code, _, errors = small.run("run", survey, "--out", tmp_path / "p.zarr", *SETTINGS)
    assert code == 0, errors
    assert (volume(tmp_path / "p.zarr") == volume(whole / "p.zarr")).all()


def test_a_part_is_where_it_is_in_the_whole(whole: Path, survey: Path, tmp_path: Path) -> None:
    code, _, errors = small.run("run", *asked(survey, tmp_path / "p.zarr", "--lines", "110:120"))
    assert code == 0, errors
    part, all_of_it = volume(tmp_path / "p.zarr"), volume(whole / "p.zarr")
    assert (part[10:21] == all_of_it[10:21]).all()
    assert not part[:10].any() and not part[21:].any()


@pytest.mark.parametrize(
    "sections",
    ["inline", *(pytest.param(each, marks=pytest.mark.slow) for each in ("crossline", "both"))],
)
def test_times_are_found_as_in_the_whole(sections: str, survey: Path, tmp_path: Path) -> None:
    """In a window lower than a tile, too, which by itself would be another picture."""
    settings = ["--zoom", "3/2.5", "--polarity", "normal", "--gate", "0", "--sections", sections]
    reports = {}
    for name, times in (("whole", []), ("part", ["--times", "560:596"])):
        out, report = tmp_path / f"{name}.zarr", tmp_path / f"{name}.json"
        code, _, errors = small.run(
            "run", survey, "--out", out, "--report", report, *settings, *times
        )
        assert code == 0, errors
        reports[name] = json.loads(report.read_text())
    part, all_of_it = (volume(tmp_path / f"{name}.zarr") for name in ("part", "whole"))
    inside = slice(40, 50)  # 400 ms is the first
    assert all_of_it[..., inside].max() > 25
    # Other tiles are run together, which numbers may be rounded by.
    assert np.abs(part[..., inside].astype(int) - all_of_it[..., inside]).max() <= 1
    assert not part[..., :40].any()
    counts = {name: report["counts"] for name, report in reports.items()}
    assert 0 < counts["part"]["tiles"] < counts["whole"]["tiles"]
    assert counts["part"]["recorded"] * small.SAMPLES == counts["whole"]["recorded"] * 10


@pytest.mark.slow
def test_both_directions_give_mean_and_disagreement(survey: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.zarr"
    code, _, errors = small.run("run", *asked(survey, out, "--sections", "both"))
    assert code == 0, errors
    one, other = (volume(out, name).astype(int) for name in ("p_inline", "p_crossline"))
    assert one.any() and other.any()
    assert (volume(out) == (one + other + 1) // 2).all()
    assert (volume(out, "disagreement") == abs(one - other)).all()


@pytest.mark.slow
def test_sections_of_both_directions_are_shown_as_they_are_sampled(tmp_path: Path) -> None:
    """Every 2 ms, inlines 50 m apart and crosslines 25 m: as two runs at zooms of their own."""
    crosslines, samples = 40, 160
    (whole,) = draw(Plan(32, crosslines, samples, kind=Kind(samples, 2.0, 400)), tmp_path, ())
    data, length = whole.read_bytes(), crosslines * (240 + 4 * samples)
    lines = [data[at : at + length] for at in range(3600, len(data), 2 * length)]
    sparse, both = tmp_path / "sparse.sgy", tmp_path / "both.zarr"
    sparse.write_bytes(data[:3600] + b"".join(lines))
    asked = ("--stride", 101, "--gate", 0)
    code, said, errors = small.run("run", sparse, "--out", both, "--sections", "both", *asked)
    assert code == 0, errors
    default = "the default for samples every 2 ms and inlines 50 m apart, 0.625/0.5/1"
    assert default in errors
    assert "settings: zoom 0.625/0.5/1, polarity both" in said
    for direction, zoom in (("inline", "0.625/0.5"), ("crossline", "0.625/1/1")):
        one = tmp_path / f"{direction}.zarr"
        code, _, errors = small.run(
            "run", sparse, "--out", one, "--sections", direction, "--zoom", zoom, "--polarity",
            "both", *asked,
        )  # fmt: skip
        assert code == 0, errors
        assert volume(one).any()
        assert (volume(one) == volume(both, f"p_{direction}")).all()


@pytest.mark.slow
def test_without_a_calibration_it_says_so(survey: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.zarr"
    code, said, errors = small.run("run", survey, "--out", out, "--segy", tmp_path / "p.sgy")
    assert code == 0, errors
    assert "not calibrated: the zoom is the default" in errors
    assert said.count("not calibrated") == 1
    assert "the zoom is the default" not in said
    assert Store.open(out).attributes["settings"]["calibration"].startswith("not calibrated")
    with segyio.open(tmp_path / "p.sgy") as written:
        assert "not calibrated" in bytes(written.text[0]).decode("ascii", "replace")


@pytest.mark.slow
def test_where_nothing_is_found_it_says_what_to_do(survey: Path, tmp_path: Path) -> None:
    """Of settings that somebody gave; of the default ones it is said as the run begins."""
    report = tmp_path / "r.json"
    more = ("--threshold", "1", "--zoom", "0.5", "--report", report)
    code, said, errors = small.run("run", *asked(survey, tmp_path / "p.zarr", *more))
    assert code == 0, errors
    assert "salt: 0.00% of" in said
    assert "no salt was found at this zoom and polarity; calibrate on an interpreted" in errors
    small_one = "inline sections are 25 x 30 pixels at zoom 0.5/0.5, less than half of a tile"
    assert small_one in errors
    assert any(line.startswith(small_one) for line in json.loads(report.read_text())["warnings"])
    out = tmp_path / "q.zarr"
    code, _, errors = small.run("run", survey, "--out", out, "--threshold", "1")
    assert code == 0, errors
    assert "no salt was found" not in errors


@pytest.mark.slow
def test_where_small_sections_halve_the_mean_they_are_named_first(tmp_path: Path) -> None:
    line = draw(Plan(2, 160, 110), tmp_path, labelled=())[0]
    looks = ("--zoom", "1.25/0.8", "--polarity", "normal", "--threshold", "1")
    both = ("--sections", "both", "--out", tmp_path / "p.zarr")
    code, _, errors = small.run("run", line, *looks, *both)
    assert code == 0, errors
    assert "no salt was found: likely as the crossline sections are small" in errors
    assert "calibrate" not in errors
    some = ("--lines", "101:120", "--out", tmp_path / "q.zarr")
    code, _, errors = small.run("run", line, *looks, *some)
    assert code == 0, errors
    assert "--lines 101:120 reaches beyond the survey, which has inlines 100 to 101" in errors


def test_lines_that_are_not_there_are_refused_before_anything_is_said(
    survey: Path, tmp_path: Path
) -> None:
    code, said, errors = small.run("run", survey, "--out", tmp_path / "p.zarr", "--lines", "1:9")
    assert (code, said) == (2, "")
    assert "no inline is within 1:9" in errors
    assert "not calibrated" not in errors


def test_segy_of_an_array_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.random.default_rng(0).normal(size=(2, 120, 120)))
    out = tmp_path / "p.zarr"
    more = ("--interval-ms", 4, "--segy", tmp_path / "p.sgy")
    code, said, errors = small.run("run", tmp_path / "s.npy", "--out", out, *more)
    assert (code, said) == (2, "")
    assert "s.npy is no SEG-Y, whose headers could be taken; where there is one" in errors
    assert "sections" not in errors
    assert [path.name for path in tmp_path.iterdir()] == ["s.npy"]


def test_dead_and_muted_samples_are_zero(tmp_path: Path) -> None:
    plan = Plan(3, small.CROSSLINES, small.SAMPLES, kind=Kind(small.SAMPLES, 4.0, 400))
    survey = tmp_path / "odd.sgy"
    with open(survey, "wb") as file:
        write(file, plan.kind, (_odd(portion) for portion in plan.portions()))
    code, _, errors = small.run("run", survey, "--out", tmp_path / "p.zarr", *SETTINGS)
    assert code == 0, errors
    salt = volume(tmp_path / "p.zarr")
    assert not salt[:, 20:23].any() and not salt[:, :, :5].any()
    assert not np.asarray(Store.open(tmp_path / "p.zarr").array("live"))[:, 20:23].any()
    assert salt[:, 19].any() and salt[:, 23].any()


def _odd(portion: Traces) -> Traces:
    values = portion.amplitudes.copy()
    values[20:23] = 0
    values[:, :5] = 0
    return dataclasses.replace(portion, amplitudes=values)


def test_a_run_goes_on_where_it_was_killed(survey: Path, whole: Path, tmp_path: Path) -> None:
    kill_often(survey, tmp_path, times=3)
    same_as(tmp_path, whole)


@pytest.mark.slow
def test_twenty_kills_change_nothing(survey: Path, whole: Path, tmp_path: Path) -> None:
    for at in range(4):
        folder = tmp_path / str(at)
        folder.mkdir()
        kill_often(survey, folder, times=5, seed=at)
        same_as(folder, whole)


def kill_often(survey: Path, folder: Path, times: int, seed: int = 0) -> None:
    """Start a run again and again until so many were really killed, then let one finish. Where a
    run was done before that, the next are killed sooner.
    """
    chance, killed, longest = random.Random(seed), 0, 0.5
    line = asked(survey, folder / "p.zarr", "--segy", folder / "p.sgy", "--horizons", folder / "h")
    journal, again = folder / "p.zarr.journal", list[str]()
    while killed < times:
        process = small.start("run", *line, *again)
        while process.poll() is None and not journal.exists():
            time.sleep(0.01)
        time.sleep(chance.random() * longest)
        process.kill()
        _, errors = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), errors
        if journal.exists():
            killed += 1
        else:  # all is published, even where the process was yet to end
            longest, again = longest / 2, ["--overwrite"]
    code, _, errors = small.run("run", *line, *again)
    assert code == 0, errors


def same_as(folder: Path, whole: Path) -> None:
    expected = {name: data for name, data in contents(whole).items() if name != "r.json"}
    assert contents(folder) == expected


def killed(survey: Path, folder: Path) -> Path:
    """The hidden folder of a run that was killed when a slab was done, and not all were."""
    journal, again = folder / "p.zarr.journal", list[str]()
    for _ in range(10):
        process = small.start("run", *asked(survey, folder / "p.zarr"), *again)
        empty = 0
        while process.poll() is None:
            size = journal.stat().st_size if journal.exists() else 0
            empty = empty or size
            if size > empty > 0:
                break
        process.kill()
        process.communicate()
        partials = list(folder.glob(".p.zarr.*"))
        if journal.exists() and len(partials) == 1:
            return partials[0]
        again = ["--overwrite"]
    pytest.skip("each was done before it could be killed")


@pytest.mark.slow
def test_a_slab_that_was_damaged_is_run_again(survey: Path, whole: Path, tmp_path: Path) -> None:
    partial = killed(survey, tmp_path)
    shutil.rmtree(partial / "probability/c", ignore_errors=True)
    code, _, errors = small.run("run", *asked(survey, tmp_path / "p.zarr"))
    assert code == 0, errors
    assert (volume(tmp_path / "p.zarr") == volume(whole / "p.zarr")).all()


@pytest.mark.slow
def test_half_a_chunk_is_not_published(survey: Path, whole: Path, tmp_path: Path) -> None:
    """Under the name that Zarr writes it by before it is whole."""
    folder = killed(survey, tmp_path) / "probability/c/0/0"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"0.{'5' * 32}.partial").write_bytes(b"half")
    code, _, errors = small.run("run", *asked(survey, tmp_path / "p.zarr"))
    assert code == 0, errors
    assert contents(tmp_path / "p.zarr") == contents(whole / "p.zarr")


@pytest.mark.slow
def test_another_zoom_does_not_go_on(survey: Path, tmp_path: Path) -> None:
    process = small.start("run", *asked(survey, tmp_path / "p.zarr"))
    while process.poll() is None and not list(tmp_path.glob(".p.zarr.*/probability/c/*")):
        time.sleep(0.005)
    process.kill()
    process.communicate()
    if not (tmp_path / "p.zarr.journal").exists():
        pytest.skip("it was done before it could be killed")
    code, _, errors = small.run("run", *asked(survey, tmp_path / "p.zarr", "--zoom", "1/1"))
    assert code == 2
    assert "zoom 2/1.5 then, 1/1 now" in errors


@pytest.mark.slow
def test_ctrl_c_says_what_is_kept(survey: Path, tmp_path: Path) -> None:
    process = small.start("run", *asked(survey, tmp_path / "p.zarr", "--stride", "2"))
    while process.poll() is None and not list(tmp_path.glob(".p.zarr.*/probability/c/*")):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=600)
    if process.returncode == 0:
        pytest.skip("it was done before it could be interrupted")
    assert process.returncode == 130
    assert not (tmp_path / "p.zarr").exists()
    if (tmp_path / "p.zarr.journal").exists():
        assert "of 40 sections are done and kept in" in errors
    else:
        assert "no slab was finished: the same command begins anew" in errors


def test_ctrl_c_before_the_first_slab_says_that_nothing_is_kept(
    survey: Path, tmp_path: Path
) -> None:
    process = small.start("run", *asked(survey, tmp_path / "p.zarr", "--stride", "1", "--progress"))
    seen = ""
    while "0/40" not in seen and (character := process.stderr.read(1)):
        seen += character
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=600)
    if (tmp_path / "p.zarr.journal").exists() or process.returncode == 0:
        pytest.skip("its first slab was done before it could be interrupted")
    assert process.returncode == 130
    assert "no slab was finished: the same command begins anew" in errors
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "how", ["replaced", "overwritten", "removed", "written as the headers are copied"]
)
@pytest.mark.slow
def test_a_survey_that_changes_during_the_run_is_not_mixed_with_itself(
    how: str, survey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines renumbered: probabilities of the one would lie at the numbers of the other."""
    mine, other = Path(shutil.copy(survey, tmp_path / "in.sgy")), tmp_path / "other.sgy"
    data = bytearray(mine.read_bytes())
    pitch = 240 + 4 * small.SAMPLES
    for start in range(3600, len(data), pitch):
        line = int.from_bytes(data[start + 188 : start + 192], "big")
        data[start + 188 : start + 192] = (239 - line).to_bytes(4, "big")
    other.write_bytes(data)

    def changed(*_: object) -> None:
        if how == "replaced":
            other.replace(mine)
        elif how == "removed":
            mine.unlink()
        else:
            mine.write_bytes(data)

    def after(step: Callable[..., object]) -> Callable[..., object]:
        def both(*arguments: object, **named: object) -> object:
            result = step(*arguments, **named)
            changed()
            return result

        return both

    if how.startswith("written"):
        monkeypatch.setattr(journaled_run, "write_like", after(journaled_run.write_like))
    else:
        monkeypatch.setattr(JournaledRun, "carry_out", after(JournaledRun.carry_out))
    arguments = asked(mine, tmp_path / "p.zarr", "--segy", tmp_path / "p.sgy")
    says = "is no longer there" if how == "removed" else "was changed or replaced during the run"
    with pytest.raises(SurveyError, match=rf"in\.sgy {says}"):
        cli(["run", *map(str, arguments)], standalone_mode=False)
    assert not (tmp_path / "p.zarr").exists()
    assert not (tmp_path / "p.sgy").exists()
    monkeypatch.undo()
    if how == "removed":
        mine.write_bytes(data)
    more = ["--restart"] if how == "removed" else []  # it may come back as it was
    code, _, errors = small.run("run", *arguments, *more)
    assert code == 0, errors
    with segyio.open(tmp_path / "p.sgy", ignore_geometry=True) as found:
        assert found.header[0][189] == 139


def test_too_little_memory_is_refused(survey: Path, tmp_path: Path) -> None:
    line = [survey, "--out", tmp_path / "p.zarr", "--memory", small.MEMORY - 1, *SETTINGS]
    code, _, errors = small.run("run", *line)
    assert code == 2
    assert "and --memory allows" in errors
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_and_leaves_nothing(survey: Path, tmp_path: Path) -> None:
    line = " ".join(map(str, [sys.executable, "-m", "salt_survey", "run",
                              *asked(survey, tmp_path / "p.zarr")]))  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 4; exec {line}"], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "cannot be written (File too large); mend that" in done.stderr
    assert not list(tmp_path.iterdir())
