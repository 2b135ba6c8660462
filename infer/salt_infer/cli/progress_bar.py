"""A run's progress on stderr: a bar on terminals, and a line a minute in logs."""

from __future__ import annotations

import time
from collections.abc import Callable
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
TOLD_EVERY_S = 60.0


class Bar(Watcher, AbstractContextManager["Bar"]):
    """A bar with tiles done, tiles/s and the time left; the first bad tiles are named above it."""

    def __init__(
        self, program: str, show: bool | None, unit: str = "tiles",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """Nothing is shown yet.

        Args:
            program: whose name is before every line.
            show: the bar; None: where stderr is a terminal, and elsewhere a line now and then.
            unit: what is counted.
            clock: seconds.
        """
        self._program, self._unit, self._clock = program, unit, clock
        self._disable = None if show is None else not show
        self._bar: tqdm[Any] | None = None
        self._bad = self._total = self._before = self._done = 0
        self._begun = self._told = 0.0

    def started(self, tiles: int, done: int = 0) -> None:
        tqdm.monitor_interval = 0  # its thread would be one more than a limit may leave
        self._bar = tqdm(
            total=tiles, initial=done, unit=f" {self._unit}", disable=self._disable, smoothing=0.1,
            **terminal.size(),
        )  # fmt: skip
        self._total, self._before, self._done = tiles, done, done
        self._begun = self._told = self._clock()

    def resumed(self, journal: Path, done: int, tiles: int, again: int) -> None:
        more = f"; {again} others that were, are run again" if again else ""
        self.note(f"going on from {journal}: {done} of {tiles} {self._unit} are done{more}")

    def kept(self, journal: Path, done: int, tiles: int) -> None:
        bad = f", {self._bad} of them bad," if self._bad else ""
        self.note(
            f"{done} of {tiles} {self._unit}{bad} are done and kept in {journal}; the same command "
            "goes on from there"
        )

    def advanced(self, tiles: int) -> None:
        self._done += tiles
        if self._bar is None:
            return
        self._bar.update(tiles)
        if self._bar.disable and self._disable is None:
            self._tell()

    def _tell(self) -> None:
        """In a log: how far it is, if it was not told for a while."""
        now, left = self._clock(), self._total - self._done
        if not left or self._done == self._before or now - self._told < TOLD_EVERY_S:
            return
        self._told = now
        rate = (self._done - self._before) / (now - self._begun)
        shown_rate = f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"
        self.note(
            f"{self._done} of {self._total} {self._unit}, {shown_rate} {self._unit}/s, "
            f"{left / rate / 60:.0f} min left"
        )

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
