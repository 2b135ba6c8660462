"""Words of others, as they may be printed."""

from __future__ import annotations


def shown(text: str) -> str:
    """A file's name, safe to print: escaped where it holds more than printable characters."""
    return text if text.isprintable() else ascii(text)
