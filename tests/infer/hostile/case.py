"""One hostile input: how it is made and what it must give."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from tests.pngs import good_tile

Gives = Literal["tile", "bad tile", "passed over", "error"]


@dataclasses.dataclass(frozen=True)
class Case:
    """An input, and what ``salt-infer`` makes of it.

    Attributes:
        about: what it is, in a few words; no two cases say the same.
        gives: the tile called ``x`` gets a row, is bad, or is no tile; or the run ends with an
            error and no output.
        says: part of the reason or error; nothing where there is neither.
        make: writes the input into an empty folder and returns what ``--images`` is given.
        meddle: changes it after it was listed and before it is read.
        tile: the id of the tile in question.
    """

    about: str
    gives: Gives
    says: str
    make: Callable[[Path], str]
    meddle: Callable[[Path], None] | None = None
    tile: str = "x"


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def with_good(folder: Path) -> str:
    """A sound tile beside the hostile one: the run has to go on."""
    write(folder / "good.png", good_tile())
    return str(folder)


def sparse(path: Path, size: int) -> Path:
    """A file of so many zeros that takes no room."""
    with open(path, "wb") as file:
        file.truncate(size)
    return path
