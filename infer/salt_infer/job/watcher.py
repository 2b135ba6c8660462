"""What a run tells of its progress."""

from __future__ import annotations

from pathlib import Path

from salt_infer.data.source import BadTile


class Watcher:
    """Told of a run's progress; this one does nothing."""

    def started(self, tiles: int, done: int = 0) -> None:
        """The tiles are listed and the model is loaded; so many an earlier run has done."""

    def resumed(self, journal: Path, done: int, tiles: int, again: int) -> None:
        """So many of all tiles are in the journal; others were, and are to be run again."""

    def kept(self, journal: Path, done: int, tiles: int) -> None:
        """The run ends before its time; so many of all tiles are in the journal."""

    def advanced(self, tiles: int) -> None:
        """So many more tiles are done, good or bad."""

    def bad(self, bad: BadTile) -> None:
        """A tile could not be read."""

    def note(self, line: str) -> None:
        """Something to know before the run goes on."""
