"""Our own modules in processes of their own: what crashes there is a line here."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from typing import Any

from salt_infer.system import resource_limits

# -P: a json.py or numpy.py in the current folder is somebody else's.
_PYTHON = (sys.executable, "-P", "-m")


@dataclasses.dataclass(frozen=True)
class Ended:
    """A process that is no more.

    Attributes:
        code: its exit code, negative for a signal; None where it did not start, or was ended
            because it took too long.
        out: what it wrote to standard output.
        said: the last line of its standard error; empty without one.
        prevented: why there is no exit code.
    """

    code: int | None
    out: str = ""
    said: str = ""
    prevented: str = ""

    @property
    def death(self) -> str:
        """How it ended, in words."""
        if self.code is None:
            return self.prevented
        said = self.said or "nothing on stderr"
        if self.code >= 0:
            return f"exit code {self.code}: {said}"
        names = {number.value: number.name for number in signal.Signals}
        return f"crashed with {names.get(-self.code, f'signal {-self.code}')}: {said}"

    def answer(self) -> dict[str, Any] | None:
        """The JSON object in the last line of its output; None without one, or where it failed."""
        lines = self.out.strip().splitlines()
        if self.code != 0 or not lines:
            return None
        try:
            value = json.loads(lines[-1])
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


def run(module: str, *arguments: str, timeout_s: float | None = None) -> Ended:
    """Run one of our modules, without input, until it ends.

    Args:
        module: its name.
        arguments: that it is given.
        timeout_s: it is killed after so long; None: never.
    """
    command = [*_PYTHON, module, *arguments]
    try:
        done = subprocess.run(  # noqa: S603 (our own modules)
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=timeout_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Ended(None, prevented=f"no answer within {timeout_s:.0f} s")
    except OSError as error:
        explained = resource_limits.explained(error)
        return Ended(None, prevented=f"no process can be started: {explained}")
    (*_, said) = done.stderr.strip().splitlines() or [""]
    return Ended(done.returncode, done.stdout, said)
