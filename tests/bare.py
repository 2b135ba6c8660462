"""Commands as a user's shell starts them: without what a test run or CI has in its environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

COMMANDS = {
    "salt-infer": ["-m", "salt_infer"],
    "salt-doctor": ["-c", "from salt_infer.cli.doctor import main; main()"],
    "salt-train": ["-m", "salt_train"],
    "salt-export": ["-m", "salt_export"],
    "salt-report": ["-m", "salt_report"],
    "salt-serve": ["-m", "salt_serve"],
    "salt_train.synthetic": ["-m", "salt_train.synthetic"],
    "salt-selftest": ["-m", "salt_infer.cli.selftest"],
}


def environment(home: Path | None = None, **more: str) -> dict[str, str]:
    """PATH and, where one is given, HOME; neither CI nor anything for Python."""
    return {"PATH": os.environ["PATH"]} | ({"HOME": str(home)} if home else {}) | more


def command(name: str, *arguments: object) -> list[str]:
    """The command line of one of the toolkit's commands."""
    return [sys.executable, *COMMANDS[name], *map(str, arguments)]


def run(
    name: str, *arguments: object, env: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run one to its end; what is not redirected by ``options`` is captured."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 300} | options
    return subprocess.run(
        command(name, *arguments), env=env or environment(), text=True, check=False, **options
    )
