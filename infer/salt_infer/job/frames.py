"""A file of frames, each with a checksum: what a journal is written in.

A frame is a CRC-32, a number, two lengths, JSON and binary data. Whatever ends a process, the file
holds whole frames and at most one torn one at its end.

The file is locked while it is open, see :mod:`salt_infer.system.locks`. The kernel gives the lock
back however the process ends.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from salt_infer.errors import JournalError, OutputError
from salt_infer.system.locks import Lock, still_there

FRAME = struct.Struct("<IqII")  # CRC-32 of what follows, number, bytes of JSON and of data
_CRC = struct.Struct("<I")


class Frame(NamedTuple):
    """A whole one.

    Attributes:
        number: what its writer calls it.
        text: JSON.
        data: binary.
        end: offset of what follows.
    """

    number: int
    text: bytes
    data: bytes
    end: int


class FrameFile:
    """An open file of frames that no other process has open.

    Attributes:
        path: of the file.
        end: offset of what is written next.
        damaged: bytes that were found to be no whole frame.
        local: whether only processes on this machine are kept away.
    """

    def __init__(self, path: Path) -> None:
        """Lock the file, which is made if need be.

        Raises:
            JournalError: another process has it open, or it is no regular file.
            OutputError: it cannot be opened.
        """
        self.path, self.end, self.damaged = path, 0, 0
        self._file, self._lock = _locked(path)
        self.local = self._lock.local

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)
        self._lock.close()

    def head(self, size: int) -> bytes:
        """Its first bytes, as many as there are."""
        return os.pread(self._file, size, 0)

    def begin(self, head: bytes) -> None:
        """Empty it, and write what comes before all frames; raises OSError."""
        os.ftruncate(self._file, 0)
        self.end = 0
        self._put(head)

    def recovered(self, at: int) -> Iterator[tuple[int, Frame]]:
        """Whole frames from an offset on, with the offset of each. Damaged ones are passed over as
        long as their lengths lead to whole ones; what follows the last of these is cut off in the
        end, so that frames can follow it.
        """
        self.end, damaged = at, 0
        while (end := self.end_of(at)) is not None:
            if frame := self.frame(at):
                yield at, frame
                self.end = end
            else:
                damaged += end - at
            at = end
        self.damaged = damaged + os.fstat(self._file).st_size - at
        os.ftruncate(self._file, self.end)

    def frame(self, at: int) -> Frame | None:
        """The frame at an offset, or None if there is no whole one."""
        end = self.end_of(at)
        if end is None:
            return None
        head = os.pread(self._file, FRAME.size, at)
        crc, number, text, _ = FRAME.unpack(head)
        body = os.pread(self._file, end - at - FRAME.size, at + FRAME.size)
        if zlib.crc32(body, zlib.crc32(head[_CRC.size :])) != crc:
            return None
        return Frame(number, body[:text], body[text:], end)

    def end_of(self, at: int) -> int | None:
        """Where the frame at an offset ends, by its lengths; None where the file ends before that.
        Nothing much is read.
        """
        head = os.pread(self._file, FRAME.size, at)
        if len(head) < FRAME.size:
            return None
        *_, text, data = FRAME.unpack(head)
        end = at + FRAME.size + int(text) + int(data)
        return end if end <= os.fstat(self._file).st_size else None

    def append(self, number: int, text: bytes, data: bytes) -> int:
        """Write a frame; returns its offset.

        Raises:
            OutputError: the disk is full; what was there before is kept.
        """
        at = self.end
        rest = FRAME.pack(0, number, len(text), len(data))[_CRC.size :]
        crc = zlib.crc32(data, zlib.crc32(text, zlib.crc32(rest)))
        try:
            self._put(b"".join((_CRC.pack(crc), rest, text, data)))
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.end)
            raise OutputError(
                f"{self.path} cannot be written ({reason(error)}); mend that and give the same "
                "command again: what is done is kept"
            ) from error
        return at

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:  # a disk that runs full takes a part first
            rest = rest[os.pwrite(self._file, rest, self.end + len(data) - len(rest)) :]
        self.end += len(data)

    def sync(self) -> None:
        """Have all of it on the disk; raises OutputError where that fails."""
        try:
            os.fdatasync(self._file)
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written ({reason(error)})") from error


def _locked(path: Path) -> tuple[int, Lock]:
    """Descriptor of the journal, made if need be, which no other run uses, and what says so.

    Raises:
        JournalError: another run does, or it is no regular file.
        OutputError: it cannot be opened.
    """
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            raise OutputError(f"{path} cannot be opened ({reason(error)})") from error
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise JournalError(f"{path} is not a journal of a run; move it away")
            lock = Lock(file)
            if still_there(path, file):
                return file, lock
            lock.close()
        except BlockingIOError as error:
            os.close(file)
            raise JournalError(f"{path} is in use: another run writes this output") from error
        except OSError as error:
            if not os.fstat(file).st_size:
                path.unlink()
            os.close(file)
            raise OutputError(f"{path} cannot be locked ({reason(error)})") from error
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # another run removed it between opening and locking


def reason(error: Exception) -> str:
    """What the system says of an error, without its number."""
    return str((isinstance(error, OSError) and error.strerror) or error)
