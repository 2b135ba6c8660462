"""What a user meets who asks for a provider that is not there."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from salt_infer.system.cpu import this_machine
from tests.conftest import ROOT

TILES = ROOT / "examples" / "tiles"


def infer(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "salt_infer", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def without_gpu() -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has a CUDA provider")


@pytest.mark.parametrize(("provider", "extra"), [("cuda", "gpu"), ("tensorrt", "tensorrt")])
def test_a_gpu_that_is_not_there(tmp_path: Path, provider: str, extra: str) -> None:
    without_gpu()
    done = infer("--images", TILES, "--out", "x.csv", "--provider", provider, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"salt-infer: {provider} cannot run here: ")
    assert len(done.stderr.splitlines()) == 1
    assert f"pip install 'salt-toolkit[{extra}]'" in done.stderr
    assert "--allow-fallback" in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_fallback_is_said_on_stderr_in_the_report_and_at_the_end(
    tmp_path: Path, provider: str
) -> None:
    without_gpu()
    done = infer(
        "--images", TILES, "--out", "x.csv", "--provider", provider, "--allow-fallback",
        "--report", "x.json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0
    first, last = done.stderr.splitlines()
    assert first.startswith(f"salt-infer: running on cpu, not on {provider}: {provider} cannot")
    assert last.startswith("salt-infer: ran on CPUExecutionProvider")
    assert f"and {provider} was asked for" in last
    assert "default-cpu.onnx, " in done.stdout
    assert f"CPUExecutionProvider (not {provider}), all " in done.stdout
    model = json.loads((tmp_path / "x.json").read_text())["model"]
    assert model["asked"] == provider
    assert model["provider"] == "CPUExecutionProvider"
    assert first == f"salt-infer: {model['fallback'][0]}"
    assert provider in model["passed_over"]
    assert list(model["nodes"]) == ["CPUExecutionProvider"]
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 25


def test_auto_says_what_it_took_and_why(tmp_path: Path) -> None:
    without_gpu()
    done = infer("--images", TILES, "--out", "x.csv", "--report", "x.json", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""
    model = json.loads((tmp_path / "x.json").read_text())["model"]
    assert (
        "CPUExecutionProvider (auto: tensorrt and cuda cannot run here), "
        f"all {model['nodes']['CPUExecutionProvider']} nodes; tta"
    ) in done.stdout
    assert "no CUDAExecutionProvider" in model["passed_over"]["cuda"]


def test_cpu_by_name_needs_no_remark(tmp_path: Path) -> None:
    done = infer("--images", TILES, "--out", "x.csv", "--provider", "cpu", cwd=tmp_path)
    assert " gated, CPUExecutionProvider, all " in done.stdout


def test_openvino_by_name(tmp_path: Path) -> None:
    if importlib.util.find_spec("openvino") is None:
        done = infer("--images", TILES, "--out", "x.csv", "--provider", "openvino", cwd=tmp_path)
        assert done.returncode == 1
        assert "OpenVINO is not installed (pip install 'salt-toolkit[openvino]')" in done.stderr
        assert os.listdir(tmp_path) == []
        return
    done = infer(
        "--images", TILES, "--out", "x.csv", "--provider", "openvino",
        "--provider-option", "INFERENCE_PRECISION_HINT=bf16", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "OpenVINO bf16, all " in done.stdout


@pytest.mark.skipif(not importlib.util.find_spec("openvino"), reason="OpenVINO is not installed")
def test_openvino_alone_is_enough(tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    code = (
        "import sys\n"
        "sys.modules['onnxruntime'] = None\n"
        f"sys.argv = ['salt-infer', '--images', {str(TILES)!r}, '--out', {str(out)!r}]\n"
        "from salt_infer.cli.infer import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    used = "bf16" if this_machine().multiplies_bf16 else "f32"
    assert f"OpenVINO {used} (auto: tensorrt and cuda and cpu cannot run here)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--provider", "rocm"), "'rocm' is not one of 'auto', 'cpu'"),
        (("--provider", "cuda", "--provider-option", "x"), "not of the form KEY=VALUE"),
        (("--provider-option", "a=b"), "name it with --provider"),
        (("--provider", "cpu", "--device-id", 1), "--device-id names a GPU"),
        (
            ("--provider", "tensorrt", "--provider-option", "trt_profile_min_shapes=tiles:1x1"),
            "expected all of trt_profile_min_shapes",
        ),
    ],
)
def test_bad_usage(tmp_path: Path, arguments: tuple[object, ...], says: str) -> None:
    done = infer("--images", TILES, "--out", "x.csv", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert os.listdir(tmp_path) == []


def test_building_only_needs_no_tiles_and_writes_nothing(tmp_path: Path, gated_model: Path) -> None:
    done = infer("--build-only", "--model", gated_model, "--provider", "cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("gated.onnx is ready on CPUExecutionProvider (")
    assert os.listdir(tmp_path) == []
