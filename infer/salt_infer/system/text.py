"""Words of others, as they may be printed."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 10  # faults and ids that a message names


def shown(text: str) -> str:
    """A file's name, safe to print: escaped where it holds more than printable characters."""
    return text if text.isprintable() else ascii(text)


def named(ids: Sequence[str]) -> str:
    """The first ids, and how many more there are."""
    more = [f"and {len(ids) - SHOWN} more"] if len(ids) > SHOWN else []
    return ", ".join([*map(shown, ids[:SHOWN]), *more])


def listed(faults: Sequence[tuple[str, str]]) -> str:
    """The first faults, a line each, and how many more there are; (id, what is wrong) each."""
    more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
    lines = [f"{shown(name)}: {what}" for name, what in faults[:SHOWN]]
    return "".join(f"\n    {line}" for line in lines + more)
