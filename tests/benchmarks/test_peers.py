"""The comparison: contenders as real processes, and what is made of their samples."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
import peers
import pytest
import record
from click.testing import CliRunner
from comparison import answers, chart, process, standings
from comparison.answers import Answer, Reference
from comparison.material import BENCHMARKS, Files, Material
from comparison.roster import CONTENDERS, SHORT
from comparison.standings import Sample, Standing, ratio
from contenders import common
from contenders.common import Task

from salt_infer.backends.option_rules import parse_option
from salt_infer.backends.providers import ProviderRequest
from salt_infer.masks import rle
from salt_train import synthetic
from salt_train.scoring.evaluate import Decision
from tests import drawing

DECISION = Decision(threshold=0.5, gate=0.3)


@pytest.fixture(scope="module")
def material(
    tiny_checkpoint: Path, tile_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Material:
    """Seven tiles, of which five have labels."""
    folder = tmp_path_factory.mktemp("peers")
    synthetic.write(drawing.draw(64, seed=3), folder)
    whole = Material(
        tiny_checkpoint, tile_folder / "tiles", tile_folder / "masks", folder / "tiles", 1.0
    )
    few = whole.some(7, folder / "images")
    labels = folder / "labels"
    labels.mkdir()
    for name in few.ids()[:5]:
        (labels / f"{name}.png").symlink_to(tile_folder / "masks" / f"{name}.png")
    return dataclasses.replace(few, labels=labels)


@pytest.fixture(scope="module")
def reference(material: Material) -> Reference:
    return answers.reference(material, DECISION, 4)


def write(path: Path, rows: Mapping[str, np.ndarray]) -> Path:
    common.write(path, map(Path, rows), [common.rle(mask) for mask in rows.values()])
    return path


def test_agreement_counts_pixels_rows_and_score(
    material: Material, reference: Reference, tmp_path: Path
) -> None:
    masks = reference.masks.copy()
    masks[0, :2, :3] ^= True
    masks[6, 50, 50] ^= True
    rows = dict(zip(reversed(reference.ids), reversed(list(masks)), strict=True))
    found = reference.judge(write(tmp_path / "a.csv", rows))
    assert (found.pixels, found.pixels_flipped, found.rows_changed) == (7 * 101 * 101, 7, 2)
    assert found.agreement == 1 - 7 / (7 * 10201)
    truth = dict(zip(material.labelled(), reference.truth, strict=True))
    perfect = rows | {name: mask.astype(bool) for name, mask in truth.items()}
    assert len(truth) == 5
    found = reference.judge(write(tmp_path / "b.csv", perfect))
    assert found.score == 1
    assert found.difference == pytest.approx(1 - reference.score)


def test_a_submission_of_other_tiles_is_refused(reference: Reference, tmp_path: Path) -> None:
    rows = dict(zip(reference.ids[1:], reference.masks[1:], strict=True))
    with pytest.raises(click.ClickException, match="6 rows"):
        reference.judge(write(tmp_path / "short.csv", rows))


def test_tiles_that_not_every_contender_would_find_are_refused(
    tmp_path: Path, material: Material
) -> None:
    hidden = tmp_path / "more"
    hidden.mkdir()
    for path in material.images.glob("*.png"):
        (hidden / path.name).symlink_to(path)
    with pytest.raises(click.UsageError, match="7 tiles, 0 of them"):
        dataclasses.replace(material, images=tmp_path).ids()


def test_the_copied_encoder_gives_the_same_strings(reference: Reference) -> None:
    assert [common.rle(mask) for mask in reference.masks] == rle.encode(reference.masks)
    assert common.rle(np.zeros((101, 101), bool)) == ""
    assert common.rle(np.ones((101, 101), bool)) == "1 10201"


def test_a_task_goes_through_the_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for mode in ("", "bf16"):
        task = Task(tmp_path, tmp_path / "m", tmp_path / "o.csv", 0.1 + 0.2, 0.45, 32, 2, mode)
        monkeypatch.setattr(sys, "argv", ["peer", *task.arguments()])
        assert Task.parse() == task


def test_a_process_tells_time_and_its_own_memory_only(tmp_path: Path) -> None:
    ballast = np.ones(200_000_000, np.uint8)
    ran = process.run([sys.executable, "-c", "print('seen')"], tmp_path, {})
    assert ran.stdout == "seen\n"
    assert ran.wall_s > 0
    assert 2 < ran.peak_rss_mb < 100, len(ballast)


def test_a_failed_process_says_why(tmp_path: Path) -> None:
    with pytest.raises(process.CommandError, match="lacks this"):
        process.run([sys.executable, "-c", "raise SystemExit('lacks this')"], tmp_path, {})


def standing(name: str, run_s: Sequence[float], difference: float = 0.0) -> Standing:
    answer = Answer(0.8 + difference, difference, (difference, difference), 10201, 51, 1, "")
    samples = tuple(Sample(wall_s=each + 2, run_s=each, peak_rss_mb=100 + each) for each in run_s)
    return Standing(name, 80, samples, answer, steady=True)


MADE_UP = [
    standing("notebook", [8, 10, 8]),
    standing("torch-bf16", [4, 4, 4]),
    standing("onnxruntime", [5, 5, 6]),
    standing("openvino-bf16", [0.5, 0.5, 0.5], -0.0031),
    standing("openvino-int8", [1.0, 1.0, 1.25], 0.002),
    standing("salt-cpu-int8-gated", [1.0, 0.8, 0.8], 0.001),
    standing("salt-openvino-int8-gated", [0.25, 0.25, 0.25], -0.01),
]


def test_ratios_are_medians_of_the_rounds() -> None:
    found = ratio(MADE_UP[5], MADE_UP[0])
    assert (found.median, found.min, found.max) == (10.0, 8.0, 12.5)


def test_who_stopped_early_is_compared_in_the_rounds_of_both() -> None:
    stopped = standing("notebook", [8, 10])
    assert ratio(MADE_UP[5], stopped).max == 12.5
    assert ratio(stopped, MADE_UP[5]).min == 0.08


def test_targets_pass_over_what_lost_the_score() -> None:
    found = {each.group: each for each in standings.verdicts(MADE_UP)}
    assert {each.ours for each in found.values()} == {"salt-cpu-int8-gated"}
    assert found["OpenVINO"].baseline == "openvino-int8"
    assert found["OpenVINO"].ratio.median == 1.25
    assert {group for group, each in found.items() if each.holds} == {
        "notebook",
        "PyTorch",
        "ONNX Runtime",
        "OpenVINO",
    }
    inexact = standing("torch-compile", [2, 2, 2], -0.01)
    told = next(each for each in standings.verdicts([inexact, *MADE_UP]) if each.group == "PyTorch")
    assert told.baseline == "torch-compile"
    slower = [*MADE_UP[:5], standing("salt-cpu-int8-gated", [1.1, 1.1, 1.1])]
    missed = {each.group for each in standings.verdicts(slower) if not each.holds}
    assert missed == {"notebook", "PyTorch", "ONNX Runtime", "OpenVINO"}
    assert standings.verdicts(slower)[0].line().startswith("MISSED: 8x notebook: 7.27x (7.27 to 9")


def test_the_table_has_a_row_a_contender() -> None:
    lines = standings.table(MADE_UP)
    assert len({line.count("|") for line in lines}) == 1
    row = next(line for line in lines if line.startswith("| salt-infer, ONNX Runtime"))
    assert row == (
        "| salt-infer, ONNX Runtime, int8 gated | 100.0 | 10.00x (8.00 to 12.50) "
        "| 5.00x (4.00 to 5.00) | 6.25x (5.00 to 7.50) | 1.25x (1.00 to 1.56) | 2.0 | 101 | 0.8010 "
        "| +0.0010 (+0.0010 to +0.0010) | 99.5000% |"
    )
    alone = standings.table(MADE_UP[:1])[-1]
    assert alone.startswith("| the case study's notebook | 10.0 | 1 | – | – | – |")
    assert standings.verdicts(MADE_UP[:1]) == []


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    chart.draw(MADE_UP, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_contenders_are_told_from_what_is_missing() -> None:
    assert not CONTENDERS["notebook"].missing
    lost = dataclasses.replace(CONTENDERS["notebook"], needs=("no_such",), tools=("no-such",))
    assert lost.missing == "needs no_such, no-such"
    assert set(SHORT) <= set(CONTENDERS)
    modules = {each.program for each in CONTENDERS.values() if each.program}
    assert all((BENCHMARKS / "contenders" / f"{name}.py").exists() for name in modules)


@pytest.mark.parametrize(
    ("given", "message"),
    [(["--images", "."], "go together"), (["--only", "openvino-int8"], "none of these can run")],
)
def test_what_cannot_be_compared_is_said(
    given: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = dataclasses.replace(CONTENDERS["openvino-int8"], needs=("no_such",))
    monkeypatch.setitem(CONTENDERS, "openvino-int8", lost)  # type: ignore[misc]
    done = CliRunner().invoke(peers.main, given)
    assert done.exit_code == 2
    assert message in done.output


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
def test_contenders_agree(
    material: Material, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every float32 way says what torch says, bf16 nearly; results as they are kept."""
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    exact = [
        "notebook",
        "onnxruntime",
        "openvino-fp32",
        "salt-cpu-fp32-dense",
    ]
    names = [*exact, "torch-bf16"]
    arguments = [str(material.checkpoint), "--batch-size", "4", "--rounds", "1"]
    for option in ("images", "labels", "calibrate"):
        arguments += [f"--{option}", str(getattr(material, option))]
    arguments += [word for name in names for word in ("--only", name)]
    done = CliRunner().invoke(peers.main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "results" / "peers.json").read_text())
    assert (result["tiles"], result["labelled"]) == (7, 5)
    for name in names:
        found = result["contenders"][name]
        assert len(found["samples"]) == 1
        own = found["model_sha256"] == hashlib.sha256(material.checkpoint.read_bytes()).hexdigest()
        assert own == (name in ("notebook", "torch-bf16"))
        assert found["pixels_flipped"] <= (2000 if name == "torch-bf16" else 7)
        for sample in found["samples"]:
            assert 0 < sample["run_s"] < sample["wall_s"]
            assert sample["peak_rss_mb"] > 50
    assert result["ratios"].keys() == {
        f"salt-cpu-fp32-dense to {name}" for name in ("notebook", "onnxruntime")
    }
    assert "holds" in done.output or "MISSED" in done.output
    assert (tmp_path / "results" / "peers.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
def test_int8_is_exported_once(
    material: Material, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("salt_export.guard.METHODS", ("minmax",))  # others take far longer
    said: list[str] = []
    files = Files(material, tmp_path, said.append)
    path = files["int8 gated"]
    assert path.exists()
    assert said[0] == "making int8-gated.onnx"
    told = len(said)
    assert files["int8 gated"] == path
    assert len(said) == told


@pytest.mark.slow
def test_openvinos_own_int8(material: Material, reference: Reference, tmp_path: Path) -> None:
    pytest.importorskip("nncf", reason="nncf is not installed: it is in the extra bench")
    files = Files(material, tmp_path, lambda line: None)
    asked = peers.tasks(["openvino-int8"], files, material.images, DECISION, 4, tmp_path)
    peers.measure("openvino-int8", asked["openvino-int8"], tmp_path)
    assert reference.judge(asked["openvino-int8"].out).agreement > 0.95


def two_tasks(material: Material, folder: Path) -> dict[str, Task]:
    """Those of the notebook and of PyTorch."""
    files = Files(material, folder, pytest.fail)
    names = ["notebook", "torch-bf16"]
    return peers.tasks(names, files, material.images, DECISION, 4, folder)


def test_all_take_turns_in_every_round(
    material: Material, reference: Reference, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With stand-ins for the processes, one of which changes its mind."""
    order: list[str] = []

    def pretend(name: str, task: Task, cache: Path, limit_s: float | None) -> Sample:
        assert limit_s is None
        order.append(name)
        masks = reference.masks & (len(order) < 3 or name == "notebook")
        write(task.out, dict(zip(reference.ids, masks, strict=True)))
        return Sample(2.0, float(len(order)), 1.0)

    monkeypatch.setattr(peers, "measure", pretend)
    asked = two_tasks(material, tmp_path)
    kept: list[int] = []

    def keep(seen: peers.Contest) -> None:
        assert len(standings.table(seen.standings)) == 2 + len(seen.standings)
        kept.append(len(seen.standings))

    contest = peers.compete(asked, dict.fromkeys(asked, reference), 2, tmp_path, keep=keep)
    found = contest.standings
    assert (kept, contest.failed) == ([1, 2, 2, 2], {})
    assert order == ["notebook", "torch-bf16"] * 2
    assert [each.steady for each in found] == [True, not reference.masks.any()]
    assert [[sample.run_s for sample in each.samples] for each in found] == [[1, 3], [2, 4]]


def test_one_that_fails_runs_no_more_and_the_others_go_on(
    material: Material, reference: Reference, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    order: list[str] = []

    def pretend(name: str, task: Task, cache: Path, limit_s: float | None) -> Sample:
        order.append(name)
        if name == "notebook":
            raise click.ClickException("it broke")
        write(task.out, dict(zip(reference.ids, reference.masks, strict=True)))
        return Sample(2.0, 1.0, 1.0)

    monkeypatch.setattr(peers, "measure", pretend)
    asked = two_tasks(material, tmp_path)
    contest = peers.compete(asked, dict.fromkeys(asked, reference), 2, tmp_path)
    assert order == ["notebook", "torch-bf16", "torch-bf16"]
    assert contest.failed == {"notebook": "it broke"}
    assert [each.name for each in contest.standings] == ["torch-bf16"]
    # Whose last run took longer than what is left is not started.
    contest.run("torch-bf16", 3, time.monotonic() + 1.9)
    assert len(order) == 3


@pytest.mark.slow
def test_a_process_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, time\n"
        "pathlib.Path('pid').write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(process.CommandError, match="was not done in 2 s"):
        process.run([sys.executable, "-c", code], tmp_path, dict(os.environ), 2)
    if not (tmp_path / "pid").exists():  # it had not even begun
        return
    state = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    until = time.monotonic() + 600  # a signal is sent, and takes effect when its process has a turn
    while runs(state) and time.monotonic() < until:
        time.sleep(0.05)
    assert not runs(state)


def runs(state: Path) -> bool:
    """Whether a process is there and no corpse; of its /proc/PID/stat."""
    try:
        return state.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "gpu-notebook",
        "gpu-torch-fp16",
        "gpu-onnxruntime-fp32",
        "gpu-onnxruntime-fp16",
        "gpu-study-notebook",
    ],
)
@pytest.mark.usefixtures("traced", "few_shapes")
def test_the_ways_of_a_gpu_agree_without_one(
    material: Material, reference: Reference, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    name: str,
) -> None:  # fmt: skip
    monkeypatch.setenv(common.DEVICE, "cpu")
    files = Files(material, tmp_path, lambda line: None)
    asked = peers.tasks([name], files, material.images, DECISION, 4, tmp_path)[name]
    # A GPU's batch of 128 takes a minute of processors, which have no units for float16.
    sample = peers.measure(name, dataclasses.replace(asked, batch_size=8), tmp_path)
    assert 0 < sample.run_s < sample.wall_s
    assert reference.judge(asked.out).agreement > 0.99


def test_who_runs_on_a_gpu() -> None:
    names = peers._usual("cuda", False)
    assert names[0] == "gpu-salt"
    assert {CONTENDERS[name].device for name in names} == {"cuda"}
    groups = {CONTENDERS[name].group for name in names}
    assert groups == {"salt-infer", "notebook", "PyTorch", "ONNX Runtime"}
    task = Task(Path("a"), Path("m"), Path("o.csv"), 0.5, 0.5, 128, 2, "cuda")
    command = " ".join(CONTENDERS["gpu-salt-graph"].command(task))
    assert "--provider cuda" in command and "--provider-option enable_cuda_graph=1" in command
    for name in names:
        pairs = tuple(map(parse_option, CONTENDERS[name].options))
        ProviderRequest("cuda", options=pairs)
    assert not {CONTENDERS[name].device for name in peers._usual("cpu", False)} - {"cpu"}


def test_a_batch_size_of_its_own_goes_before_everybodys(material: Material, tmp_path: Path) -> None:
    files = Files(material, tmp_path, pytest.fail)
    (tmp_path / "nncf-int8.xml").touch()
    names = ["notebook", "openvino-int8", "openvino-int8-bf16-batch-4"]
    asked = peers.tasks(names, files, material.images, DECISION, 32, tmp_path)
    assert [task.batch_size for task in asked.values()] == [32, 32, 4]
    assert [task.mode for task in asked.values()] == ["", "f32", "bf16"]


@pytest.mark.slow
def test_the_help_names_everyone() -> None:
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "peers.py", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    text = "".join(done.stdout.split())  # names are broken at their hyphens
    assert all(name in text for name in CONTENDERS)


def test_what_there_was_no_time_for_is_named(
    material: Material, reference: Reference, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def pretend(name: str, task: Task, cache: Path, limit_s: float | None) -> Sample:
        write(task.out, dict(zip(reference.ids, reference.masks, strict=True)))
        return Sample(1000.0, 1.0, 1.0)

    monkeypatch.setattr(peers, "measure", pretend)
    asked = two_tasks(material, tmp_path)
    until = time.monotonic() + 500  # less than the first took
    contest = peers.compete(asked, dict.fromkeys(asked, reference), 2, tmp_path, until)
    assert [len(each.samples) for each in contest.standings] == [1]
    assert contest.failed == {}
    assert contest.without_result == {"torch-bf16": "there was no time for it"}
