"""What a run has done so far, beside its output: ``FILE.journal``.

::

    salt-infer journal 1
    frame: the run's fingerprint
    frame: group 0
    frame: group 1
    ...

For frames see :mod:`salt_infer.job.frames`. A group is written in one piece when it is finished, in
any order; of two frames of one group the later counts. A frame that is torn the next run cuts off.
One that a bad disk has damaged costs its own group, or, in its lengths, all that comes after it.

A write that has returned survives the process, so SIGKILL costs nothing that was written. Against a
power cut the file is flushed to the disk with the first group that is finished SYNC_S after the
last flush: such a cut costs what was finished within that time, at any speed of disk or model, and
a flush for each group could take longer than a GPU takes for it.

A group is what the caller says: the tiles of a batch, or another
:class:`salt_infer.execution.journal_protocols.Record`.
"""

from __future__ import annotations

import array
import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Generic, TypeVar

from salt_infer.errors import JournalError, OutputError
from salt_infer.execution.journal_protocols import Prints, Record
from salt_infer.job import frames
from salt_infer.job.frames import Frame, FrameFile
from salt_infer.system.location import real
from salt_infer.system.whole_files import sync_folder

SYNC_S = 1.0

_KIND = b"salt-infer journal "
HEAD = _KIND + b"1\n"
_FINGERPRINT, _PUBLISHING = -1, -2  # numbers of frames that are not groups
_ABSENT = -1

_Json = TypeVar("_Json", dict[str, Any], list[Any])
_Group = TypeVar("_Group", bound=Record)


def path_beside(out: Path) -> Path:
    """Where the journal of an output is: one that is a link has it where the link leads."""
    target = real(out)
    return target.with_name(f"{target.name}.journal")


class Journal(AbstractContextManager["Journal[_Group]"], Generic[_Group]):
    """An open journal; iterating gives the finished groups in their order.

    It takes 8 bytes of memory for each group. A file without a group in it is removed on leaving.

    Attributes:
        path: of the file.
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
        self.path, self.published = path, frozenset[str]()
        self._unpack = unpack
        self._offsets = array.array("q", [_ABSENT]) * groups
        self._synced, self._removed = time.monotonic(), False
        self._holds_work = False  # a group or a note, also of what has to be run again
        self._file = FrameFile(path)
        self.local = self._file.local
        try:
            found = self._begun(restart)
            if found is None:
                self._begin(fingerprint)
            else:
                self._check(found, fingerprint)
                for at, frame in self._file.recovered(found.end):
                    self._found(frame, at)
        except BaseException:
            self._file.close()
            raise

    @property
    def damaged(self) -> int:
        """Bytes that are no whole frame: they are passed over, or cut off."""
        return self._file.damaged

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
        frame = self._file.frame(self._offsets[number])
        if frame is None:
            raise JournalError(f"{self.path} is damaged; discard it with --restart")
        return self._unpack(number, frame.text, frame.data)

    def append(self, group: _Group) -> None:
        """Write a group; it counts from now on.

        Raises:
            OutputError: the disk is full; what was there before is kept.
        """
        self._offsets[group.number] = self._file.append(group.number, *group.pack())
        self._holds_work = True
        if time.monotonic() - self._synced >= SYNC_S:
            self._sync()

    def forget(self, number: int) -> None:
        """A group has to be run again."""
        self._offsets[number] = _ABSENT

    def publishing(self, paths: Iterable[str]) -> None:
        """Note, on the disk, that these outputs are about to be put in place by this run."""
        paths = sorted(paths)
        self._file.append(_PUBLISHING, json.dumps(paths).encode(), b"")
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
        with contextlib.suppress(OutputError):  # the error under way says more
            self._file.sync()
        self._file.close()

    def _sync(self) -> None:
        self._file.sync()
        self._synced = time.monotonic()

    def _begun(self, restart: bool) -> Frame | None:
        """The first frame; None where the file is new, or was torn at its very beginning."""
        kind = self._file.head(len(HEAD))
        if restart and kind.startswith(_KIND):
            return None
        if not HEAD.startswith(kind):
            raise JournalError(
                f"{self.path} is of another version of salt-infer; --restart discards it"
                if kind.startswith(_KIND)
                else f"{self.path} is not a journal of a run; move it away"
            )
        first = self._file.frame(len(HEAD))
        if first is None and self._file.end_of(len(HEAD)) is not None:
            raise JournalError(f"{self.path} is damaged at its beginning; --restart discards it")
        return first

    def _begin(self, fingerprint: Prints) -> None:
        try:
            self._file.begin(HEAD)
            self._file.append(_FINGERPRINT, json.dumps(fingerprint.fields()).encode(), b"")
            self._sync()
            sync_folder(self.path.parent)
        except (OSError, OutputError) as error:
            self.path.unlink()
            raise OutputError(f"{self.path} cannot be written ({frames.reason(error)})") from error

    def _check(self, first: Frame, fingerprint: Prints) -> None:
        differences = fingerprint.differences(self._json(first, dict))
        if differences:
            raise JournalError(
                f"{self.path} is of another run: {'; '.join(differences)}; give what it was begun "
                "with to go on from it, or --restart to discard it"
            )

    def _found(self, frame: Frame, at: int) -> None:
        self._holds_work = True
        if frame.number == _PUBLISHING:
            self.published |= frozenset(self._json(frame, list))
        elif 0 <= frame.number < len(self._offsets):
            self._offsets[frame.number] = at

    def _json(self, frame: Frame, kind: type[_Json]) -> _Json:
        try:
            value = json.loads(frame.text)
        except ValueError as error:
            raise JournalError(f"{self.path} cannot be read ({error})") from error
        if not isinstance(value, kind):
            raise JournalError(f"{self.path} cannot be read ({value!r} in frame {frame.number})")
        return value
