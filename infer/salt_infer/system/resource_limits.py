"""What a system denies to a program, and what mends it.

Most errors of the system name a file, and say enough. These name nothing, come out of any line of
any library, and mean a limit or a folder that whoever runs the command can change.
"""

from __future__ import annotations

import errno
import resource
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
NO_ROOM = "if it is temporary files that do not fit, set TMPDIR to a folder with more room"
NO_FILES = "too many files are open; raise what 'ulimit -n' shows"
NO_MEMORY = (
    "not enough memory; free some, raise what 'ulimit -v' or the container allows, or ask for less "
    "at once: smaller batches, fewer threads or tiles"
)
NOT_MAPPED = (
    "the system does not let programs be loaded from there: there is not enough memory, as "
    "'ulimit -v' may show, or that file system is mounted noexec"
)

# As Python, ONNX Runtime, OpenVINO and PyTorch put it; none of them has a kind of error for it.
_THREADS = ("can't start new thread", "pthread_create failed", "Resource temporarily unavailable")
_MEMORY = ("can't alloc", "annot allocate memory", "bad_alloc", "out of memory")
_MAPPED = "failed to map segment"  # the linker's
_STACKS = ", or what 'ulimit -v' shows, of which each takes some"
_FULL = {errno.ENOSPC, errno.EDQUOT}
_OF_NUMBERS = {
    errno.EFBIG: "a file grows too large; raise what 'ulimit -f' shows",
    errno.EMFILE: NO_FILES,
    errno.ENFILE: NO_FILES,
    errno.ENOMEM: NO_MEMORY,
}


def explained(error: BaseException) -> str | None:
    """A line on what is denied and what mends it; None where an error is of another kind."""
    if isinstance(error, MemoryError | RuntimeError | BlockingIOError) and (why := limit(error)):
        return why
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return NO_TEMPORARY if _has_current_folder() else NO_FOLDER
    if isinstance(error, OSError) and error.filename is None and error.errno in _FULL:
        return f"{error.strerror}; {NO_ROOM}"
    if isinstance(error, OSError):
        return _OF_NUMBERS.get(error.errno or 0) or str(error)
    return None


def is_of_process(error: OSError) -> bool:
    """Whether it is about what a process may have, whatever file it was about to open."""
    return error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def limit(error: BaseException) -> str | None:
    """Which limit a library's error speaks of, be it of whatever class; None where it is none."""
    text = str(error)
    if any(words in text for words in _THREADS):
        return NO_THREADS + (_STACKS if _bounded() else "")
    if isinstance(error, MemoryError) or any(words in text for words in _MEMORY):
        return NO_MEMORY
    return None


def no_room(folder: str) -> str:
    """For an error: temporary files did not fit into their folder."""
    return f"temporary files go to {folder}: make room there, or set TMPDIR to a folder that has it"


def unloaded(error: BaseException) -> str | None:
    """Why a package's machine code could not be loaded, where it is no fault of the package."""
    return NOT_MAPPED if _MAPPED in str(error) else None


def _bounded() -> bool:
    """Whether memory is limited: each thread's stack takes some."""
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


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
