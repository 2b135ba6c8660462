"""Tiles to measure with: as many as wanted, from those that there are."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer.data import png
from salt_infer.data.factory import open_tiles

EXAMPLES = Path(__file__).parents[1] / "examples" / "tiles"


def files(images: Path, count: int | None = None) -> list[bytes]:
    """PNG files of a folder or zip, over and over until there are ``count``; all once if None."""
    with open_tiles(images) as source:
        found = [source.read(tile) for tile in source.tiles[:count]]
    return found if count is None else [found[number % len(found)] for number in range(count)]


def pixels(images: Path, count: int | None = None) -> npt.NDArray[np.uint8]:
    """The same decoded: uint8 [N, 101, 101]."""
    return np.stack([png.decode(data) for data in files(images, count)])


def multiplied(images: Path, count: int, folder: Path) -> Path:
    """A new folder with ``count`` tiles under names of their own, hard links to as many files as
    there are different ones.
    """
    folder.mkdir(parents=True)
    # Outside the folder, or they would count.
    originals = folder.with_name(f"{folder.name}-originals")
    originals.mkdir()
    paths = []
    for number, data in enumerate(files(images)[:count]):
        path = originals / f"{number}.png"
        path.write_bytes(data)
        paths.append(path)
    for number in range(count):
        os.link(paths[number % len(paths)], folder / f"tile-{number:06d}.png")
    return folder
