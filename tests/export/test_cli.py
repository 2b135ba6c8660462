from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = "import sys; from salt_export import main; sys.argv[0] = 'salt-export'; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_command_end_to_end(tiny_checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.onnx"
    done = run(tiny_checkpoint, target, "--gated")
    assert done.returncode == 0, done.stderr
    assert "fp32 gated, opset 18" in done.stdout
    assert "GMAC a view" in done.stdout
    assert "against torch in 22 shapes: probability within" in done.stdout
    assert done.stderr.splitlines() == [
        "salt-export: reading checkpoints and tiles ...",
        "salt-export: tracing the network ...",
        "salt-export: comparing what x.onnx computes with torch, in several shapes and then as "
        "deployed on 64 tiles ...",
    ]
    assert os.listdir(tmp_path) == ["x.onnx"]
    again = run(tiny_checkpoint, target)
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
    checked = run("--verify-only", tiny_checkpoint, target, "--no-progress")
    assert checked.returncode == 0, checked.stderr
    assert checked.stderr == ""
    first, shown = checked.stdout.split("\n", 1)
    assert first.endswith("tensors are those of the network")
    assert shown == done.stdout


def test_a_model_alone_is_bad_usage(tmp_path: Path) -> None:
    done = run(tmp_path / "x.onnx")
    assert done.returncode == 2
    assert "x.onnx is one path, expected two or more: the checkpoint, and the model" in done.stderr


def test_a_run_is_no_checkpoint(tmp_path: Path) -> None:
    done = run(tmp_path, tmp_path / "x.onnx")
    assert done.returncode == 2
    assert f"checkpoint {tmp_path} is a directory, expected a file in it\n" in done.stderr
    (tmp_path / "last.pth").touch()
    done = run(tmp_path, tmp_path / "x.onnx")
    assert f"expected a file in it: {tmp_path / 'last.pth'}\n" in done.stderr


def test_nan_is_no_drop(tmp_path: Path) -> None:
    done = run(tmp_path / "a.pth", tmp_path / "x.onnx", "--max-drop", "nan")
    assert done.returncode == 2
    assert "nan is not in the range" in done.stderr


def test_a_file_to_verify_has_made_its_choices(tmp_path: Path) -> None:
    done = run(tmp_path / "a.pth", tmp_path / "x.onnx", "--verify-only", "--dense", "--opset", 18)
    assert done.returncode == 2
    assert "takes MODEL.onnx as it is: leave out --gated, --opset" in done.stderr
