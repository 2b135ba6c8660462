"""The finished CSV: whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from salt_infer.errors import InputError, OutputExistsError
from salt_infer.labels import COLUMNS


class Submission:
    """Collects rows in any order and publishes them sorted by id."""

    def __init__(self, path: Path, overwrite: bool) -> None:
        """Fail now, not after hours, where ``path`` could not be published.

        Raises:
            OutputExistsError: ``path`` exists and ``overwrite`` is false.
            InputError: its folder is missing or cannot be written to.
        """
        check_writable(path, overwrite)
        self.path, self._overwrite = path, overwrite
        self.rows: dict[str, str] = {}  # id -> run-length string

    def add(self, ids: Sequence[str], rle: Sequence[str]) -> None:
        """Add finished tiles."""
        self.rows.update(zip(ids, rle, strict=True))

    def __len__(self) -> int:
        return len(self.rows)

    def publish(self) -> None:
        """Write ``id,rle_mask`` rows sorted by id, ``\\n`` line ends, under the final name.

        Raises:
            OutputExistsError: someone else has written ``path`` during the run.
        """
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(sorted(self.rows.items()))
        write_whole(self.path, text.getvalue(), self._overwrite)


def check_writable(path: Path, overwrite: bool) -> None:
    """Raise where :func:`write_whole` would; see :meth:`Submission.__init__`."""
    if path.is_dir():
        raise InputError(f"{path} is a directory, expected the name of a file to write")
    if not path.parent.is_dir():
        raise InputError(f"folder {path.parent} does not exist; create it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"folder {path.parent} is not writable")
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path} exists; give --overwrite to replace it")


def write_whole(path: Path, text: str, overwrite: bool) -> None:
    """Write a UTF-8 file so that a reader sees the old content or all of the new, never a part:
    a temporary file in the same folder, flushed to the disk, then renamed.

    Raises:
        OutputExistsError: ``path`` exists and ``overwrite`` is false.
        InputError: the disk is full or the folder cannot be written to; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        check_writable(path, overwrite)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
