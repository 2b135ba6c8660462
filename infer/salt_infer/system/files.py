"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from salt_infer.errors import (
    InputError,
    OutputError,
    OutputExistsError,
    OutputInUseError,
    UsageError,
)
from salt_infer.system import signals
from salt_infer.system.location import Location
from salt_infer.system.locks import NO_LOCKS, Lock

LONGEST = 255  # bytes of a name, on the file systems of Linux
_NO_FLUSH = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}  # of folders, on network file systems
_HIDDEN = len("..01234567.partial")  # of them, what the longest hidden name has more


def real(path: Path) -> Path:
    """Absolute, links followed. Not Path.resolve, which raises RuntimeError at a link to itself."""
    return Path(os.path.realpath(path))


def check_output(
    path: Path, endings: str | Sequence[str], inputs: Sequence[Location | None], overwrite: bool
) -> None:
    """:func:`check_writable`, and that the file is of its kind and none of the run's inputs.

    Raises:
        UsageError: another ending, or the same file as an input.
    """
    kinds = (endings,) if isinstance(endings, str) else tuple(endings)
    if not any(path.name.lower().endswith(kind) and path.name != kind for kind in kinds):
        raise UsageError(
            f"{path} would be written, expected a name that ends in {' or '.join(kinds)}"
        )
    if real(path) in {real(other) for other in inputs if isinstance(other, Path)}:
        raise UsageError(f"{path} is both read and written by this run; give two names")
    check_writable(path, overwrite)


def check_writable(path: Path, overwrite: bool) -> None:
    """Fail now, not after hours, where :func:`write_whole` would.

    Raises:
        OutputExistsError: ``path`` exists and ``overwrite`` is false.
        InputError: it is a directory, device, pipe or mount point, its name is too long, or its
            folder is missing or read-only.
    """
    target = real(path)  # a link stays, what it leads to is replaced
    _check_parent(path, target)
    if target.is_dir():
        raise InputError(f"{path} is a directory, expected the name of a file to write")
    if target.exists() and not target.is_file():
        raise InputError(f"{path} is not a regular file and will not be replaced")
    if _is_mount_point(target):
        raise InputError(f"{path} is a mount point, which cannot be replaced; mount its folder")
    if target.exists() and not overwrite:
        raise OutputExistsError(f"{path} exists; give --overwrite to replace it")


def check_folder(path: Path, ending: str, overwrite: bool) -> None:
    """Fail where a folder of files with one ending cannot be put; an empty one may be there.

    Raises:
        OutputExistsError: it holds such files and ``overwrite`` is false.
        InputError: it is no directory, or a mount point, or holds anything else: it would be
            replaced as a whole. Or its name is too long, or its own folder missing or read-only.
    """
    target = real(path)
    _check_parent(path, target)
    if not target.exists():
        return
    if not target.is_dir():
        raise InputError(f"{path} is not a directory, expected the name of one to write into")
    if _is_mount_point(target):
        raise InputError(
            f"{path} is a mount point, which cannot be replaced; name a folder inside it, such as "
            f"{path / target.name}"
        )
    full = False
    with os.scandir(target) as entries:
        for entry in entries:
            full = True
            if not entry.name.endswith(ending) or not entry.is_file(follow_symlinks=False):
                raise InputError(
                    f"{path} holds {entry.name!r}, expected nothing but {ending} files: it is "
                    "replaced as a whole; name a folder of its own"
                )
    if full and not overwrite:
        raise OutputExistsError(f"{path} is not empty; give --overwrite to replace all of it")


def _check_parent(path: Path, target: Path) -> None:
    if not target.parent.is_dir():
        raise InputError(f"folder {target.parent} does not exist; create it first")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise InputError(f"folder {target.parent} is not writable")
    length = len(os.fsencode(target.name))
    if length > LONGEST - _HIDDEN:
        raise InputError(
            f"the name {target.name} has {length} bytes, expected no more than "
            f"{LONGEST - _HIDDEN}; give a shorter one"
        )


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


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror or error})") from error


def still_there(path: Path, file: int) -> bool:
    """Whether an open file is the one of that name; it may have been removed since."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def writing(*paths: Path | None, replaced: bool = False) -> Iterator[str]:
    """Let no other run write these files, or into these folders, at the same time.

    A hidden file is held for each meanwhile: beside a file, ``.lock`` in a folder. A run that is
    killed leaves it, and it is in nobody's way.

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


def _is_mount_point(target: Path) -> bool:
    """By the kernel's own list, where there is one: in a container, plain files may well look as if
    they were on another device than their folder.
    """
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return os.path.ismount(target)
    name = str(target)
    for character in "\\ \t\n":  # written so in the list, see proc(5)
        name = name.replace(character, f"\\{ord(character):03o}")
    return any(line.split(" ", 5)[4] == name for line in mounts.splitlines())


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
