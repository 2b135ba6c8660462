"""The folder that ``salt-survey tiles`` writes: images/ and masks/ for ``salt-train``, unknown/ of
tiles with pixels that are, and a table that says where each tile is from.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from salt_infer.data import cut_tiles, png
from salt_infer.errors import InputError, OutputExistsError, UsageError
from salt_infer.system import output_checks
from salt_infer.system.location import real
from salt_survey.sections.tiling import WHITE, Grey
from salt_survey.tiles.cutting import Cut

_FOLDERS, _UNKNOWN = ("images", "masks"), "unknown"
_LONGEST = 80  # characters of a survey's name in those of its tiles


class CutLine(NamedTuple):
    """A line's tiles.

    Attributes:
        name: of the line.
        mark: of its amplitudes and how they are shown, for file names: another survey's line, or
            the same at another zoom, has another.
        tiles: in the order of their places.
    """

    name: str
    mark: str
    tiles: tuple[Cut, ...]


def check(out: Path, inputs: Sequence[Path | None], overwrite: bool) -> None:
    """Fail where the folder cannot be written: what is there is replaced as a whole.

    Args:
        out: the folder.
        inputs: what is read.
        overwrite: a folder that :func:`write` has written is replaced.

    Raises:
        UsageError: it holds what is read, or lies in it.
        InputError: it is no directory or holds anything else; or none can be put there.
        OutputExistsError: it is not empty, and ``overwrite`` is false.
    """
    target = real(out)
    for path in inputs:
        if path is not None and output_checks.overlap(out, path):
            raise UsageError(f"{out} and {path}, which is read, lie in each other; name another")
    if not output_checks.check_folder_place(out) or not any(target.iterdir()):
        return
    if other := _other(target):
        raise InputError(
            f"{out} holds {other!r}, which salt-survey tiles has not written: it is replaced as a "
            "whole; name a folder of its own"
        )
    if not overwrite:
        raise OutputExistsError(f"{out} is not empty; give --overwrite to replace all of it")


def _other(folder: Path) -> str:
    """The name of something in a folder that is not of :func:`write`; empty where all is."""
    there = {entry.name for entry in folder.iterdir()}
    if strange := sorted(there - {*_FOLDERS, _UNKNOWN, cut_tiles.TABLE}):
        return strange[0]
    if (lines := cut_tiles.lines_in(folder)) is None:
        return sorted(there)[0]
    ours = {f"{name}.png" for name in lines}
    folders = there & {*_FOLDERS, _UNKNOWN}
    files = (entry for name in sorted(folders) for entry in (folder / name).iterdir())
    return next((entry.name for entry in files if entry.name not in ours), "")


def write(folder: Path, survey: str, lines: Sequence[CutLine]) -> None:
    """Write tiles, their masks, what is unknown of these, and the table.

    Args:
        folder: an empty one.
        survey: its name, for those of tiles.
        lines: what was cut of each.

    Raises:
        OSError: the disk is full.
    """
    any_unknown = any(tile.unknown.any() for line in lines for tile in line.tiles)
    for name in (*_FOLDERS, _UNKNOWN) if any_unknown else _FOLDERS:
        (folder / name).mkdir()
    with open(folder / cut_tiles.TABLE, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(cut_tiles.COLUMNS)
        for line in lines:
            for tile in line.tiles:
                identity = f"{_name(survey)}-{line.name}-{line.mark}-{tile.name}"
                for name, pixels in _pictures(tile).items():
                    (folder / name / f"{identity}.png").write_bytes(png.encode(pixels))
                way = "reversed" if tile.reversed else "normal"
                share = f"{tile.mask.mean():.4f}"
                table.writerow((identity, line.name, tile.row, tile.column, way, share))


def _pictures(tile: Cut) -> dict[str, Grey]:
    """By the folder that each belongs into."""
    pictures = dict(zip(_FOLDERS, (tile.grey, tile.mask * WHITE), strict=True))
    return pictures | ({_UNKNOWN: tile.unknown * WHITE} if tile.unknown.any() else {})


def _name(survey: str) -> str:
    """A survey's name in letters that every file system has, and no table has to quote."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", survey).strip("._")
    return plain[:_LONGEST] or "survey"
