"""Walks through messages in the encoding of Protocol Buffers, without a schema and without reading
what is stepped over (https://protobuf.dev/programming-guides/encoding/).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, NamedTuple

_VARINT, _FIXED64, _COUNTED, _FIXED32 = 0, 1, 2, 5  # wire types in use today
_VARINT_BITS = 64
MAX_FIELDS = 1_000_000  # that are looked at, of all messages: a network has some thousand


class Span(NamedTuple):
    """Where a message or text lies in the file."""

    start: int
    end: int


class MalformedError(ValueError):
    """It is not in that encoding."""


class Walk:
    """Through a file's messages; raises MalformedError."""

    def __init__(self, file: IO[bytes], most: int | None = None) -> None:
        """``most``: fields that are looked at, of all messages; None for no limit."""
        self._file, self._most, self._seen = file, most, 0

    def whole(self) -> Span:
        """All of the file."""
        return Span(0, self._file.seek(0, 2))

    def fields(self, message: int | Span) -> Iterator[tuple[int, int | Span]]:
        """Number and value of each field: where it lies, or a number that stands for itself."""
        if isinstance(message, int):
            raise MalformedError("a number in place of a message")
        at = message.start
        while at < message.end:
            self._seen += 1
            if self._most is not None and self._seen > self._most:
                raise MalformedError(f"more than {self._most} fields")
            tag, at = self._varint(at, message.end)
            value, at = self._value(tag & 7, at, message.end)
            yield tag >> 3, value

    def all(self, message: int | Span, wanted: int) -> list[int | Span]:
        """Values of the fields of one number."""
        return [value for number, value in self.fields(message) if number == wanted]

    def read(self, span: Span) -> bytes:
        """What lies there."""
        self._file.seek(span.start)
        return self._file.read(span.end - span.start)

    def _value(self, kind: int, at: int, end: int) -> tuple[int | Span, int]:
        """A field's value, and where it ends."""
        if kind == _VARINT:
            return self._varint(at, end)
        if kind == _COUNTED:
            size, at = self._varint(at, end)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise MalformedError(f"a field of wire type {kind} at byte {at}")
        if at + size > end:
            raise MalformedError("it ends within a field")
        return Span(at, at + size), at + size

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        """A number of 7 bits a byte, and where it ends."""
        self._file.seek(at)
        value = 0
        for shift in range(0, _VARINT_BITS, 7):
            byte = self._file.read(1)
            at += 1
            if not byte or at > end:
                raise MalformedError("it ends within a number")
            value |= (byte[0] & 0x7F) << shift
            if byte[0] < 0x80:
                return value, at
        raise MalformedError(f"a number of more than ten bytes at byte {at}")
