"""The driver's answers are those of a stand-in."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from salt_infer.backends import nvidia
from salt_infer.backends.nvidia import Driver, DriverError, Gpu


class StandIn:
    """Functions of the driver API as ctypes calls them: numbers come back through references."""

    def __init__(self, init: int = 0) -> None:
        self._init = init

    def cuInit(self, flags: int) -> int:
        return self._init

    def cuDriverGetVersion(self, version: Any) -> int:
        version._obj.value = 13010
        return 0

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = 2
        return 0

    def cuDeviceGet(self, device: Any, ordinal: int) -> int:
        device._obj.value = 100 + ordinal
        return 0

    def cuDeviceGetName(self, name: Any, size: int, device: int) -> int:
        assert size == ctypes.sizeof(name)
        name.value = f"GPU {device}".encode()
        return 0

    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: int) -> int:
        value._obj.value = {75: 8, 76: device - 100}[attribute]
        return 0


def test_what_the_driver_says() -> None:
    gpus = (Gpu("GPU 100", "8.0"), Gpu("GPU 101", "8.1"))
    assert nvidia.driver(StandIn()) == Driver((13, 1), gpus)


def test_a_driver_that_refuses() -> None:
    with pytest.raises(DriverError, match="refuses: cuInit gave error 100"):
        nvidia.driver(StandIn(init=100))


def test_libraries_that_are_there_and_not() -> None:
    assert nvidia.missing(["libc.so.6", "libnothing.so.0"]) == ["libnothing.so.0"]
    assert nvidia.cuda_libraries("13")[:2] == ("libcudart.so.13", "libcublasLt.so.13")


def test_a_process_of_its_own_tells_what_is_there() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "salt_infer.backends.nvidia"],
        capture_output=True,
        text=True,
        check=True,
    )
    value = json.loads(done.stdout)
    assert value.keys() == {"driver", "gpus", "problem", "libraries"}
    assert {"libcudnn.so.9", "libnvinfer.so.10"} < value["libraries"].keys()
    assert bool(value["problem"]) == (value["driver"] is None)


@pytest.fixture
def elsewhere(tmp_path: Path) -> list[Path]:
    """Two folders with NVIDIA's packages, the first with a broken library; of the second's one
    needs the other, as cuBLAS does.
    """
    if not shutil.which("gcc"):
        pytest.skip("no gcc to compile stand-ins with")
    folders = [tmp_path / name for name in ("first", "second")]
    names = ["libcublasLt.so.13", "libcublas.so.13"]
    for folder in folders:
        (folder / "nvidia" / "cu13" / "lib").mkdir(parents=True)
    (folders[0] / "nvidia/cu13/lib" / names[0]).write_bytes(b"no library")
    lib = folders[1] / "nvidia" / "cu13" / "lib"
    (tmp_path / "x.c").write_text("int f(void) {return 0;}")
    for name, needs in zip(names, ([], [lib / names[0]]), strict=True):
        command = ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-Wl,--no-as-needed",
                   "-o", lib / name, tmp_path / "x.c", *needs]  # fmt: skip
        subprocess.run(command, check=True)
    return folders


def test_libraries_are_found_wherever_the_interpreter_imports_from(elsewhere: list[Path]) -> None:
    """As after ``pip install --target``, in a process of its own: what is loaded stays."""
    code = (
        "import json, types\n"
        "from salt_infer.backends import nvidia\n"
        "runtime = types.SimpleNamespace(cuda_version='13.0')\n"
        "runtime.preload_dlls = lambda directory: None\n"
        "runtime.set_default_logger_severity = lambda severity: None\n"
        "before = nvidia.missing(['libcublas.so.13'])\n"
        "nvidia.preload(runtime)\n"
        "print(json.dumps([before, nvidia.missing(['libcublas.so.13']),"
        " list(map(str, nvidia.packages()))]))\n"
    )
    path = os.pathsep.join(map(str, elsewhere))
    environment = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env=environment | {"PYTHONPATH": path},
    )  # fmt: skip
    before, after, packages = json.loads(done.stdout)
    assert packages[:2] == [str(folder / "nvidia") for folder in elsewhere]
    assert (before, after) == (["libcublas.so.13"], [])


def test_what_is_nowhere_stays_missing(tmp_path: Path) -> None:
    assert nvidia.load_from([tmp_path], ["libcublas.so.13"]) == []


def test_the_log_keeps_errors_but_for_those_of_a_first_run() -> None:
    """Where even those are left out, they come back, whatever happened."""
    seen: list[int] = []
    runtime: Any = types.ModuleType("onnxruntime")
    runtime.preload_dlls = lambda directory: None
    runtime.set_default_logger_severity = seen.append
    nvidia.preload(runtime)
    assert seen == [3]
    with pytest.raises(ZeroDivisionError), nvidia.alarms_left_out(runtime):
        assert seen == [3, 4]
        raise ZeroDivisionError
    assert seen == [3, 4, 3]


def test_the_runtime_has_these_severities() -> None:
    """Of its own log, which a session's has no part in: 3 leaves warnings out, 4 errors, too."""
    code = (
        "import sys, onnxruntime\n"
        "onnxruntime.set_default_logger_severity(int(sys.argv[1]))\n"
        "options = onnxruntime.SessionOptions()\n"
        "options.log_severity_level = 4\n"
        "onnxruntime.InferenceSession('examples/none.onnx', options)\n"
    )
    said = [
        subprocess.run([sys.executable, "-c", code, str(level)], capture_output=True, text=True)
        for level in (0, 4)
    ]
    loud, quiet = (each.stderr.count("onnxruntime:Default") for each in said)
    assert loud > quiet == 0
