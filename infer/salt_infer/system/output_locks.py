"""Outputs that one run at a time writes."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from salt_infer.errors import OutputError, OutputInUseError
from salt_infer.system.location import real
from salt_infer.system.locks import NO_LOCKS, Lock, still_there
from salt_infer.system.whole_files import discard_left


@contextlib.contextmanager
def writing(*paths: Path | None, replaced: bool = False) -> Iterator[str]:
    """Let no other run write these files, or into these folders, at the same time.

    A hidden file is held for each meanwhile: beside a file, ``.lock`` in a folder. A run that is
    killed leaves it, and it is in nobody's way. What such a run had written of a file is removed.

    Args:
        paths: of files that need not exist, and of folders that do; None stands for no path.
        replaced: folders are replaced as a whole, and need not exist: what is held is beside them.

    Yields:
        A line to be told where other machines are not kept away; empty as a rule.

    Raises:
        OutputInUseError: another run writes one of them.
        OutputError: nothing can be held there.
    """
    with contextlib.ExitStack() as stack:
        local = [
            path
            for path in {real(path): path for path in paths if path}.values()
            if stack.enter_context(_writing(path, replaced)).local
        ]
        yield f"{local[0]}: {NO_LOCKS}" if local else ""


@contextlib.contextmanager
def _writing(path: Path, replaced: bool) -> Iterator[Lock]:
    target = real(path)
    inside = target.is_dir() and not replaced
    lock = target / ".lock" if inside else target.with_name(f".{target.name}.lock")
    try:
        file, held = _held(lock)
    except BlockingIOError as error:
        raise OutputInUseError(
            f"another run writes to {path}; wait for it, or give another output"
        ) from error
    except OSError as error:
        raise OutputError(f"{lock} cannot be held ({error.strerror or error})") from error
    try:
        if not inside and not held.local:
            discard_left(target.parent, re.escape(target.name))
        yield held
    finally:
        with contextlib.suppress(OSError):
            lock.unlink()  # before it is let go: from then on another may hold one of that name
        held.close()
        os.close(file)


def _held(lock: Path) -> tuple[int, Lock]:
    """Descriptor of a file, made if need be, and what keeps others from it; raises OSError."""
    while True:
        file, made = _opened(lock)
        try:
            held = Lock(file)
            if still_there(lock, file):
                return file, held
            held.close()
        except BlockingIOError:
            os.close(file)
            raise
        except BaseException:
            os.close(file)
            if made:  # another's is not ours to take away
                with contextlib.suppress(OSError):
                    lock.unlink()
            raise
        os.close(file)  # another run removed it between opening and holding


def _opened(lock: Path) -> tuple[int, bool]:
    """Descriptor of a lock's file, and whether it was made here; raises OSError.

    Of another user's, which may be one to read alone: that does to hold it, or to see it held.
    """
    flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # whatever has that name
    while True:
        with contextlib.suppress(FileExistsError):
            return os.open(lock, flags | os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), True
        with contextlib.suppress(FileNotFoundError):  # removed since
            return os.open(lock, flags | os.O_RDONLY), False
