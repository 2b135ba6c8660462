"""What a report was made from: its inputs, each with a digest."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from salt_infer.system.digest import of_file
from salt_infer.system.location import real
from salt_infer.system.text import shown
from salt_report.errors import ReportError


@dataclasses.dataclass(frozen=True)
class Source:
    """An input of the report.

    Attributes:
        role: what it was taken as.
        path: a file or folder.
        state: what of a file changes when its contents do; empty of anything else.
        but: the report's own files, which may lie in the folder and are no part of it.
    """

    role: str
    path: Path
    state: tuple[int, ...]
    but: tuple[Path, ...] = ()

    @classmethod
    def of(cls, role: str, path: Path, but: tuple[Path, ...] = ()) -> Self:
        """As it is now, so this comes before it is read."""
        return cls(role, path, _state(path) if path.is_file() else (), but)

    @functools.cached_property
    def sha256(self) -> str:
        """Of a file; of a folder, that of the sorted list of its files, as ``sha256sum`` prints it,
        those in linked folders among them; empty where there is none, or some file of it cannot be
        read or is gone meanwhile.

        Raises:
            ReportError: the file was changed since it was named here.
        """
        try:
            if self.path.is_file():
                return self._sha256_of_file()
            return _sha256_of_folder(self.path, self.but) if self.path.is_dir() else ""
        except OSError:  # in a folder there may be more than was read for the report
            return ""

    def _sha256_of_file(self) -> str:
        found = of_file(self.path)
        if _state(self.path) != self.state:
            raise ReportError(f"{self.path} was changed while it was read; run this again")
        return found

    def to_json(self) -> dict[str, str]:
        """Role, path and digest."""
        return {"role": self.role, "path": shown(str(self.path)), "sha256": self.sha256}


def sources(but: tuple[Path | None, ...], **paths: Path | None) -> list[Source]:
    """Those inputs that were given, by role; ``but``: the outputs, of those that there are."""
    own = tuple(path for path in but if path is not None)
    return [Source.of(role, path, own) for role, path in paths.items() if path is not None]


def _state(path: Path) -> tuple[int, ...]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ino


def _sha256_of_folder(folder: Path, but: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    own = [real(path) for path in but]
    files = (path for path in _files(folder) if not any(_is_of(real(path), each) for each in own))
    named = sorted((path.relative_to(folder).as_posix(), path) for path in files)
    for name, path in named:
        digest.update(f"{of_file(path)}  {name}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest() if named else ""


def _files(folder: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Files below a folder, in linked folders too, as tiles are read from these; none twice over
    where a link leads to a folder above.
    """
    above |= {real(folder)}
    for path in folder.iterdir():
        if path.is_file():
            yield path
        elif path.is_dir() and real(path) not in above:
            yield from _files(path, above)


def _is_of(path: Path, output: Path) -> bool:
    """An output, or a hidden file beside it that is there while it is written."""
    hidden = path.parent == output.parent and path.name.startswith(f".{output.name}.")
    return path == output or hidden
