"""Slabs on a real Ray cluster of two nodes, one of which is killed."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.survey import small
from tests.survey.small import MEMORY, SETTINGS, contents

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None,
        reason="Ray is not installed: pip install 'salt-toolkit[ray]'",
    ),
]
RUN = """
from salt_infer.execution import ray_executor
ray_executor.PATIENCE_S = 4
from salt_survey import main; main()
"""


def started(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_lost_node_costs_a_retry_and_no_byte(tmp_path: Path) -> None:
    survey = small.survey(tmp_path / "survey")
    settings = ["--memory", MEMORY, "--stride", 10, *SETTINGS]
    code, _, errors = small.run("run", survey, "--out", tmp_path / "local.zarr", *settings)
    assert code == 0, errors
    nodes = subprocess.Popen(
        [sys.executable, "-m", "tests.infer.ray_nodes"], cwd=ROOT, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )  # fmt: skip
    assert nodes.stdout is not None and nodes.stdin is not None
    try:
        address = nodes.stdout.readline().split()[0]
        out = tmp_path / "ray.zarr"
        command = [
            sys.executable, "-c", RUN, "run", str(survey), "--out", str(out), "--engine", "ray",
            "--ray-address", address, *map(str, settings),
        ]  # fmt: skip
        process = started(command)
        while process.poll() is None and not list(tmp_path.glob(".ray.zarr.*/probability/c/*")):
            time.sleep(0.05)
        print("kill", file=nodes.stdin, flush=True)
        said, errors = process.communicate(timeout=600)
        # Now and then Ray's library ends the program as a node goes; the same command goes on then.
        if process.returncode in (-signal.SIGABRT, -signal.SIGSEGV):
            process = started(command)
            said, errors = process.communicate(timeout=600)
    finally:
        nodes.communicate(timeout=600)
    assert process.returncode == 0, (said, errors)
    assert "40 sections" in said
    assert contents(out) == contents(tmp_path / "local.zarr")
