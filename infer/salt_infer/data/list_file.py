"""Tiles that a text or CSV file names."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from salt_infer.data.folder import TileFiles
from salt_infer.data.source import SUFFIX, Tile, sorted_unique
from salt_infer.errors import InputError, one_line
from salt_infer.masks import table
from salt_infer.system.text import shown

LIST_SUFFIXES = (".txt", ".csv")
MAX_LIST_BYTES = 64 * 1024 * 1024  # about a million tiles


class _Entry(NamedTuple):
    """A line of a list: an id of its own, or "", and a tile's path or id."""

    id: str
    name: str


class _Listed(TileFiles):
    """Files that a list names."""

    def __init__(self, tiles: list[Tile], base: str = "") -> None:
        super().__init__(tiles, base)
        self._here = base or os.fspath(Path.cwd())  # once: a stamp is asked for with each tile

    def stamp(self, tile: Tile) -> str:
        # The list may name another file next time.
        return f"{os.path.join(self._here, tile.path)} {super().stamp(tile)}"

    def part(self, tiles: Sequence[Tile]) -> _Listed:
        return _Listed(list(tiles), self._here)


class TileList(_Listed):
    r"""Tiles named by a ``.txt``, one a line, or by a ``.csv`` with a column ``path`` or ``id``.

    What ends in ``.png`` is a path, from the list's folder or absolute. Anything else is an id,
    as in the competition's files: its tile is ``id.png`` beside the list or, where that does not
    exist and this does, ``images/id.png``. In a path from Windows ``\`` counts as ``/``, unless a
    file is called so. A CSV may have both columns: ``path`` then says where
    the tile is and ``id`` what its row is called. Blank lines and spaces around names do not
    count. A tile that does not exist is listed all the same, and cannot be read.
    """

    def __init__(self, path: Path) -> None:
        """Read the list; the tiles are looked for and not opened.

        Raises:
            InputError: the list cannot be read, is longer than MAX_LIST_BYTES, not UTF-8, not CSV,
                has neither column, an empty cell or no tiles, or two tiles have one id.
        """
        self.advice = (
            f"what the list names is looked for from its own folder, {shown(str(path.parent))}"
        )
        text, is_table = _text(path), path.suffix.lower() == ".csv"
        if is_table and _is_of_masks(text):
            self.advice += ". It is a table of masks: --labels takes those, --images wants tiles"
        entries = list(_csv(path, text) if is_table else _lines(text))
        if not entries:
            raise InputError(f"{shown(str(path))} names no tiles; expected a path or id a line")
        super().__init__(sorted_unique((_tile(path.parent, each) for each in entries), path))


def _tile(folder: Path, entry: _Entry) -> Tile:
    is_path = entry.name.lower().endswith(SUFFIX)
    name = entry.name if is_path else entry.name + SUFFIX
    if "://" in name:  # a URL, which cannot be read here; a Path would make s3:/a of s3://a
        return Tile(entry.id or PurePosixPath(name).stem, name)
    if "\\" in name and not _exists(folder / name):
        name = name.replace("\\", "/")
    path, below = folder / name, folder / "images" / name
    if not is_path and not _exists(path) and _exists(below):
        path = below
    return Tile(entry.id or PurePosixPath(name).stem, os.fspath(path))


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110  # Path.exists raises where a name is too long


def _lines(text: str) -> Iterator[_Entry]:
    for line in io.StringIO(text, newline=None):
        if name := line.strip().removeprefix('"').removesuffix('"'):  # "Copy as path" of Windows
            yield _Entry("", name)


def _csv(path: Path, text: str) -> Iterator[_Entry]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(rows, [])]
        names = [name for name in ("id", "path") if name in header]
        if twice := [name for name in names if header.count(name) > 1]:
            raise InputError(
                f"{shown(str(path))} has the column {twice[0]} twice, expected it once"
            )
        columns = [header.index(name) for name in names]
        if not columns:
            raise InputError(
                f"{shown(str(path))} starts with {','.join(header)[:100]!r}, expected a header "
                "with a column path or id; a list without a header is a .txt"
            )
        for row in filter(None, rows):
            where = f"{shown(str(path))}, line {rows.line_num}"
            if len(row) != len(header):
                raise InputError(f"{where}: {len(row)} columns, expected {len(header)}")
            cells = [row[column].strip() for column in columns]
            if not all(cells):
                raise InputError(f"{where}: an empty id or path")
            yield _Entry(cells[0] if len(cells) == 2 else "", cells[-1])
    except csv.Error as error:
        raise InputError(f"{shown(str(path))} cannot be read as CSV ({error})") from error


def _is_of_masks(text: str) -> bool:
    """Whether a table has a column of run-length strings, as labels and submissions have, and none
    of paths.
    """
    header = {cell.strip() for cell in text.partition("\n")[0].split(",")}
    return table.COLUMNS[1] in header and "path" not in header


def _text(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_LIST_BYTES:
                raise InputError(f"{shown(str(path))} is larger than {MAX_LIST_BYTES} bytes")
            return file.read(MAX_LIST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{shown(str(path))} cannot be read as a list in UTF-8 ({one_line(error)})"
        ) from error
