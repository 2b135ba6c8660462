"""What every command says of itself, as a page: ``python -m tests.cli_page > docs/cli.md``.

Commands are found by the package's entry points, sub-commands by asking these, so that a new one is
on the page without being named here.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from unittest import mock

import click

from salt_infer.cli import console

ABOUT = """\
# Commands

Every command says its options with `-h` or `--help`, whatever extra is installed; all are here.
What they are for is told in [inference](inference.md), [providers](providers.md),
[training](training.md), [export](export.md), [surveys](surveys.md), [reports](reports.md) and
[the server](server.md).

The exit codes of all commands:

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed: no such package or provider, a bad model, labels that do not fit, a full disk |
| 2 | bad usage: a wrong option, a missing input, no tiles, an output that exists |
| 3 | some tiles could not be read; without output if all could not, or with `--on-error stop` |
| 130, 143 | Ctrl-C, SIGTERM; `salt-serve`, which runs until then, gives 0 |

This page is made by `python -m tests.cli_page > docs/cli.md`.
"""


def commands() -> list[str]:
    """All commands as they are typed, each followed by its sub-commands: ``salt-survey scan``."""
    found = []
    for point in distribution("salt-toolkit").entry_points.select(group="console_scripts"):
        with mock.patch.object(console, "run") as run:  # what main hands its command to
            point.load()()
        found += _with_inner(run.call_args.args[0], point.name)
    return found


def _with_inner(command: click.Command, name: str) -> list[str]:
    inner = command.commands if isinstance(command, click.Group) else {}
    below = [_with_inner(inner[each], f"{name} {each}") for each in sorted(inner)]
    return [name, *(each for found in below for each in found)]


@functools.cache
def help_of(command: str) -> str:
    """What a command prints on 80 columns.

    Raises:
        CalledProcessError: it fails.
    """
    program, *inner = command.split()
    path = Path(sys.executable).with_name(program)
    done = subprocess.run(
        [path, *inner, "--help"], capture_output=True, text=True, check=True,
        env=os.environ | {"COLUMNS": "80"},
    )  # fmt: skip
    return done.stdout


def section(command: str) -> str:
    """The command's part of the page."""
    level = "#" * (2 + command.count(" "))
    return f"{level} {command}\n\n```console\n$ {command} --help\n{help_of(command)}```\n"


def page() -> str:
    """All of it."""
    return "\n".join([ABOUT, *map(section, commands())])


if __name__ == "__main__":
    sys.stdout.write(page())
