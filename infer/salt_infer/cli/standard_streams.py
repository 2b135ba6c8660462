"""Standard output and error of a command: what they cannot take costs words and never the work.

A disk is full, the reader of a pipe is gone, a daemon was started without them: each would be an
exception in the middle of whatever was being said, or one when Python ends that nobody can catch.
Here a line that cannot be written is lost, the first reason is kept, and the command tells it when
its work is done; of a reader that is gone there is nothing to tell.
"""

from __future__ import annotations

import codecs
import io
import os
import select
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STANDARD = {0: os.O_RDONLY, 1: os.O_WRONLY, 2: os.O_WRONLY}


class Patient(io.RawIOBase):
    """A descriptor that takes everything, whether it can be written or not.

    Attributes:
        error: why the first write failed; None where none did.
    """

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self.error: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """All of it is taken, or as much as goes at a time."""
        try:
            # A pipe that its other users made non-blocking takes nothing at times.
            while (taken := self._raw.write(data)) is None:
                select.select([], [self._raw], [])
        except OSError as error:
            self.error = self.error or error
            return memoryview(data).nbytes
        return taken

    def lost(self) -> str:
        """Why something could not be written; empty where all was, or where the reader of a pipe
        is gone, as ``head`` is once it has seen enough.
        """
        if self.error is None or isinstance(self.error, BrokenPipeError):
            return ""
        return self.error.strerror or str(self.error)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()


def patient() -> Patient | None:
    """Make the standard streams so for the rest of the process.

    Returns:
        Standard output, to be asked in the end whether it took everything; None where it is
        somebody's own, as in tests.
    """
    _occupy()
    _replaced("stderr")
    return _replaced("stdout")


def _occupy() -> None:
    """A file that is opened gets the lowest free number: one that got 1 or 2 would be written to by
    all that prints, a library's warning would stand in the middle of a submission.
    """
    for number, flags in _STANDARD.items():
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)


def _replaced(name: str) -> Patient | None:
    stream = getattr(sys, name)
    if stream is None:  # closed before Python began: there is nobody to tell
        stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (for good)
    elif type(stream) is not io.TextIOWrapper:
        return None
    encoding, errors = stream.encoding, stream.errors
    if errors == "strict" or codecs.lookup(encoding).name != "utf-8":
        errors = "backslashreplace"  # a file's name may hold what the terminal's encoding does not
    binary = stream.detach()
    raw = Patient(binary.detach() if isinstance(binary, io.BufferedWriter) else binary)
    # A line at a time also into files and pipes: those who watch them see it when it is said.
    text = io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, line_buffering=True)
    setattr(sys, name, text)
    setattr(sys, f"__{name}__", text)
    return raw
