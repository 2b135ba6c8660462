"""Files of a ``multipart/form-data`` body, in memory. Nothing of a request reaches the disk."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from salt_serve.errors import TooLargeError, UnreadableError, WrongTypeError
from salt_serve.limits import Limits

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELD = "files"
NAME_CHARACTERS = 255
_EXTENDED = re.compile(rb";[ \t]*filename\*=utf-8'[^']*'([^ \t;]*)", re.IGNORECASE)


class Upload(NamedTuple):
    """One file: its name as sent, never used as a path, and its bytes, None if too many."""

    name: str
    data: bytes | None


async def read(content_type: str, chunks: AsyncIterator[bytes], limits: Limits) -> list[Upload]:
    """The files of a form, in order.

    Args:
        content_type: the request's header.
        chunks: its body.
        limits: how many and how large files may be.

    Raises:
        WrongTypeError: not a multipart form.
        TooLargeError: too many files. A single large one is in the list, without its data.
        UnreadableError: a damaged form, one without files, or with other fields.
    """
    form = _Form(limits)
    boundary = _boundary(content_type)
    parser = MultipartParser(boundary, form.callbacks())
    async for chunk in _after_preamble(chunks, boundary):
        try:
            parser.write(chunk)
        except FormParserError as error:
            raise UnreadableError(f"the form is damaged ({error})") from error
    if not form.ended:
        raise UnreadableError("the form is cut short: its last boundary is missing")
    if not form.uploads:
        raise UnreadableError(f"the form holds no files; send PNGs in fields named {FIELD!r}")
    return form.uploads


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        seen = ascii(content_type.partition(";")[0].strip()[:50]) if content_type else "untyped"
        raise WrongTypeError(f"the body is {seen}, expected multipart/form-data")
    boundary = options.get(b"boundary", b"")
    # RFC 2046 5.1.1 allows 70 characters.
    if not 1 <= len(boundary) <= 70:
        raise UnreadableError(f"the form's boundary has {len(boundary)} bytes, expected 1 to 70")
    return boundary


async def _after_preamble(chunks: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[bytes]:
    """A body from its first boundary on; what is before it counts for nothing (RFC 2046 5.1.1), and
    the parser would take it for damage.

    Raises:
        UnreadableError: there is none.
    """
    opening, seen = b"\n--" + boundary, b"\n"
    async for chunk in chunks:
        seen += chunk
        start = seen.find(opening)
        if start >= 0:
            yield seen[start + 1 :]
            break
        seen = seen[-len(opening) :]
    else:
        raise UnreadableError(
            "no line of the body begins with -- and the boundary that its Content-Type names"
        )
    async for chunk in chunks:
        yield chunk


class _Form:
    """What the parser has met so far.

    Attributes:
        uploads: whole files.
        ended: the last boundary was there.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.uploads: list[Upload] = []
        self.ended = False
        self._begin()

    def callbacks(self) -> MultipartCallbacks:
        """For the parser."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._field, self._value = bytearray(), bytearray()
        self._disposition, self._name = b"", ""
        self._content, self._too_large = bytearray(), False

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._field, self._value = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        field = _text(options.get(b"name", b""))
        if field != FIELD:
            raise UnreadableError(f"the form has a field {field!r}, expected only {FIELD!r}")
        if len(self.uploads) >= self._limits.files:
            raise TooLargeError(
                f"the form has more than {self._limits.files} files; send fewer at once"
            )
        name = _unescaped(options.get(b"filename", b"")) or _extended(self._disposition)
        self._name = _text(name)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if len(self._content) + end - start > self._limits.file_bytes:
            self._content, self._too_large = bytearray(), True
        if not self._too_large:
            self._content += data[start:end]

    def _part_end(self) -> None:
        data = None if self._too_large else bytes(self._content)
        self.uploads.append(Upload(self._name, data))

    def _end(self) -> None:
        self.ended = True


def _extended(disposition: bytes) -> bytes:
    """A file's name as RFC 5987 writes one. Forms should not (RFC 7578, 4.2), and programs do."""
    found = _EXTENDED.search(disposition)
    return unquote_to_bytes(found[1]) if found else b""


def _unescaped(name: bytes) -> bytes:
    """A file's name as it was: the HTML standard escapes these three in forms, and nothing else."""
    for escaped, character in ((b"%22", b'"'), (b"%0D", b"\r"), (b"%0A", b"\n")):
        name = name.replace(escaped, character)
    return name


def _text(raw: bytes) -> str:
    """What browsers send as UTF-8; cut where no file system would have such a name."""
    return raw.decode("utf-8", errors="replace")[:NAME_CHARACTERS]
