"""A run's progress on stderr."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from salt_infer.data.source import BadTile
from salt_infer.job.watcher import Watcher
from salt_infer.system import terminal
from salt_infer.system.text import shown

SHOWN = 20  # bad tiles that are named


class Bar(Watcher, AbstractContextManager["Bar"]):
    """A bar with tiles done, tiles/s and the time left; the first bad tiles are named above it."""

    def __init__(self, program: str, show: bool | None, unit: str = "tiles") -> None:
        """``show`` None: only where stderr is a terminal; ``unit``: what is counted."""
        self._program, self._unit = program, unit
        self._disable = None if show is None else not show
        self._bar: tqdm[Any] | None = None
        self._bad = 0

    def started(self, tiles: int, done: int = 0) -> None:
        tqdm.monitor_interval = 0  # its thread would be one more than a limit may leave
        self._bar = tqdm(
            total=tiles, initial=done, unit=f" {self._unit}", disable=self._disable, smoothing=0.1,
            **terminal.size(),
        )  # fmt: skip

    def resumed(self, journal: Path, done: int, tiles: int, again: int) -> None:
        more = f"; {again} that were are run again" if again else ""
        self.note(f"going on from {journal}: {done} of {tiles} {self._unit} are done{more}")

    def kept(self, journal: Path, done: int, tiles: int) -> None:
        self.note(
            f"{done} of {tiles} {self._unit} are done and kept in {journal}; the same command goes "
            "on from there"
        )

    def advanced(self, tiles: int) -> None:
        if self._bar is not None:
            self._bar.update(tiles)

    def bad(self, bad: BadTile) -> None:
        self._bad += 1
        if self._bad <= SHOWN:
            self.note(f"bad tile {shown(bad.tile.path)}: {bad.reason}")

    def note(self, line: str) -> None:
        with tqdm.external_write_mode():
            click.echo(f"{self._program}: {line}", err=True)

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._bad > SHOWN:
            self.note(f"... and {self._bad - SHOWN} more bad tiles; --report FILE has all of them")
