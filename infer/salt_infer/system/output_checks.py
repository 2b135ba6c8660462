"""Whether an output can be written, asked before a run begins and not after hours."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from salt_infer.errors import InputError, OutputExistsError, UsageError
from salt_infer.system.location import Location, real

LONGEST = 255  # bytes of a name, on the file systems of Linux
_HIDDEN = len("..salt-survey.partial")  # of them, what the longest hidden name has more


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
    check_parent(path)
    target = real(path)  # a link stays, what it leads to is replaced
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
    if not check_folder_place(path):
        return
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


def check_folder_place(path: Path) -> bool:
    """Whether there is a folder of that name; raises InputError where none can be put there, or in
    its place.
    """
    check_parent(path)
    target = real(path)
    if not target.exists():
        return False
    if not target.is_dir():
        raise InputError(f"{path} is not a directory, expected the name of one to write into")
    if _is_mount_point(target):
        raise InputError(
            f"{path} is a mount point, which cannot be replaced; name a folder inside it, such as "
            f"{path / target.name}"
        )
    return True


def overlap(one: Path, other: Path) -> bool:
    """Whether two paths are one, or lie in each other: what is written as a whole folder must not
    be part of what is read, nor hold it.
    """
    first, second = real(one), real(other)
    return first == second or first in second.parents or second in first.parents


def check_parent(path: Path) -> None:
    """Fail where nothing of that name can be put: its folder is missing or cannot be written to,
    or there is no room for a hidden name beside it; raises InputError.
    """
    target = real(path)
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
