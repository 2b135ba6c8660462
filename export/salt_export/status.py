"""What an export is doing at the moment: a line on a terminal, elsewhere a line a stage."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import click
from tqdm import tqdm

from salt_infer.system import terminal


class Status(AbstractContextManager["Status"]):
    """A line on stderr that is replaced by the next and gone in the end; what stays is printed
    above it, on stdout. In a log, lines are not replaced and stay.
    """

    def __init__(self, show: bool | None) -> None:
        """``show`` None: replaced where stderr is a terminal; False: no line anywhere."""
        tqdm.monitor_interval = 0  # its thread would be one more than a limit may leave
        disable = None if show is None else not show
        self._line: tqdm[Any] = tqdm(
            bar_format="{desc}", disable=disable, leave=False, **terminal.size()
        )
        self._logged = show is None and self._line.disable

    def doing(self, what: str) -> None:
        """A stage begins that may take long."""
        line = f"salt-export: {what} ..."
        if self._logged:
            click.echo(line, err=True)
        else:
            self._line.set_description_str(line)

    def say(self, text: str) -> None:
        """Print what stays."""
        with tqdm.external_write_mode():
            click.echo(text)

    def __exit__(self, *exception: object) -> None:
        self._line.close()
