"""Labelled tiles, decoded once into memory (4000 tiles and masks are 82 MB)."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from salt_infer.data import dataset, mismatch
from salt_infer.data.ids import Known
from salt_infer.data.labels import Labels
from salt_infer.data.layout import DatasetLayout
from salt_infer.data.oddities import Odd
from salt_infer.data.tiles import decode_all
from salt_infer.errors import InputError, SaltError
from salt_infer.masks.rle import TILE_SHAPE
from salt_infer.modelfile.learnt import Learnt
from salt_infer.system.text import named, shown
from salt_train.data import pairing
from salt_train.data.soft_labels import SoftLabels
from salt_train.errors import DataError

Images = npt.NDArray[np.uint8]  # [N, 101, 101]


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Tiles with their masks.

    Attributes:
        ids: N ids, sorted.
        tiles: uint8 [N, 101, 101].
        masks: uint8 [N, 101, 101], 0 or 1.
        assumed: ids of tiles that have no label, and whose mask was taken for empty.
        odd: tiles that are, as they were read, see :data:`salt_infer.data.oddities.Odd`.
        soft: what is learnt instead of the masks; None where it is them.
        unknown: uint8 [N, 101, 101], 1 where a mask does not count, and is 0; None where all of
            all masks does.
        dealt: int64 [N], the fold of each tile, where a table says so; else None.
    """

    ids: tuple[str, ...]
    tiles: Images
    masks: Images
    assumed: tuple[str, ...] = ()
    odd: Odd = dataclasses.field(default_factory=dict)
    soft: SoftLabels | None = None
    unknown: Images | None = None
    dealt: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def sha256(self) -> str:
        """Digest of ids, pixels and masks, or what is learnt instead of these."""
        digest = hashlib.sha256("\n".join(self.ids).encode())
        digest.update(np.ascontiguousarray(self.tiles).tobytes())
        digest.update(np.ascontiguousarray(self.masks).tobytes())
        for part in vars(self.soft).values() if self.soft else ():
            digest.update(part.tobytes())
        if self.unknown is not None:
            digest.update(np.ascontiguousarray(self.unknown).tobytes())
        return digest.hexdigest()

    @property
    def has_salt(self) -> npt.NDArray[np.bool_]:
        """Which masks are not empty: bool [N]."""
        return has_salt(self.masks)

    @property
    def told(self) -> npt.NDArray[np.bool_]:
        """Of which tiles it is known whether they have salt: bool [N]. Of others none is known, and
        some pixels are unknown.
        """
        if self.unknown is None:
            return np.ones(len(self), bool)
        return np.asarray(self.has_salt | ~has_salt(self.unknown))

    @property
    def blank(self) -> npt.NDArray[np.bool_]:
        """Which tiles are of one grey value: bool [N]."""
        return np.asarray(self.tiles.min(axis=(1, 2)) == self.tiles.max(axis=(1, 2)))

    @property
    def learnt(self) -> Learnt:
        """What a network has learnt from that was trained on these tiles."""
        return Learnt.of(self.tiles)

    def pixels_in(self, other: Dataset) -> npt.NDArray[np.bool_]:
        """Which tiles have the pixels of a tile of the other, whatever its name: bool [N]."""
        known = {tile.tobytes() for tile in other.tiles}
        return np.array([tile.tobytes() in known for tile in self.tiles], dtype=bool)

    def subset(self, chosen: npt.NDArray[np.bool_]) -> Dataset:
        """The tiles where ``chosen`` (bool [N]) is true."""
        ids = tuple(name for name, keep in zip(self.ids, chosen, strict=True) if keep)
        soft = self.soft.subset(chosen) if self.soft else None
        unknown = None if self.unknown is None else self.unknown[chosen]
        return Dataset(ids, self.tiles[chosen], self.masks[chosen], soft=soft, unknown=unknown)

    def without(self, ids: Collection[str]) -> Dataset:
        """The tiles but for those of some ids, with what was said of the others."""
        left = self.subset(np.array([name not in ids for name in self.ids], dtype=np.bool_))
        odd = {
            kind: [name for name in those if name not in ids] for kind, those in self.odd.items()
        }
        assumed = tuple(name for name in self.assumed if name not in ids)
        return dataclasses.replace(left, assumed=assumed, odd=odd)

    def joined(self, other: Dataset) -> Dataset:
        """These tiles and then the other's."""
        return Dataset(
            self.ids + other.ids,
            np.concatenate([self.tiles, other.tiles]),
            np.concatenate([self.masks, other.masks]),
            soft=self._soft().joined(other._soft()) if self.soft or other.soft else None,
            unknown=_joined_unknown(self, other),
        )

    def _soft(self) -> SoftLabels:
        return self.soft or SoftLabels.of(self.masks)


def _joined_unknown(first: Dataset, second: Dataset) -> Images | None:
    if first.unknown is None and second.unknown is None:
        return None
    return np.concatenate(
        [np.zeros_like(of.masks) if of.unknown is None else of.unknown for of in (first, second)]
    )


def has_salt(masks: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which masks [N, H, W] are not empty: bool [N]."""
    return np.asarray(masks.any(axis=(1, 2)))


def load(path: Path | str, missing_as_empty: bool = False) -> Dataset:
    """Read a labelled data set.

    Args:
        path: what :func:`salt_infer.data.dataset.find` takes.
        missing_as_empty: a tile without a label has no salt.

    Raises:
        InputError: nothing of that kind is there, or two tiles have one id.
        DataError: a tile is unreadable, or a label is missing.
    """
    path = Path(path)
    try:
        place = dataset.find(path)
        with place.open("images") as source, place.labels() as labels:
            ids = tuple(tile.id for tile in source.tiles)
            assumed = _assumed(labels, ids) if missing_as_empty else ()
            if not assumed:
                labels.check(ids, sparse=pairing.SPARSE)  # before the tiles are read
            unknown = _unknown(place, ids)
            tiles, odd = decode_all(path, source, source.tiles)
            masks = _masks(labels, ids, assumed)
            if unknown is not None:
                masks[unknown != 0] = 0
            return Dataset(ids, tiles, masks, assumed, odd, unknown=unknown)
    except (DataError, InputError):
        raise
    except SaltError as error:
        raise DataError(str(error)) from error


def _assumed(labels: Labels, ids: Sequence[str]) -> tuple[str, ...]:
    """Tiles without a label, if each label has its tile: else the two are called differently."""
    missing, strangers = labels.missing(ids), sorted(Known(ids).missing(labels.ids))
    if missing and strangers:
        told = mismatch.missing_labels(labels.called, missing, ids, labels.ids)
        raise DataError(
            f"{told}; none is taken for empty "
            f"while {len(strangers)} labels have no tile, such as {shown(strangers[0])}"
        )
    return tuple(missing)


def _unknown(place: DatasetLayout, ids: Sequence[str]) -> Images | None:
    """Of all tiles; those without a file in the folder have none."""
    if place.unknown is None:
        return None
    with Labels(place.unknown, place.open("unknown")) as labels:
        if strangers := sorted(Known(ids).missing(labels.ids)):
            raise DataError(
                f"{shown(str(place.unknown))} has {len(strangers)} files without a tile, such as "
                f"{shown(strangers[0])}; they are named like the tiles whose pixels are unknown"
            )
        unknown = _masks(labels, ids, labels.missing(ids))
    names = [name for name, pixels in zip(ids, unknown, strict=True) if pixels.all()]
    if names:
        raise DataError(
            f"{len(names)} tiles have no pixel that is known ({named(names)}): they teach nothing, "
            "and every mask would be right; leave them out"
        )
    return unknown


def _masks(labels: Labels, ids: Sequence[str], assumed: Collection[str]) -> Images:
    masks, empty = np.zeros((len(ids), *TILE_SHAPE), dtype=np.uint8), set(assumed)
    known = np.array([name not in empty for name in ids], dtype=bool)
    masks[known] = labels.masks([name for name in ids if name not in empty])
    return masks
