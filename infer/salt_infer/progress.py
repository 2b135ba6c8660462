"""A run's progress on stderr."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import click
from tqdm import tqdm

from salt_infer.tiles import BadTile, shown


class Watcher:
    """Told of a run's progress; this one does nothing."""

    def started(self, tiles: int) -> None:
        """The tiles are listed and the model is loaded."""

    def advanced(self, tiles: int) -> None:
        """So many more tiles are done, good or bad."""

    def bad(self, bad: BadTile) -> None:
        """A tile could not be read."""

    def note(self, line: str) -> None:
        """Something to know before the run goes on."""


class Bar(Watcher, AbstractContextManager["Bar"]):
    """A bar with tiles done, tiles/s and the time left; bad tiles are named above it."""

    def __init__(self, program: str, show: bool | None) -> None:
        """``show`` None: only where stderr is a terminal."""
        self._program = program
        self._disable = None if show is None else not show
        self._bar: tqdm[Any] | None = None

    def started(self, tiles: int) -> None:
        self._bar = tqdm(total=tiles, unit=" tiles", disable=self._disable, smoothing=0.1)

    def advanced(self, tiles: int) -> None:
        if self._bar is not None:
            self._bar.update(tiles)

    def bad(self, bad: BadTile) -> None:
        with tqdm.external_write_mode():
            click.echo(f"{self._program}: bad tile {shown(bad.tile.path)}: {bad.reason}", err=True)

    def note(self, line: str) -> None:
        click.echo(f"{self._program}: {line}", err=True)

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()
