"""Traces in pieces, so that what is calculated of them on the way needs no memory for all."""

from __future__ import annotations

from collections.abc import Iterator

_PIECE = 1 << 18  # traces


def pieces(count: int) -> Iterator[slice]:
    """Cut so many traces into pieces that follow each other; none where there are no traces."""
    for first in range(0, count, _PIECE):
        yield slice(first, min(first + _PIECE, count))
