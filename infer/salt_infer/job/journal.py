"""What a run has done so far, beside its output: ``FILE.journal``.

::

    salt-infer journal 1
    frame: the run's fingerprint
    frame: group 0
    frame: group 1
    ...

A frame is a CRC-32, a number, two lengths, JSON and binary data. A group is written in one piece
when it is finished, in any order; of two frames of one group the later counts. Whatever ends a run,
the file holds whole frames and at most one torn one at its end, which the next run cuts off. One
that a bad disk has damaged costs its own group, or, in its lengths, all that comes after it.

A write that has returned survives the process, so SIGKILL costs nothing that was written. Against a
power cut the file is flushed to the disk with the first group that is finished SYNC_S after the
last flush: such a cut costs what was finished within that time, at any speed of disk or model, and
a flush for each group could take longer than a GPU takes for it.

The file is locked while a run uses it, see :mod:`salt_infer.system.locks`. The kernel gives the
lock back however the process ends.

A group is what the caller says: the tiles of a batch, or another
:class:`salt_infer.execution.journal_protocols.Record`.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import stat
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from salt_infer.errors import JournalError, OutputError
from salt_infer.execution.journal_protocols import Prints, Record
from salt_infer.system.location import real
from salt_infer.system.locks import Lock, still_there
from salt_infer.system.whole_files import sync_folder

SYNC_S = 1.0

_KIND = b"salt-infer journal "
_MAGIC = _KIND + b"1\n"
_FRAME = struct.Struct("<IqII")  # CRC-32 of what follows, number, bytes of JSON and of data
_CRC = struct.Struct("<I")
_FINGERPRINT, _PUBLISHING = -1, -2  # numbers of frames that are not groups
_ABSENT = -1

_Json = TypeVar("_Json", dict[str, Any], list[Any])
_Group = TypeVar("_Group", bound=Record)


class _Frame(NamedTuple):
    number: int
    text: bytes
    data: bytes
    end: int  # offset of what follows


def path_beside(out: Path) -> Path:
    """Where the journal of an output is: one that is a link has it where the link leads."""
    target = real(out)
    return target.with_name(f"{target.name}.journal")


class Journal(AbstractContextManager["Journal[_Group]"], Generic[_Group]):
    """An open journal; iterating gives the finished groups in their order.

    It takes 8 bytes of memory for each group. A file without a group in it is removed on leaving.

    Attributes:
        path: of the file.
        damaged: bytes that are no whole frame: they are passed over, or cut off.
        published: absolute paths that this run, or the one it goes on from, began to put in
            place: they may be replaced.
        local: whether only runs on this machine are kept away.
    """

    def __init__(
        self,
        path: Path,
        fingerprint: Prints,
        groups: int,
        unpack: Callable[[int, bytes, bytes], _Group],
        restart: bool = False,
    ) -> None:
        """Lock the file and find what is done, or begin anew.

        Args:
            path: of the file.
            fingerprint: of this run.
            groups: how many there are.
            unpack: gives a group back from its number and what it packed.
            restart: discard what is there.

        Raises:
            JournalError: in use by another run, or written by a run with another fingerprint; or
                no journal.
            OutputError: it cannot be written.
        """
        self.path, self.published, self.damaged = path, frozenset[str](), 0
        self._unpack = unpack
        self._offsets = array.array("q", [_ABSENT]) * groups
        self._end, self._synced, self._removed = 0, time.monotonic(), False
        self._holds_work = False  # a group or a note, also of what has to be run again
        self._file, self._lock = _locked(path)
        self.local = self._lock.local
        try:
            found = self._begun(restart)
            if found is None:
                self._begin(fingerprint)
            else:
                self._check(found, fingerprint)
                self._scan()
        except BaseException:
            self._close()
            raise

    def __len__(self) -> int:
        """Groups that are done."""
        return len(self._offsets) - self._offsets.count(_ABSENT)

    def done(self) -> Iterator[int]:
        """Numbers of the groups that are done."""
        return (number for number, at in enumerate(self._offsets) if at != _ABSENT)

    def missing(self) -> Iterator[int]:
        """Numbers of the groups that are not done."""
        return (number for number, at in enumerate(self._offsets) if at == _ABSENT)

    def __iter__(self) -> Iterator[_Group]:
        return (self[number] for number in self.done())

    def __getitem__(self, number: int) -> _Group:
        """A group that is done.

        Raises:
            JournalError: the file has been damaged since it was opened.
        """
        frame = self._frame(self._offsets[number])
        if frame is None:
            raise JournalError(f"{self.path} is damaged; discard it with --restart")
        return self._unpack(number, frame.text, frame.data)

    def append(self, group: _Group) -> None:
        """Write a group; it counts from now on.

        Raises:
            OutputError: the disk is full; what was there before is kept.
        """
        at = self._end
        self._write(group.number, *group.pack())
        self._offsets[group.number] = at
        self._holds_work = True
        if time.monotonic() - self._synced >= SYNC_S:
            self._sync()

    def forget(self, number: int) -> None:
        """A group has to be run again."""
        self._offsets[number] = _ABSENT

    def publishing(self, paths: Iterable[str]) -> None:
        """Note, on the disk, that these outputs are about to be put in place by this run."""
        paths = sorted(paths)
        self._write(_PUBLISHING, json.dumps(paths).encode(), b"")
        self._sync()
        self.published |= frozenset(paths)
        self._holds_work = True

    def remove(self) -> None:
        """The outputs are in place, or nothing in it is worth going on from."""
        del self._offsets[:]
        self._removed = True  # a file of that name may from now on be another run's
        with contextlib.suppress(OSError):
            self.path.unlink()
            sync_folder(self.path.parent)

    def __exit__(self, *exception: object) -> None:
        if not self._removed and not self._holds_work:
            self.remove()
        with contextlib.suppress(OSError):  # the error under way says more
            os.fdatasync(self._file)
        self._close()

    def _close(self) -> None:
        os.close(self._file)
        self._lock.close()

    def _begun(self, restart: bool) -> _Frame | None:
        """The first frame; None where the file is new, or was torn at its very beginning."""
        kind = os.pread(self._file, len(_MAGIC), 0)
        if restart and kind.startswith(_KIND):
            return None
        if not _MAGIC.startswith(kind):
            raise JournalError(
                f"{self.path} is of another version of salt-infer; --restart discards it"
                if kind.startswith(_KIND)
                else f"{self.path} is not a journal of a run; move it away"
            )
        first = self._frame(len(_MAGIC))
        if first is None and self._end_of(len(_MAGIC)) is not None:
            raise JournalError(f"{self.path} is damaged at its beginning; --restart discards it")
        return first

    def _begin(self, fingerprint: Prints) -> None:
        try:
            os.ftruncate(self._file, 0)
            self._put(_MAGIC)
            self._write(_FINGERPRINT, json.dumps(fingerprint.fields()).encode(), b"")
            self._sync()
            sync_folder(self.path.parent)
        except (OSError, OutputError) as error:
            self.path.unlink()
            raise OutputError(f"{self.path} cannot be written ({_reason(error)})") from error

    def _check(self, first: _Frame, fingerprint: Prints) -> None:
        differences = fingerprint.differences(self._json(first, dict))
        if differences:
            raise JournalError(
                f"{self.path} is of another run: {'; '.join(differences)}; give what it was begun "
                "with to go on from it, or --restart to discard it"
            )
        self._end = first.end

    def _scan(self) -> None:
        """Find the groups. Damaged frames are passed over as long as their lengths lead to whole
        ones; what follows the last of these is cut off, so that frames can follow it.
        """
        at, damaged = self._end, 0
        while (end := self._end_of(at)) is not None:
            if frame := self._frame(at):
                self._found(frame, at)
                self._end = end
            else:
                damaged += end - at
            at = end
        self.damaged = damaged + os.fstat(self._file).st_size - at
        os.ftruncate(self._file, self._end)

    def _found(self, frame: _Frame, at: int) -> None:
        self._holds_work = True
        if frame.number == _PUBLISHING:
            self.published |= frozenset(self._json(frame, list))
        elif 0 <= frame.number < len(self._offsets):
            self._offsets[frame.number] = at

    def _frame(self, at: int) -> _Frame | None:
        """The frame at an offset, or None if there is no whole one."""
        end = self._end_of(at)
        if end is None:
            return None
        head = os.pread(self._file, _FRAME.size, at)
        crc, number, text, _ = _FRAME.unpack(head)
        body = os.pread(self._file, end - at - _FRAME.size, at + _FRAME.size)
        if zlib.crc32(body, zlib.crc32(head[_CRC.size :])) != crc:
            return None
        return _Frame(number, body[:text], body[text:], end)

    def _end_of(self, at: int) -> int | None:
        """Where the frame at an offset ends, by its lengths; None where the file ends before that.
        Nothing much is read.
        """
        head = os.pread(self._file, _FRAME.size, at)
        if len(head) < _FRAME.size:
            return None
        *_, text, data = _FRAME.unpack(head)
        end = at + _FRAME.size + int(text) + int(data)
        return end if end <= os.fstat(self._file).st_size else None

    def _json(self, frame: _Frame, kind: type[_Json]) -> _Json:
        try:
            value = json.loads(frame.text)
        except ValueError as error:
            raise JournalError(f"{self.path} cannot be read ({error})") from error
        if not isinstance(value, kind):
            raise JournalError(f"{self.path} cannot be read ({value!r} in frame {frame.number})")
        return value

    def _write(self, number: int, text: bytes, data: bytes) -> None:
        rest = _FRAME.pack(0, number, len(text), len(data))[_CRC.size :]
        crc = zlib.crc32(data, zlib.crc32(text, zlib.crc32(rest)))
        try:
            self._put(b"".join((_CRC.pack(crc), rest, text, data)))
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._end)
            raise OutputError(
                f"{self.path} cannot be written ({_reason(error)}); mend that and give the same "
                "command again: what is done is kept"
            ) from error

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:  # a disk that runs full takes a part first
            rest = rest[os.pwrite(self._file, rest, self._end + len(data) - len(rest)) :]
        self._end += len(data)

    def _sync(self) -> None:
        try:
            os.fdatasync(self._file)
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written ({_reason(error)})") from error
        self._synced = time.monotonic()


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
            raise OutputError(f"{path} cannot be opened ({_reason(error)})") from error
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
            raise OutputError(f"{path} cannot be locked ({_reason(error)})") from error
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # another run removed it between opening and locking


def _reason(error: Exception) -> str:
    return str((isinstance(error, OSError) and error.strerror) or error)
