from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from salt_infer.backends import availability
from salt_infer.backends.availability import Problem
from salt_infer.backends.engine_cache import EngineCache, EngineKey
from salt_infer.backends.providers import NAMES
from salt_infer.cli import doctor
from salt_infer.doctor import child, diagnosis
from salt_infer.doctor.child import Ended
from salt_infer.doctor.diagnosis import Diagnosis
from salt_infer.doctor.packages import Need
from salt_infer.doctor.selftest import Outcome
from salt_infer.system.cpu import Machine

WORKS = Outcome(
    "cpu", (), "m.onnx", "CPUExecutionProvider", {"CPUExecutionProvider": 3}, "", (1, 9)
)
LACKS = Outcome("cuda", ("no GPU (get one)", "no driver (install it)"))
KEY = EngineKey("ab" * 32, "1.31.1", "10.14.1", "NVIDIA L4", "8.9", (32, 2), ())


def diagnosed(*outcomes: Outcome, gpu: dict[str, Any] | None = None) -> Diagnosis:
    machine = Machine("a processor", 8, 4, 2.5, ("AVX2", "VNNI"))
    return Diagnosis(
        "3.11", {"numpy": "2", "openvino": None}, machine, gpu or {"problem": "no driver"},
        outcomes, Path("/cache"), ("one",),
    )  # fmt: skip


def test_what_people_read() -> None:
    lines = list(diagnosed(LACKS, WORKS).lines())
    assert lines == [
        "python      3.11",
        "packages    numpy 2",
        "processor   a processor: 8 CPUs on 4 cores, a quota of 2.5 CPUs; AVX2 VNNI",
        "threads     2 for the model, 2 to decode",
        "GPU         no driver",
        "libraries   none of CUDA, cuDNN and TensorRT",
        "cuda        not usable",
        "            no GPU (get one)",
        "            no driver (install it)",
        "cpu         works: m.onnx, 1 of 9 pixels differ from the golden masks; "
        "3 nodes on CPUExecutionProvider; the default",
        "engines     1 in /cache",
        "            one",
    ]


def test_a_gpu() -> None:
    gpu = {
        "gpus": [{"name": "NVIDIA L4", "capability": "8.9"}], "driver": [13, 1], "problem": None,
        "libraries": {"libcudart.so.13": True, "libcudnn.so.9": False},
    }  # fmt: skip
    lines = list(diagnosed(WORKS, gpu=gpu).lines())
    assert "GPU 0       NVIDIA L4, compute capability 8.9" in lines
    assert "driver      up to CUDA 13.1" in lines
    assert "libraries   1 of 2 of CUDA, cuDNN and TensorRT: libcudart.so.13" in lines
    alone = diagnosed(WORKS, gpu={"problem": "no driver", "libraries": gpu["libraries"]})
    assert (
        "libraries   1 of 2 of CUDA, cuDNN and TensorRT: libcudart.so.13; "
        "of no use without a driver"
    ) in alone.lines()


def test_what_the_commands_lack_is_told_and_changes_no_exit_code() -> None:
    need = Need("salt-train", "train", "", ("torch",))
    found = dataclasses.replace(diagnosed(WORKS), needs=(need,))
    assert need.line(True) in found.lines()
    value = json.loads(found.to_json())
    assert value["works"] is True
    assert value["needs"] == [
        {"name": "salt-train", "extra": "train", "purpose": "", "lacks": ["torch"]}
    ]


@pytest.mark.parametrize(
    ("outcomes", "works"),
    [
        ((LACKS, WORKS), True),
        ((Outcome("cuda", failure="crashed"), WORKS), False),  # auto would take it
        ((Outcome("cuda", failure="no memory", refused=True), WORKS), True),  # auto goes on
        ((Outcome("cuda", failure="no memory", refused=True),), False),
        ((WORKS, Outcome("openvino", failure="crashed")), True),
        ((LACKS,), False),
        ((), False),
    ],
)
def test_whether_the_default_works(outcomes: tuple[Outcome, ...], works: bool) -> None:
    found = diagnosed(*outcomes)
    assert found.works == works
    assert ("would not work here" in list(found.lines())[-1]) == (not works)
    assert json.loads(found.to_json())["works"] == works


def test_the_number_of_a_gpu_is_for_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, bool] = {}

    def run(module: str, provider: str, *arguments: str, timeout_s: float) -> Ended:
        asked[provider] = "--device-id" in arguments
        return Ended(None, prevented="not now")

    monkeypatch.setattr(child, "run", run)
    monkeypatch.setattr(diagnosis, "_driver", dict)
    diagnosis.diagnose(EngineCache(tmp_path), device_id=3)
    assert asked == {"tensorrt": True, "cuda": True, "cpu": False, "openvino": False}


def test_two_runtimes_in_one_place_end_a_run_that_another_provider_could_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As :func:`salt_infer.backends.selection.open_session` has it."""
    clash = Problem("a and b are both installed", "uninstall them")

    def outcome(provider: str, cache: EngineCache, device_id: int) -> Outcome:
        return Outcome(provider, (str(clash),) if provider in NAMES else ())

    monkeypatch.setattr(availability, "clash", lambda: clash)
    monkeypatch.setattr(diagnosis, "_outcome", outcome)
    monkeypatch.setattr(diagnosis, "_driver", dict)
    found = diagnosis.diagnose(EngineCache(tmp_path))
    assert found.outcomes[-1].works  # OpenVINO
    assert (found.default, found.works) == (None, False)
    assert json.loads(found.to_json())["blocked"] == str(clash)
    monkeypatch.setattr(availability, "clash", lambda: None)
    assert diagnosis.diagnose(EngineCache(tmp_path)).works


def doctored(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = "from salt_infer.cli.doctor import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_this_machine(tmp_path: Path) -> None:
    report = tmp_path / "doctor.json"
    done = doctored("--engine-cache", tmp_path / "engines", "--json", report)
    assert done.returncode == 0, done.stdout + done.stderr
    value = json.loads(report.read_text())
    assert value["works"] is True
    by_name = {each["provider"]: each for each in value["outcomes"]}
    assert list(by_name) == ["tensorrt", "cuda", "cpu", "openvino"]
    assert by_name["cpu"]["failure"] == ""
    assert value["packages"]["numpy"]
    assert value["threads"]["model"] >= 1
    assert "cpu         works: default-cpu.onnx, " in done.stdout
    assert "salt-train  has its packages\n" in done.stdout
    assert {"name": "ray", "extra": "ray", "purpose": "--engine ray", "lacks": []} in value["needs"]
    assert f"engines     0 in {tmp_path / 'engines'}" in done.stdout
    assert os.listdir(tmp_path) == ["doctor.json"]
    again = doctored("--json", report)
    assert again.returncode == 2
    assert "--overwrite" in again.stderr


def test_exit_code_where_the_default_would_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "diagnose", lambda cache, device_id: diagnosed(LACKS))
    result = CliRunner().invoke(doctor.cli, [])
    assert result.exit_code == 1
    assert "would not work here" in result.output


def test_the_cache_is_listed_and_emptied(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    with cache.building(KEY, "m.onnx", print) as folder:
        (folder / "x.engine").write_bytes(bytes(2_000_000))
    assert cache.entries()[0].line().startswith(f"{KEY.digest[:12]}: 2.0 MB")
    result = CliRunner().invoke(doctor.cli, ["--engine-cache", str(tmp_path), "--prune-cache"])
    assert result.output == f"removed 1 engines, 2.0 MB, from {tmp_path}\n"
    assert os.listdir(tmp_path) == []
    with cache.building(KEY, "m.onnx", print):
        result = CliRunner().invoke(doctor.cli, ["--engine-cache", str(tmp_path), "--prune-cache"])
    assert f"left {KEY.digest[:12]}: a process is building or loading it" in result.output


@pytest.mark.slow
def test_files_of_the_current_folder_are_none_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "numpy", "click"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    monkeypatch.chdir(tmp_path)
    assert diagnosis._outcome("cpu", EngineCache(tmp_path / "engines"), 0).works
