from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from salt_infer.data.factory import open_tiles
from salt_infer.execution.decode_process import DecodeProcess
from tests import pngs

ORPHAN = """
import os, signal, sys
from salt_infer.execution.decode_process import DecodeProcess
child = DecodeProcess(4)
assert child.ready()
print(child._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def has_ended(pid: int) -> bool:
    """Gone, or waiting for somebody to ask what became of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_it_ends_with_a_parent_that_is_killed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    for _ in range(600):  # it sees it at once; a busy machine takes its time
        if has_ended(pid):
            return
        time.sleep(0.1)
    pytest.fail(f"process {pid} is still there")


def test_ctrl_c_is_the_parents_matter(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(pngs.good_tile())
    process = DecodeProcess(1)
    try:
        assert process.ready()
        process._process.send_signal(signal.SIGINT)
        with open_tiles(tmp_path) as source:
            part = source.nearby(source.tiles)
            assert part is not None
            assert process.decode(7, part).ids == ["x"]
    finally:
        process.close()
    with pytest.raises((EOFError, OSError)):
        process.decode(7, part)
    assert process._process.returncode == -signal.SIGKILL
