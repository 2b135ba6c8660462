"""SEG-Y back: another file's headers byte for byte, with other samples."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from salt_infer.errors import OutputError, UsageError
from salt_infer.system.location import real
from salt_infer.system.output_checks import check_output, check_writable
from salt_infer.system.whole_files import partial_of, put_in_place
from salt_survey.segy import headers, text
from salt_survey.segy.binary import FORMAT_BYTE, HEAD, TEXT
from salt_survey.segy.formats import IEEE
from salt_survey.segy.layout import Layout
from salt_survey.segy.order import dtype
from salt_survey.segy.raw import RawFile

ENDINGS = (".sgy", ".segy")
_CHUNK = 8 << 20  # bytes written at a time
_EXTENDED_BYTE = 3505
_REVISION, _FIRST_TRACE = 3500, 3520  # offsets

Values = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]
Volume = Callable[[Places, Places], Values]


class Like(Protocol):
    """A file that another is written like, such as an open survey."""

    @property
    def path(self) -> Path:
        """Where it is."""

    @property
    def layout(self) -> Layout | None:
        """Where its traces are; None if it is no SEG-Y."""

    def places(self, traces: slice) -> tuple[Places, Places]:
        """Inline and crossline of consecutive traces, counted from 0, or -1 where they have none;
        int64 [n] each.
        """


def check(out: Path, like: Path, overwrite: bool) -> None:
    """Fail now, not after hours, where a SEG-Y file cannot be written.

    Raises:
        UsageError: ``out`` has another ending, is the input, or is there and ``overwrite`` false.
    """
    check_output(out, ENDINGS, (like,), overwrite)


def headers_of(like: Like) -> Layout:
    """Where the headers are that a file is to get; raises UsageError where there are none."""
    if like.layout is None:
        raise no_headers(like.path)
    return like.layout


def no_headers(path: Path) -> UsageError:
    """What to say of an array."""
    return UsageError(
        f"{path} is no SEG-Y, whose headers could be taken; where there is one with the same lines "
        "and times: salt-survey export OUT.zarr --like IN.sgy --out P.sgy"
    )


def write_like(
    like: Like,
    out: Path,
    volume: Volume,
    said: Sequence[str] = (),
    overwrite: bool = False,
    drop_extended: bool = False,
) -> None:
    """Write a file that has its headers from another, trace by trace, and its samples from a
    volume: IEEE floats in the byte order of the headers. Nothing of the headers changes but the
    format's code and free lines of the text.

    Args:
        like: the other file.
        out: appears whole or not at all.
        volume: looks up traces by places of their inlines and crosslines, int64 [n] each; float32
            [n, samples].
        said: lines to put into free lines of the text header.
        overwrite: replace ``out``.
        drop_extended: leave out extended text headers, which some programs refuse.

    Raises:
        UsageError: ``like`` is no SEG-Y, or ``out`` cannot be written so.
        OutputError: the disk is full.
    """
    layout = headers_of(like)
    check_writable(out, overwrite)
    partial = partial_of(out, f"{os.getpid():08x}")
    try:
        with RawFile(like.path) as file, open(partial, "wb") as target:
            target.write(_head(file, layout, said, drop_extended))
            _write_traces(file, layout, like, target, volume)
            tail = layout.offset(layout.traces)
            if not layout.rest:  # a cut trace is left out, trailers of revision 2 are not
                target.write(file.read(tail, file.size - tail).tobytes())
            target.flush()
            os.fsync(target.fileno())
        check_writable(out, overwrite)
        put_in_place([(partial, real(out))])
    except OSError as error:
        raise OutputError(f"{out} cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _head(file: RawFile, layout: Layout, said: Sequence[str], drop_extended: bool) -> bytes:
    """Everything before the first trace."""
    head = bytearray(file.read(0, layout.start).tobytes())
    head[:TEXT] = text.with_lines(bytes(head[:TEXT]), said)
    _put(head, FORMAT_BYTE, IEEE, layout)
    if drop_extended and layout.extended:
        _put(head, _EXTENDED_BYTE, 0, layout)
        if head[_REVISION] >= 2:
            head[_FIRST_TRACE : _FIRST_TRACE + 8] = bytes(8)  # is where it is without being told
        del head[HEAD:]
    return bytes(head)


def _put(head: bytearray, byte: int, number: int, layout: Layout) -> None:
    head[byte - 1 : byte + 1] = number.to_bytes(2, layout.file_endian or layout.endian, signed=True)


def _write_traces(
    file: RawFile,
    layout: Layout,
    like: Like,
    target: BinaryIO,
    volume: Volume,
) -> None:
    kind = dtype("f4", layout.endian)
    step = max(1, _CHUNK // (layout.head + 4 * layout.samples))
    for first in range(0, layout.traces, step):
        count = min(step, layout.traces - first)
        block = np.empty((count, layout.head + 4 * layout.samples), np.uint8)
        block[:, : layout.head] = headers.read(file, layout, first, count, layout.head)
        rows, columns = like.places(slice(first, first + count))
        values, placed = np.zeros((count, layout.samples), np.float32), rows >= 0
        if placed.any():
            found = volume(rows[placed], columns[placed])
            if found.shape[1] != layout.samples:
                raise UsageError(
                    f"the volume has {found.shape[1]} samples a trace, {file.path} has "
                    f"{layout.samples}: it does not lie on this file"
                )
            values[placed] = found
        block[:, layout.head :] = np.ascontiguousarray(values.astype(kind)).view(np.uint8)
        target.write(block.tobytes())
