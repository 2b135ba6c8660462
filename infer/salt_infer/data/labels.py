"""True masks, from a table of run-length strings, a directory of PNG masks, or a zip of them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer.data import mismatch, png
from salt_infer.data.factory import open_tiles
from salt_infer.data.ids import Known
from salt_infer.data.source import TileSource
from salt_infer.errors import InputError, LabelError, RleError, TileError
from salt_infer.masks import rle, table
from salt_infer.masks.table import read_rows as read_rows  # benchmarks look for it here
from salt_infer.system.text import shown

NOT_EVERYWHERE = (
    "there is unknown/ beside these labels, so that they do not count everywhere, and a score "
    "would take unknown pixels for pixels without salt; salt-train scores the fold that it holds "
    "out, and salt-survey score a line"
)
# What libraries and people write where a mask is empty; pandas makes nan of an empty cell.
_NOTHING = {"nan", "none", "null", "na", "n/a", "<na>", "-1", "-1.0", "-", "[]", "0", "empty"}
_PLAIN = set("0123456789 ")
# Numbers as lists of Python, NumPy or R are written, and with other signs between.
_LISTED = re.compile(r"(?:c|array)?[\[({]*[\d\s,;:|]+[\])}]*", re.ASCII)


class Labels(AbstractContextManager["Labels"]):
    """True masks by tile id; a context manager, since a zip stays open."""

    def __init__(
        self,
        path: Path,
        source: TileSource | None = None,
        rows: dict[str, str] | None = None,
        called: str = "",
    ) -> None:
        """Open labels.

        Args:
            path: a ``.csv``, ``.csv.gz`` or ``.parquet`` with columns ``id`` and ``rle_mask``, or
                a directory or zip of PNG masks named like the tiles.
            source: the masks, where they are open already; closed with the labels.
            rows: run-length strings by id, where they are read already.
            called: how a message on missing labels begins; as the path is if empty.

        Raises:
            LabelError: the table cannot be read.
            InputError: no such file, directory or zip, or no masks in it.
        """
        self.path = path
        self.called = called or shown(str(path))
        self._rows = rows or {}
        self._source = source
        if source is None and rows is None:
            if table.kind(path):
                self._rows = read_rows(path)
            else:
                self._source = _open(path)
        self._tiles = {tile.id: tile for tile in self._source.tiles} if self._source else {}
        self._known = Known(self.ids)

    @property
    def ids(self) -> list[str]:
        """The ids that have a label; nothing is decoded."""
        return [*self._tiles, *self._rows]

    def find(self, name: str) -> str | None:
        """A tile's id as it is written here, see :class:`salt_infer.data.ids.Known`; None without a
        label.
        """
        return self._known.find(name)

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Those of the tiles that have no label."""
        return self._known.missing(ids)

    def check(self, ids: Sequence[str], advice: str = "", sparse: str = "") -> None:
        """Raise LabelError unless every one of these tiles has a label; ``advice`` ends it, and
        ``sparse`` is said where it seems that only tiles with salt were given one.
        """
        if missing := self.missing(ids):
            told = mismatch.missing_labels(self.called, missing, ids, self.ids, sparse)
            raise LabelError(told + advice)

    def masks(self, ids: Sequence[str]) -> npt.NDArray[np.uint8]:
        """Masks of the named tiles, in that order: uint8 [N, 101, 101], 0 or 1.

        Raises:
            LabelError: a tile has no label, or one cannot be read.
        """
        self.check(ids)
        masks = np.zeros((len(ids), *rle.TILE_SHAPE), dtype=np.uint8)
        for index, name in enumerate(ids):
            try:
                masks[index] = self._mask(name)
            except (RleError, TileError) as error:
                raise LabelError(f"{self.path}: label of {shown(name)}: {error}") from error
        return masks

    def _mask(self, name: str) -> npt.NDArray[np.uint8]:
        written = self._known.find(name) or name
        if self._source is None:
            return decoded(self._rows[written])
        return png.decode_mask(self._source.read(self._tiles[written]))

    def folders(self) -> set[Path]:
        """Those that the masks' files lie in; none of a CSV or zip."""
        return self._source.folders() if self._source else set()

    def __exit__(self, *exception: object) -> None:
        if self._source is not None:
            self._source.close()


def _open(path: Path) -> TileSource:
    if not os.path.lexists(path):
        raise InputError(
            f"{shown(str(path))} does not exist; expected true masks: a table of id,rle_mask "
            f"({', '.join(table.ENDINGS)}), or a directory or .zip of PNG masks"
        )
    return open_tiles(path)


def decoded(text: str) -> npt.NDArray[np.uint8]:
    """A mask of a run-length string: uint8 [101, 101], 0 or 1.

    Raises:
        RleError: it is none; says how to write what other programs write otherwise.
    """
    try:
        return rle.decode(text)
    except RleError as error:
        if text.strip().strip("'\"").lower() in _NOTHING:
            raise RleError(f"{text!r} is no mask; an empty mask is an empty cell") from error
        if text.split()[1:] == ["0"]:  # a run of no pixels
            raise RleError(f"{error}; an empty mask is an empty cell") from error
        if "." in text and all(map(_is_whole, text.split())):
            raise RleError(f"{error}: write whole numbers, such as 1 5 for 1.0 5.0") from error
        if not set(text) <= _PLAIN and _LISTED.fullmatch(text.strip()):
            raise RleError(f"{error}: write numbers and spaces alone, such as 1 5") from error
        raise


def _is_whole(text: str) -> bool:
    try:
        return float(text).is_integer()
    except ValueError:
        return False
