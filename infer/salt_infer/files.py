"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from salt_infer.errors import InputError, OutputExistsError, UsageError
from salt_infer.place import Place


def check_output(path: Path, ending: str, inputs: Sequence[Place | None], overwrite: bool) -> None:
    """:func:`check_writable`, and that the file is of its kind and none of the run's inputs.

    Raises:
        UsageError: another ending, or the same file as an input.
    """
    if path.suffix.lower() != ending:
        raise UsageError(f"{path} would be written, expected a name that ends in {ending}")
    # Not Path.resolve, which raises RuntimeError at a link to itself.
    read = {os.path.realpath(other) for other in inputs if isinstance(other, Path)}
    if os.path.realpath(path) in read:
        raise UsageError(f"{path} is both read and written by this run; give two names")
    check_writable(path, overwrite)


def check_writable(path: Path, overwrite: bool) -> None:
    """Fail now, not after hours, where :func:`write_whole` would.

    Raises:
        OutputExistsError: ``path`` exists and ``overwrite`` is false.
        InputError: it is a directory, device or pipe, or its folder is missing or read-only.
    """
    target = Path(os.path.realpath(path))  # a link stays, what it leads to is replaced
    if target.is_dir():
        raise InputError(f"{path} is a directory, expected the name of a file to write")
    if target.exists() and not target.is_file():
        raise InputError(f"{path} is not a regular file and will not be replaced")
    if not target.parent.is_dir():
        raise InputError(f"folder {path.parent} does not exist; create it first")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise InputError(f"folder {path.parent} is not writable")
    if target.exists() and not overwrite:
        raise OutputExistsError(f"{path} exists; give --overwrite to replace it")


def write_whole(path: Path, data: bytes, overwrite: bool) -> None:
    """Write a file so that a reader sees the old content or all of the new, never a part: a
    temporary file in the same folder, flushed to the disk, then renamed.

    Raises:
        OutputExistsError, InputError: as :func:`check_writable`, or the disk is full; what was
            there is still there, and nothing else is left behind.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        check_writable(path, overwrite)
        os.replace(temporary, target)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
