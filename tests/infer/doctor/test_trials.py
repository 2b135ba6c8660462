from __future__ import annotations

import csv
import dataclasses
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from salt_infer.cli import doctor
from salt_infer.doctor import child
from salt_infer.doctor.child import Ended
from salt_infer.doctor.trials import Trial, TrialRequest, Way, lines, tried, ways
from salt_infer.errors import SaltError, UsageError
from salt_infer.job.watcher import Watcher
from salt_infer.modelfile.contract import TTA_NAMES
from salt_infer.modelfile.onnx_reader import read_model
from salt_infer.models import default_model
from salt_infer.system.location import Url

EXAMPLES = Path(__file__).parents[3] / "examples"
TILES = TrialRequest(EXAMPLES / "tiles", EXAMPLES / "masks", rounds=1)
RAN = Trial(
    "cpu", "hflip", "", "m.onnx", "CPU", 24, (90.0, 120.0, 100.0), (0.3, 0.2, 0.4), 0.5625,
    differ=(0, 0),
)  # fmt: skip


class Counting(Watcher):
    def __init__(self) -> None:
        self.runs, self.done = 0, 0

    def started(self, tiles: int, done: int = 0) -> None:
        self.runs = tiles

    def advanced(self, tiles: int) -> None:
        self.done += tiles


def test_each_provider_with_each_augmentation_the_models_own_first() -> None:
    found = ways(["openvino", "cpu"], TILES)
    assert [way.provider for way in found] == ["openvino"] * 3 + ["cpu"] * 3
    assert sorted(way.tta for way in found[:3]) == sorted(TTA_NAMES)
    assert found[0].tta == read_model(default_model("openvino")).contract.tta
    assert str(found[0]) == "openvino, hflip"


def test_a_table_of_the_middle_rounds() -> None:
    rows = (
        RAN,
        dataclasses.replace(RAN, tta="none", differ=(3, 40), score=None),
        Trial("openvino", "doubtful", "it is not there"),
    )
    assert list(lines(rows, 3)) == [
        "tried       24 tiles, each way 3 times in turn; other masks: than those of the first way",
        "            way                 tiles/s  from, to       start-up  other masks      score"
        "   model",
        "            cpu, hflip          100.0    90.0 to 120.0  0.3 s     none             0.5625"
        "  m.onnx by CPU",
        "            cpu, none           100.0    90.0 to 120.0  0.3 s     3, by 40 pixels        "
        "  m.onnx by CPU",
        "            openvino, doubtful  FAILS: it is not there",
    ]


def test_the_fastest_provider_is_named_where_its_rounds_tell() -> None:
    other = dataclasses.replace(RAN, provider="openvino")
    faster = dataclasses.replace(other, tiles_per_s=(150.0, 130.0, 121.0))
    alike = dataclasses.replace(other, tiles_per_s=(150.0, 130.0, 119.0))
    failed = Trial("openvino", "hflip", "it is not there")
    once = dataclasses.replace(faster, tiles_per_s=(150.0,))

    def said(*trials: Trial) -> list[str]:
        return [line.strip() for line in lines(trials, 3) if "fastest" in line]

    of = "fastest with --tta hflip: "
    assert said(RAN, faster) == [f"{of}--provider openvino, 1.30 times as fast as cpu"]
    assert said(RAN, alike) == [f"{of}openvino or cpu, whose rounds overlap"]
    once_ahead = dataclasses.replace(RAN, provider="cuda", tiles_per_s=(1.0, 2.0, 125.0))
    assert said(RAN, faster, once_ahead) == [f"{of}openvino or cuda, whose rounds overlap"]
    assert said(RAN, failed) == said(RAN) == said(RAN, once) == []
    assert said(RAN, dataclasses.replace(faster, tta="none")) == []


@pytest.mark.slow
def test_ways_are_run_as_salt_infer_runs(tmp_path: Path) -> None:
    counting = Counting()
    found = [Way("cpu", "hflip"), Way("cpu", "none")]
    first, other = tried(found, TILES, counting)
    assert (counting.runs, counting.done) == (2, 2)

    def infer(tta: str) -> tuple[dict[str, str], float]:
        out, report = tmp_path / f"{tta}.csv", tmp_path / f"{tta}.json"
        command = [
            sys.executable, "-m", "salt_infer", "--provider", "cpu", "--tta", tta, "--images",
            TILES.images, "--labels", TILES.labels, "--out", out, "--report", report,
        ]  # fmt: skip
        subprocess.run([str(each) for each in command], check=True, capture_output=True)
        with out.open() as file:
            rows = {row["id"]: row["rle_mask"] for row in csv.DictReader(file)}
        return rows, json.loads(report.read_text())["score"]

    (flipped, score), (plain, plain_score) = infer("hflip"), infer("none")
    changed = [name for name in plain if plain[name] != flipped[name]]
    pixels = 0
    for name in changed:
        one, two = (set(_pixels(rows[name])) for rows in (plain, flipped))
        pixels += len(one ^ two)
    assert (first.score, other.score) == (score, plain_score)
    assert first.differ == (0, 0)
    assert other.differ == (len(changed), pixels)
    assert pixels > 0
    assert first.model == "default-cpu.onnx"
    assert first.tiles == 24
    assert len(first.tiles_per_s) == len(first.startup_s) == 1


def _pixels(row: str) -> list[int]:
    numbers = [int(each) for each in row.split()]
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return [pixel for start, length in pairs for pixel in range(start, start + length)]


def test_what_cannot_be_done_as_asked_ends_it_at_once(tmp_path: Path) -> None:
    counting = Counting()
    with pytest.raises(UsageError, match="does not exist"):
        tried([Way("cpu", "hflip")] * 2, TrialRequest(tmp_path / "none"), counting)
    assert counting.done == 0


def test_one_reason_for_all_is_told_once(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("id,rle_mask\nother,1 2\n")
    tiles = dataclasses.replace(TILES, labels=labels, rounds=2)
    counting = Counting()
    with pytest.raises(SaltError, match=r"has no label for 24 of 24 tiles"):
        tried([Way("cpu", "hflip"), Way("cpu", "none")], tiles, counting)
    assert counting.done == 4  # what failed once was not run again, and is counted


def test_a_way_that_fails_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(module: str, *arguments: str) -> Ended:
        if "cuda" in arguments:
            return Ended(-signal.SIGSEGV, said="salt-infer: note: beginning")
        return whole(module, *arguments)

    whole = child.run
    monkeypatch.setattr(child, "run", run)
    first, second = tried([Way("cuda", "hflip"), Way("cpu", "hflip")], TILES, Watcher())
    assert first.failure == "crashed with SIGSEGV: salt-infer: note: beginning"
    assert (second.failure, second.differ) == ("", None)
    assert second.cells()[4] == "-"


def test_without_labels_there_is_no_column_for_a_score() -> None:
    trial = dataclasses.replace(RAN, score=None)
    head = list(lines([trial, Trial("cuda", "none", "no such device")], 1))[1]
    assert head.split("  ")[-1] == "model"
    assert "score" not in head
    scored = list(lines([RAN, trial], 1))
    assert "score" in scored[1]
    assert "0.5625" in scored[2]


def test_addresses_keep_their_signatures() -> None:
    url = "https://host/tiles.zip?token=1"
    assert next(TrialRequest(Url(url)).options()) == f"--images={url}"


@pytest.mark.parametrize("options", [["--labels", "masks"], ["--rounds", "5"]])
def test_options_without_tiles(options: list[str]) -> None:
    result = CliRunner().invoke(doctor.cli, options)
    assert result.exit_code == 2
    assert "Missing option '--images'" in result.output


@pytest.mark.slow
def test_what_the_runs_warn_of_is_told_once(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "tiles", tmp_path / "tiles")
    (tmp_path / "tiles" / "junk.png").write_bytes(b"junk")
    labels = tmp_path / "labels.csv"
    ids = [path.stem for path in sorted((tmp_path / "tiles").glob("*.png"))]
    labels.write_text("\n".join(["id,rle_mask", *(f"{name}," for name in ids), ""]))
    tiles = TrialRequest(tmp_path / "tiles", labels, rounds=1)
    found = tried([Way("cpu", "none"), Way("cpu", "hflip")], tiles, Watcher())
    assert [trial.bad for trial in found] == [1, 1]
    told = list(lines(found, 1))[-2:]
    assert told[0].strip() == "1 bad tiles could not be read, and are not in any of this"
    assert told[1].strip().startswith(f"warning: {labels}: no mask has salt (25)")


def test_tiles_of_which_none_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "junk.png").write_bytes(b"junk")
    with pytest.raises(SaltError, match=r"no tile of .* can be read"):
        tried([Way("cpu", "hflip")], TrialRequest(tmp_path, rounds=1), Watcher())


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    report = tmp_path / "doctor.json"
    code = "from salt_infer.cli.doctor import main; main()"
    options = ["--images", TILES.images, "--labels", TILES.labels, "--json", report]
    command = [sys.executable, "-c", code, *map(str, options), "--rounds", "1", "--progress"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text())
    works = [each["provider"] for each in found["outcomes"] if not each["problems"]]
    assert len(found["trials"]) == 3 * len(works)
    assert not any(trial["failure"] for trial in found["trials"])
    assert found["trials"][0]["provider"] == found["default"]
    assert "tried       24 tiles, each way once" in done.stdout
    assert "runs" in done.stderr
