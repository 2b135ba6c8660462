"""A command in a process of its own: how long it took, how much memory, what it said.

Run as a script, it is the small process between the benchmark and the command: Linux counts the
memory of the process that starts another one into the new one's peak.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Ran:
    """A command that succeeded.

    Attributes:
        wall_s: seconds from its start to its end, imports and loading included.
        peak_rss_mb: memory of its largest process at most, in units of 1e6 bytes.
        stdout: what it wrote.
    """

    wall_s: float
    peak_rss_mb: float
    stdout: str


class CommandError(Exception):
    """A command failed."""


def run(
    command: Sequence[str], cwd: Path, environment: dict[str, str], limit_s: float | None = None
) -> Ran:
    """Run a command to its end.

    Args:
        command: the program and its arguments.
        cwd: folder to run it in.
        environment: all of it.
        limit_s: seconds after which it and its children are ended.

    Raises:
        CommandError: it failed, or took too long; has the end of what it wrote to stderr.
    """
    child = subprocess.Popen(
        [sys.executable, __file__, *command], cwd=cwd, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        stdout, stderr = child.communicate(timeout=limit_s)
    except BaseException as error:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise CommandError(f"{' '.join(command)}\nwas not done in {limit_s:.0f} s") from error
        raise
    if child.returncode:
        raise CommandError(f"{' '.join(command)}\nfailed:\n{stderr[-2000:]}")
    return Ran(**json.loads(stdout))


def _main() -> int:
    with tempfile.TemporaryFile("w+") as stdout:
        started = time.perf_counter()
        process = subprocess.Popen(sys.argv[1:], stdout=stdout)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        stdout.seek(0)
        ran = Ran(wall_s, usage.ru_maxrss * 1.024e-3, stdout.read())
    print(json.dumps(dataclasses.asdict(ran)))
    return 1 if os.waitstatus_to_exitcode(status) else 0


if __name__ == "__main__":
    sys.exit(_main())
