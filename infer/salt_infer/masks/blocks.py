"""Many masks, looked at in parts: temporary arrays of all at once take several times their memory,
and do not stay in the caches.
"""

from __future__ import annotations

from collections.abc import Iterator

MASKS = 1024  # in a part: 10 MB


def blocks(count: int) -> Iterator[slice]:
    """So many masks in parts of MASKS, the last one smaller."""
    for start in range(0, count, MASKS):
        yield slice(start, min(start + MASKS, count))
