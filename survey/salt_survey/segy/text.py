"""Text headers: 3200 bytes of EBCDIC or ASCII."""

from __future__ import annotations

import re
from collections.abc import Sequence

from salt_survey.segy.binary import TEXT

LINE = 80
_EBCDIC = "cp037"
_INLINE = r"\b(?:in-?\s?line|iline|il)\b"
_CROSSLINE = r"\b(?:cross-?\s?line|x-?\s?line|xl)\b"
# "INLINE: 189", "inline 189-192", "INLINE BYTES 189-193", "IN-LINE NUMBER (BYTE 9)"
_NUMBER = r"(?:\s+numbers?)?[\s:=(]*(bytes?)?[\s:=]*(\d{1,3})\b(?:\s*(?:-|to)\s*(\d+))?"
_WIDEST = 4  # bytes from one of a number to its last, or to the next number


def encoding(raw: bytes) -> str:
    """What a text header is written in: blanks tell."""
    return _EBCDIC if raw.count(0x40) > raw.count(0x20) else "latin-1"


def decode(raw: bytes) -> list[str]:
    """Its 40 lines of up to 80 characters; what cannot be printed is a dot."""
    text = raw[:TEXT].decode(encoding(raw))
    shown = "".join(c if c.isprintable() else "." for c in text)
    return [shown[at : at + LINE].rstrip() for at in range(0, TEXT, LINE)]


def not_amplitudes(lines: list[str]) -> list[str]:
    """A warning where the text says that salt-survey wrote the file, which begins so."""
    if not any("salt-survey: " in line for line in lines):
        return []
    what = "holds probabilities of salt, which salt-survey wrote, and no amplitudes"
    return [f"its text says that it {what}"]


def line_bytes(lines: list[str]) -> tuple[int, int] | None:
    """Where the text says that the inline and crossline numbers are; None if it does not."""
    text = "\n".join(lines)
    inline = _first(_INLINE + _NUMBER, text)
    crossline = _first(_CROSSLINE + _NUMBER, text)
    return (inline, crossline) if inline and crossline and inline != crossline else None


def _first(pattern: str, text: str) -> int | None:
    """A byte that a pattern names; "inline 1 - 50" are lines, where no word says bytes."""
    for byte, start, end in re.findall(pattern, text, re.IGNORECASE):
        are_lines = end and not byte and int(end) > int(start) + _WIDEST
        if not are_lines and 1 <= int(start) <= 237:
            return int(start)
    return None


def with_lines(raw: bytes, said: Sequence[str]) -> bytes:
    """The text header with lines put into free ones of its own: the last that are enough in a row,
    else the last wherever they are.

    Args:
        raw: 3200 bytes.
        said: at most 76 characters each; longer ones are cut.

    Returns:
        3200 bytes; the same where no line is free.
    """
    code, lines = encoding(raw), _lines(raw)
    room = _together(_free(lines, code), len(said))
    for number, words in zip(room, said, strict=False):
        text = f"C{number + 1:2d} {words}"[:LINE].ljust(LINE)
        lines[number] = text.encode(code, errors="replace")
    return b"".join(lines)


def has_room(raw: bytes) -> bool:
    """Whether a line of the text header, 3200 bytes, is free."""
    return bool(_free(_lines(raw), encoding(raw)))


def _lines(raw: bytes) -> list[bytes]:
    return [raw[at : at + LINE] for at in range(0, TEXT, LINE)]


def _free(lines: Sequence[bytes], code: str) -> list[int]:
    """Numbers of lines, from 0."""
    return [number for number, line in enumerate(lines) if _is_free(line.decode(code))]


def _together(free: list[int], count: int) -> list[int]:
    """So many of the free lines, or all where there are fewer."""
    for at in range(len(free) - count, -1, -1):
        row = free[at : at + count]
        if not row or row[-1] - row[0] == count - 1:
            return row
    return free[max(len(free) - count, 0) :]


def _is_free(line: str) -> bool:
    """Nothing but a line's number."""
    return re.fullmatch(r"C?\s?\d{0,2}[\s\0]*", line) is not None
