"""The driver's answers are those of a stand-in: no GPU was at hand."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from typing import Any

import pytest

from salt_infer import nvidia
from salt_infer.nvidia import Driver, DriverError, Gpu


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
        [sys.executable, "-m", "salt_infer.nvidia"], capture_output=True, text=True, check=True
    )
    value = json.loads(done.stdout)
    assert value.keys() == {"driver", "gpus", "problem", "libraries"}
    assert {"libcudnn.so.9", "libnvinfer.so.10"} < value["libraries"].keys()
    assert bool(value["problem"]) == (value["driver"] is None)
