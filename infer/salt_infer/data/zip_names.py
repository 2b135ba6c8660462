"""Names of a zip's files as whoever packed it wrote them.

The format has two encodings: UTF-8 where a flag or an extra field says so, cp437 otherwise. Linux'
``zip`` and macOS write UTF-8 and leave the flag out, so, as unzip does, what is valid UTF-8 is read
as that: cp437 text that is both would be of box-drawing characters.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator

_UTF8 = 0x800  # of a file's flags
_UNICODE_PATH = 0x7075  # Info-ZIP's extra field: version, checksum of the plain name, UTF-8
_EXTRA = struct.Struct("<HH")  # kind and size of an extra field
_CHECKED = struct.Struct("<BI")


def mend(archive: zipfile.ZipFile) -> list[str]:
    """Set all names right, with ``/`` between folders, where some Windows programs write ``\\``.

    Returns:
        Names of which only the writer's machine knew the encoding, read as cp437.
    """
    unsure = []
    for info in archive.filelist:
        plain = info.filename.isascii() and not info.extra
        if not (plain or info.flag_bits & _UTF8):
            name, sure = _decoded(info)
            if not sure:
                unsure.append(name)
            info.filename = name
        if "\\" in info.filename:
            info.filename = info.filename.replace("\\", "/")
    # Of a million names that are as they were, a second table would take 100 MB.
    if any(info.filename not in archive.NameToInfo for info in archive.filelist):
        archive.NameToInfo = {info.filename: info for info in archive.filelist}
    return unsure


def _decoded(info: zipfile.ZipInfo) -> tuple[str, bool]:
    """A name that has no flag, and whether it is sure."""
    # zipfile has read it as cp437, of which each byte is a character.
    raw = info.orig_filename.encode("cp437")
    name = _of_extra_field(info.extra, raw) or raw
    try:
        return name.decode().partition("\0")[0], True
    except UnicodeDecodeError:
        return info.filename, False


def _of_extra_field(extra: bytes, raw: bytes) -> bytes | None:
    for kind, body in _fields(extra):
        if kind == _UNICODE_PATH and len(body) >= _CHECKED.size:
            version, checksum = _CHECKED.unpack_from(body)
            if version == 1 and checksum == zlib.crc32(raw):  # else the file was renamed since
                return body[_CHECKED.size :]
    return None


def _fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    while len(extra) >= _EXTRA.size:
        kind, size = _EXTRA.unpack_from(extra)
        yield kind, extra[_EXTRA.size : _EXTRA.size + size]
        extra = extra[_EXTRA.size + size :]
