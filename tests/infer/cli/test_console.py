from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import bare

CODE = r"""
import os
import time
import click
from salt_infer.cli import console

@click.command("salt-x")
def cli():
    try:
        os.write(1, b"begun\n")
        time.sleep(600)
    finally:
        print("tidied", flush=True)

console.run(cli)
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
def test_a_command_that_is_told_to_end_says_that_it_was(number: signal.Signals, code: int) -> None:
    """Or a log would end in the middle, and nobody knew why."""
    with subprocess.Popen(
        [sys.executable, "-c", CODE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        out, said = process.communicate(timeout=120)
    assert (process.returncode, out) == (code, "tidied\n")
    assert said.strip() == "salt-x: interrupted"  # behind the ^C of a terminal, if there is one


@pytest.mark.parametrize("package", ["numpy", "PIL"])
@pytest.mark.parametrize("command", ["salt-infer", "salt-doctor"])
def test_what_is_always_needed_and_broken_is_named(
    tmp_path: Path, package: str, command: str
) -> None:
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text('raise ImportError("lib.so: no such file")')
    options = ["--images", tmp_path, "--out", tmp_path / "a.csv"] if command == "salt-infer" else []
    done = bare.run(command, *options, env=bare.environment(PYTHONPATH=str(tmp_path)))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"{command}: {package} is installed and cannot be imported (lib.so: no such file); "
    )
    assert "pip install salt-toolkit --force-reinstall" in done.stderr
