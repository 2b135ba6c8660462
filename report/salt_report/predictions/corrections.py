"""Tiles for an interpreter to correct: a folder of images and masks, as ``salt-train`` takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer.data import dataset, png
from salt_infer.errors import OutputExistsError, UsageError
from salt_infer.system.location import real
from salt_infer.system.output_checks import check_folder_place, overlap
from salt_infer.system.text import shown
from salt_report.predictions.overview import DOUBT, Look

SALT = np.uint8(255)


def check(folder: Path) -> None:
    """Fail where the folder cannot be put; one that is there may hold corrected masks, and is never
    replaced.

    Raises:
        OutputExistsError: it is there, and not empty.
        InputError: it is no directory, or cannot be put there.
    """
    if check_folder_place(folder) and any(real(folder).iterdir()):
        raise OutputExistsError(
            f"{folder} is not empty: it may hold masks that were corrected; name another folder"
        )


def check_apart(folder: Path, others: Sequence[Path]) -> None:
    """Raise UsageError where the folder and another path lie in each other: tiles are looked for in
    all of a folder, and would be found twice.
    """
    for other in others:
        if overlap(folder, other):
            raise UsageError(f"{folder} and {other} lie in each other; keep them apart")


def ids_of(corrected: Sequence[Path]) -> frozenset[str]:
    """Ids of the tiles of data sets that were corrected before.

    Raises:
        InputError: one is no data set.
    """
    names = set[str]()
    for path in corrected:
        with dataset.find(path).open("images") as source:
            names |= {tile.id for tile in source.tiles}
    return frozenset(names)


def chosen(found: Look) -> list[str]:
    """Ids of the least sure tiles, the least sure first.

    Raises:
        UsageError: there are none to be told.
    """
    for choice in found.choices:
        if choice.section == DOUBT:
            return list(choice.known.index)
    if found.corrected and len(found.corrected) == found.overview.tiles - found.overview.unread:
        raise UsageError(f"all tiles of {found.submission.path} were corrected before")
    raise UsageError(
        f"{found.submission.path} does not say of which tiles the model is least sure; write it "
        "with salt-infer --details, and have some shown (--tiles)"
    )


def write(
    folder: Path, ids: Sequence[str], tiles: Mapping[str, npt.NDArray[np.uint8]], found: Look
) -> None:
    """Write ``images/`` and ``masks/`` with an 8-bit ``id.png`` each, 255 where salt was found.

    Raises:
        UsageError: an id is no name of a file.
    """
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    for name in ids:
        if not name or Path(name).name != name or not name.isprintable():
            raise UsageError(f"the tile {shown(name)} has no name that a file could have")
        mask = found.submission.masks[found.places[name]] * SALT
        (folder / "images" / f"{name}.png").write_bytes(png.encode(tiles[name]))
        (folder / "masks" / f"{name}.png").write_bytes(png.encode(mask))
