"""Where a labelled data set lies; :mod:`salt_infer.data.dataset` finds it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

from salt_infer.data.factory import open_tiles
from salt_infer.data.labels import Labels
from salt_infer.data.source import TileSource
from salt_infer.data.zip_archive import TileZip
from salt_infer.masks import table
from salt_infer.system.text import shown

Part = Literal["images", "masks", "unknown"]


@dataclasses.dataclass(frozen=True)
class DatasetLayout:
    """A folder or zip with tiles, and the labels that belong to it.

    Attributes:
        root: the folder or zip.
        images: ``images/``, or ``tiles/``, inside it.
        masks: ``masks/`` beside these, or None. Where there is one, training takes its masks.
        table: a ``train.csv`` beside these, or beside the folder that holds them, be it in the zip
            or outside; or None. Not both are None.
        unknown: ``unknown/`` beside the tiles, or None: masks, of some tiles or all, of pixels for
            which a label does not count.
    """

    root: Path
    images: Path
    masks: Path | None
    table: Path | None
    unknown: Path | None = None

    def open(self, name: Part) -> TileSource:
        """List tiles, masks, or masks of what is unknown.

        Raises:
            InputError: there are none, or two with one id.
        """
        folder = self.images if name == "images" else self.images.with_name(name)
        return open_tiles(folder) if self.root.is_dir() else TileZip(self.root, self._name(folder))

    def labels(self) -> Labels:
        """The labels that training takes.

        Raises:
            InputError: there are no masks in ``masks/``, or two with one id.
            LabelError: the table cannot be read.
        """
        if self.masks is not None:
            return Labels(self.masks, self.open("masks"))
        assert self.table is not None
        return Labels(self.table, rows=self.rows(), called=self._called())

    def _called(self) -> str:
        """A table that lies farther off than the tiles' folder may be of other tiles: it was not
        named, and is taken for want of masks.
        """
        assert self.table is not None
        if self.table.parent == self.images.parent:
            return ""
        place = self.images.parent if self.root in self.table.parents else self.root
        return (
            f"{shown(str(place))} has no masks/; {shown(str(self.table))} beside it, taken as its "
            "labels,"
        )

    def rows(self) -> dict[str, str]:
        """Run-length string of each id in the table; nothing is decoded.

        Raises:
            LabelError: it cannot be read.
        """
        assert self.table is not None
        if self.root.is_dir() or self.root not in self.table.parents:
            return table.read_rows(self.table)
        return table.masks(table.parse(self.table, self.zipped_table(self.table)))

    def zipped_table(self, path: Path) -> bytes:
        """Content of a table in the zip.

        Raises:
            InputError: there are no tiles beside it.
            LabelError: it is not there, or cannot be read.
        """
        with self.open("images") as source:
            assert isinstance(source, TileZip)
            return source.table(self._name(path).rstrip("/"))

    def _name(self, path: Path) -> str:
        """Of a folder, in the zip."""
        return f"{path.relative_to(self.root).as_posix()}/"
