"""What a system denies to a program, and what mends it.

Most errors of the system name a file, and say enough. These name nothing, come out of any line of
any library, and mean a limit or a folder that whoever runs the command can change.
"""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

from salt_infer.errors import UsageError

NO_FOLDER = "the current folder is gone; change to another"
NO_TEMPORARY = (
    "temporary files need a folder, and none of $TMPDIR, /tmp, /var/tmp, /usr/tmp and the current "
    "one can be written to; set TMPDIR to one that can, such as where the output goes"
)
NO_THREADS = (
    "the system allows no more threads or processes; raise what 'ulimit -u' shows, or the limit of "
    "the container or batch job"
)
NO_FILES = "too many files are open; raise what 'ulimit -n' shows"
NO_MEMORY = "there is not enough memory; smaller batches, or fewer threads, need less"

# As Python, ONNX Runtime and OpenVINO put it; none of them has a kind of error for it.
_THREADS = ("can't start new thread", "pthread_create failed", "Resource temporarily unavailable")


def explained(error: BaseException) -> str | None:
    """A line on what is denied and what mends it; None where an error is of another kind."""
    if isinstance(error, MemoryError):
        return NO_MEMORY
    if isinstance(error, RuntimeError | BlockingIOError) and is_threads(error):
        return NO_THREADS
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return NO_TEMPORARY if _has_current_folder() else NO_FOLDER
    if isinstance(error, OSError):
        return NO_FILES if error.errno in (errno.EMFILE, errno.ENFILE) else str(error)
    return None


def is_threads(error: BaseException) -> bool:
    """Whether a thread or process could not be started."""
    return any(words in str(error) for words in _THREADS)


def check_temporary() -> None:
    """Ask, before the work, for a folder that temporary files can be written to.

    Raises:
        UsageError: there is none.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise UsageError(explained(error)) from error


def _has_current_folder() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True
