"""A file read at places, without a mapping: what is cut or changed meanwhile is an error, not a
signal, and what was read does not count as this process's memory.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from salt_infer.system.text import shown
from salt_survey.errors import SurveyError


class RawFile:
    """A regular file.

    Attributes:
        path: where it is.
        size: bytes, when it was opened.
    """

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            SurveyError: there is no such file, or it is no regular one, or it cannot be read.
        """
        self.path = path
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
                raise SurveyError(f"{path} is no regular file; name a SEG-Y file")
            self._file = open(path, "rb", buffering=0)  # noqa: SIM115  closed by close()
        except (OSError, ValueError) as error:  # a NUL in the name is the latter
            why = getattr(error, "strerror", None) or error
            raise SurveyError(f"{shown(str(path))} cannot be read ({why})") from error
        self.size = os.fstat(self._file.fileno()).st_size

    def read(self, offset: int, length: int) -> npt.NDArray[np.uint8]:
        """Bytes as uint8 [length].

        Raises:
            SurveyError: there are not so many.
        """
        data = np.empty(length, np.uint8)
        self.read_into(data.data, offset)
        return data

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill a buffer.

        Raises:
            SurveyError: the file ends before, or was closed.
        """
        if self._file.closed:
            raise SurveyError(f"{self.path} is closed; read it within its with block")
        done = 0
        while done < len(buffer):
            try:
                count = os.preadv(self._file.fileno(), [buffer[done:]], offset + done)
            except OSError as error:
                raise SurveyError(
                    f"{self.path} cannot be read ({error.strerror or error})"
                ) from error
            if not count:
                raise SurveyError(
                    f"{self.path} ends at byte {offset + done}, expected {self.size} bytes as when "
                    "it was opened; do not change it during a run"
                )
            done += count

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
