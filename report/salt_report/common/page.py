"""Pages: one HTML file that needs nothing else."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from salt_infer import __version__
from salt_infer.system.files import real
from salt_infer.system.text import shown
from salt_report.common.pictures import OVERLAY
from salt_report.errors import ReportError

_TEMPLATES = PackageLoader("salt_report")


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture of a tile.

    Attributes:
        name: the tile's id.
        source: a ``data:`` address.
        alt: what is to be seen, without the id.
        note: what to know of it, for under the picture.
    """

    name: str
    source: str
    alt: str
    note: str


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Pictures that belong together; ``wide`` ones have a phone's whole width."""

    title: str
    text: str
    pictures: Sequence[Picture]
    wide: bool = False


@dataclasses.dataclass(frozen=True)
class Source:
    """An input of the report, to be made before it is read.

    Attributes:
        role: what it was taken as.
        path: a file or folder.
        but: the report's own files, which may lie in the folder and are no part of it.
    """

    role: str
    path: Path
    but: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        self._state  # noqa: B018  is that of now

    @functools.cached_property
    def sha256(self) -> str:
        """Of a file; of a folder, that of the sorted list of its files, as ``sha256sum`` prints it;
        empty where there is neither, or some file of it cannot be read or is gone meanwhile.

        Raises:
            ReportError: the file was changed since it was named here.
        """
        try:
            if self.path.is_file():
                digest = _sha256(self.path)
                if _state(self.path) != self._state:
                    raise ReportError(f"{self.path} was changed while it was read; run this again")
                return digest
            return _sha256_of_folder(self.path, self.but) if self.path.is_dir() else ""
        except OSError:  # in a folder there may be more than was read for the report
            return ""

    @functools.cached_property
    def _state(self) -> tuple[int, ...]:
        return _state(self.path) if self.path.is_file() else ()

    def to_json(self) -> dict[str, str]:
        """All of it."""
        return {"role": self.role, "path": shown(str(self.path)), "sha256": self.sha256}


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _state(path: Path) -> tuple[int, ...]:
    """What changes when a file does."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ino


def _sha256_of_folder(folder: Path, but: tuple[Path, ...]) -> str:
    told = hashlib.sha256()
    own = [real(path) for path in but]
    files = (
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(_is_of(real(path), each) for each in own)
    )
    for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in files):
        told.update(f"{_sha256(path)}  {name}\n".encode("utf-8", "surrogateescape"))
    return told.hexdigest()


def _is_of(path: Path, output: Path) -> bool:
    """An output, or a hidden file beside it that is there while it is written."""
    hidden = path.parent == output.parent and path.name.startswith(f".{output.name}.")
    return path == output or hidden


def sources(but: tuple[Path | None, ...], **paths: Path | None) -> list[Source]:
    """Those inputs that were given, by role; ``but``: the outputs, of those that there are."""
    own = tuple(path for path in but if path is not None)
    return [Source(role, path, own) for role, path in paths.items() if path is not None]


def render(template: str, **content: Any) -> bytes:
    """Fill in a template. All text is escaped but what is :class:`markupsafe.Markup` already; the
    same content gives the same bytes.
    """
    environment = Environment(
        loader=_TEMPLATES,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent, "score": score, "signed": signed, "shown": _shown,
        "metres": metres,
    }  # fmt: skip
    environment.globals |= {"version": __version__, "overlay_colours": OVERLAY}
    style = Markup(_TEMPLATES.get_source(environment, "style.css")[0])  # noqa: S704  our own
    return environment.get_template(template).render(style=style, **content).encode()


def percent(share: float | None, digits: int = 1) -> str:
    """0.1234 -> 12.3 %; a dash for NaN or nothing."""
    return (
        "–" if share is None or share != share else f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"
    )


def metres(depth: float) -> str:
    """923.4 -> 923; of depths that may be kilometres, as 0.9234, two decimals more."""
    return f"{depth:.0f}" if abs(depth) >= 10 else f"{depth:.2f}"


def signed(value: float, digits: int = 4) -> str:
    """-0.1234 -> −0.1234, with a sign always; a dash for NaN."""
    return "–" if value != value else f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def score(value: float | None, digits: int = 3) -> str:
    """0.1234 -> 0.123; a dash for NaN or nothing."""
    return "–" if value is None or value != value else f"{value:.{digits}f}"


def _shown(text: object) -> str:
    return shown(str(text))
