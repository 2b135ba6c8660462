"""What long work is given to speak through; what it gives back counts for nothing."""

from __future__ import annotations

from collections.abc import Callable

Tell = Callable[[str], object]  # takes a line of what a user should know at once
Advance = Callable[[int], object]  # takes how many more are done: tiles, sections, traces
