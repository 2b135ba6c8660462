from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest
import record

from tests.conftest import ROOT

SMI = """#!/bin/sh
[ "$1" = --query-gpu=name,driver_version,memory.total,compute_cap ] || exit 9
echo 'NVIDIA L4, 580.65.06, 23034 MiB, 8.9'
echo 'NVIDIA A100-SXM4-80GB, 580.65.06, 81920 MiB, 8.0'
"""


def stand_in(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "nvidia-smi"
    program.write_text(text)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_result_says_what_ran_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "a.onnx"
    model.write_bytes(b"model")
    monkeypatch.setattr(record, "RESULTS", tmp_path / "new" / "results")
    script = str(ROOT / "benchmarks" / "rle.py")
    monkeypatch.setattr(sys, "argv", [script, "--short", f"--images={tmp_path}/tiles", str(model)])
    path = record.save("rle", {"s": [1.0]}, models={"ours": model}, threads=2, repeats=1)
    found = json.loads(path.read_text())
    assert found["command"] == "python benchmarks/rle.py --short --images=tiles a.onnx"
    assert found["models"] == {"ours": hashlib.sha256(b"model").hexdigest()}
    assert (found["threads"], found["repeats"], found["s"]) == (2, 1, [1.0])
    assert found["machine"]["cpus"] >= 1
    assert found["machine"]["versions"]["numpy"]


def test_what_is_not_known_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    found = json.loads(record.save("a", {"table": []}).read_text())
    assert found.keys() == {"machine", "command", "table"}


def test_gpus_are_named_with_driver_and_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, SMI, monkeypatch)
    assert record.gpus() == [
        {
            "name": "NVIDIA L4",
            "driver": "580.65.06",
            "memory": "23034 MiB",
            "capability": "8.9",
        },
        {
            "name": "NVIDIA A100-SXM4-80GB",
            "driver": "580.65.06",
            "memory": "81920 MiB",
            "capability": "8.0",
        },
    ]


def test_no_gpu_and_a_driver_that_fails_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert record.gpus() == []
    stand_in(tmp_path, "#!/bin/sh\nexit 9\n", monkeypatch)
    assert record.gpus() == [{"problem": "nvidia-smi: CalledProcessError"}]
