"""Locks that end with the process, on file systems that have them and on those that have not.

Lustre mounted without them, NFS without its lock daemon and some FUSE file systems refuse a lock.
There a name that the kernel keeps for sockets stands in: no two processes of one machine have it
at a time, and it is given back however a process ends. Other machines do not see it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

NO_LOCKS = (
    "this file system has no locks: do not let two machines write here at once, or choose another "
    "folder"
)

_UNKNOWN = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}
_AGAIN_S = 0.2  # between two looks at a name that is taken


class Lock:
    """A lock on an open file; closing it gives it back, as closing the file does.

    Attributes:
        local: whether it only keeps away processes of this machine.
    """

    def __init__(self, file: int, wait: bool = False) -> None:
        """Take it.

        Args:
            file: descriptor of the open file.
            wait: until it is free.

        Raises:
            BlockingIOError: another process has it, and ``wait`` is false.
            OSError: it cannot be locked for another reason.
        """
        self._name: socket.socket | None = None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            if error.errno not in _UNKNOWN:
                raise
            self._name = _named(file, wait)
        self.local = self._name is not None

    def close(self) -> None:
        """Give back what stands in for a lock; the lock itself goes with the file."""
        if self._name is not None:
            self._name.close()


@contextlib.contextmanager
def held(file: int, wait: bool = False) -> Iterator[Lock]:
    """A :class:`Lock` while it lasts."""
    lock = Lock(file, wait)
    try:
        yield lock
    finally:
        lock.close()


def still_there(path: Path, file: int) -> bool:
    """Whether an open file is the one of that name; it may have been removed since."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _named(file: int, wait: bool) -> socket.socket:
    """A socket that has the file's name, which is its own for as long as it is there."""
    state = os.fstat(file)
    name = hashlib.sha256(f"{state.st_dev}:{state.st_ino}".encode()).hexdigest()
    while True:
        taken = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            taken.bind(f"\0salt-toolkit-{name}")
        except OSError as error:
            taken.close()
            if error.errno != errno.EADDRINUSE:
                raise
            if not wait:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from error
            time.sleep(_AGAIN_S)
        else:
            return taken
