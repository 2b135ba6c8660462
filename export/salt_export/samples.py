"""Some tiles out of many, the same ones every time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_export.parity import Tiles
from salt_export.tolerances import LEAST_DIFFERENT
from salt_infer.data.dataset import open_images, open_labels
from salt_infer.data.source import Tile, TileSource
from salt_infer.data.tiles import decode_all
from salt_infer.errors import BadTilesError
from salt_infer.masks.coverage import coverage_class
from salt_infer.modelfile.learnt import Learnt
from salt_infer.system.text import shown
from salt_train.errors import DataError


def evenly(total: int, count: int) -> npt.NDArray[np.int64]:
    """At most ``count`` of ``total`` indices, ascending, as far apart as they can be."""
    count = min(total, count)
    return np.arange(count) * total // max(1, count)


def read(path: Path, labels: Path | None, count: int) -> tuple[Tiles, Tiles | None]:
    """Tiles of a folder or zip, evenly from among all, with their masks where there are labels.

    Args:
        path: directory or zip.
        labels: what salt-infer's ``--labels`` takes, or None.
        count: at most so many.

    Returns:
        uint8 [N, 101, 101] twice, or None instead of masks.

    Raises:
        DataError: a tile is bad.
        LabelError: a tile has no label.
    """
    with open_images(path) as source:
        chosen = [source.tiles[index] for index in evenly(len(source.tiles), count)]
        tiles = _decoded(path, source, chosen)
    if labels is None:
        return tiles, None
    with open_labels(labels) as masks:
        return tiles, masks.masks([tile.id for tile in chosen])


def _decoded(path: Path, source: TileSource, chosen: Sequence[Tile]) -> Tiles:
    """A bad tile among these is no fault of a run over tiles, and has not its exit code."""
    try:
        return decode_all(path, source, chosen).pixels
    except BadTilesError as error:
        raise DataError(str(error)) from error


def check_different(path: Path, tiles: Tiles) -> None:
    """Raise DataError where too few of a path's tiles are different: neither do tiles of one grey
    value prove a file, nor ranges that were measured on them hold for others.
    """
    different = len(Learnt.of(tiles).fingerprints)
    expected = min(LEAST_DIFFERENT, math.ceil(len(tiles) / 2))
    if different < expected:
        raise DataError(
            f"{different} of {len(tiles)} tiles of {shown(str(path))} are different and of more "
            f"than one grey value, expected at least {expected}; give others to calibrate and to "
            "verify on"
        )


def stratified(tiles: Tiles, masks: npt.NDArray[np.bool_], count: int) -> Tiles:
    """At most ``count`` tiles, evenly over the coverage of their masks, in their order."""
    order = np.argsort(coverage_class(masks), kind="stable")
    chosen = np.sort(order[evenly(len(tiles), count)])
    return np.ascontiguousarray(tiles[chosen])
