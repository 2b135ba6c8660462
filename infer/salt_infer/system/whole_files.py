"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from salt_infer.errors import OutputError
from salt_infer.system import signals
from salt_infer.system.location import real
from salt_infer.system.output_checks import check_writable

_NO_FLUSH = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}  # of folders, on network file systems


def write_whole(path: Path, data: bytes, overwrite: bool) -> None:
    """Write a file so that a reader sees the old content or all of the new, never a part: a
    temporary file in the same folder, flushed to the disk, then renamed.

    Raises:
        OutputExistsError, InputError: as :func:`check_writable`; what was there is still there,
            and nothing else is left behind.
        OutputError: likewise, of a full disk.
    """
    target = real(path)
    with _written(path, data) as temporary, _told(path):
        check_writable(path, overwrite)
        os.replace(temporary, target)
        sync_folder(target.parent)


def write_together(contents: Mapping[Path, bytes], overwrite: bool) -> None:
    """Write several files as :func:`write_whole` does, all of them or none; raises likewise. The
    last is never missing, and an error that concerns no single file names it. A file that one of
    the others replaces is missing for an instant.
    """
    with contextlib.ExitStack() as stack:
        renames = []
        for path, data in contents.items():
            renames.append((stack.enter_context(_written(path, data)), real(path)))
        for path in contents:
            check_writable(path, overwrite)
        with _told(path):
            put_in_place(renames)


@contextlib.contextmanager
def _written(path: Path, data: bytes) -> Iterator[Path]:
    """A flushed file beside the one it is to become, which is gone afterwards."""
    target = real(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with _told(path), open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def discard_left(folder: Path, name: str) -> None:
    """Remove what processes that were killed had written of a file, where no other process writes
    it now; what cannot be removed is in nobody's way.

    Args:
        folder: of the file.
        name: of the file, as a regular expression.
    """
    of_it = re.compile(rf"\.(?:{name})\.[0-9]+\.tmp")
    with contextlib.suppress(OSError):
        for left in [each for each in folder.iterdir() if of_it.fullmatch(each.name)]:
            left.unlink()


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror or error})") from error


def sync_folder(folder: Path) -> None:
    """Flush names that were made or changed in a folder to the disk; raises OSError."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return  # one that may be written to and not be listed
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FLUSH:
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def whole_folder(path: Path, run: str, check: Callable[[], object]) -> Iterator[Path]:
    """A hidden folder to write into, which takes its place where nothing goes wrong.

    Args:
        path: of the folder to be; one that is there is replaced as a whole.
        run: see :func:`partial_of`; other runs of the same name are kept away by
            :func:`salt_infer.system.output_locks.writing`.
        check: raises where what is there is not to be replaced; asked just before it is, as there
            may be something else than when writing began.

    Raises:
        OutputError: the disk is full, or the folder cannot be put there.
    """
    partial = partial_of(path, run)
    try:
        with _told(path):
            discard(partial)  # of one that was killed
            partial.mkdir()
            yield partial
            check()
            put_in_place([(partial, real(path))])
    finally:
        with contextlib.suppress(OSError):
            discard(partial)


def partial_of(path: Path, run: str) -> Path:
    """Hidden name beside a file or folder that is being written by a run."""
    target = real(path)
    return target.with_name(f".{target.name}.{run}.partial")


@signals.deferred_signals()  # one just behind the last step would have the others undone
def put_in_place(renames: Sequence[tuple[Path, Path]]) -> None:
    """Give files and folders their final names; if that fails, everything is as it was before. The
    last is renamed in one step, after all others; what one of the others replaces is missing for an
    instant.

    Args:
        renames: hidden names, see :func:`partial_of`, and final ones.

    Raises:
        OSError: one of them cannot be put there.
    """
    *others, (partial, target) = renames
    if partial.is_dir():  # which no single step puts in the place of another
        others.append((partial, target))
    with contextlib.ExitStack() as undo:
        for each in others:
            _swap(*each, undo)
        if len(others) < len(renames):
            partial.replace(target)
        undo.pop_all()
    sync_folder(target.parent)
    for partial, _ in others:
        with contextlib.suppress(OSError):  # all is in place; what is left is hidden
            discard(aside_of(partial))


def _swap(partial: Path, target: Path, undo: contextlib.ExitStack) -> None:
    aside = aside_of(partial)
    if target.exists():
        discard(aside)  # of a run that was killed before it got to that
        undo.callback(_back, aside, target)
        target.rename(aside)
    undo.callback(_back, target, partial)
    partial.rename(target)
    sync_folder(target.parent)


def _back(moved: Path, origin: Path) -> None:
    if moved.exists():
        moved.rename(origin)


def aside_of(partial: Path) -> Path:
    """Where what was there waits until all else is in place; of a hidden name."""
    return partial.with_suffix(".old")


def discard(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there; raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
