"""One finished group of tiles: what the journal keeps of it, and the rows that it gives."""

from __future__ import annotations

import dataclasses
import functools
import json
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from salt_infer.data.oddities import Odd
from salt_infer.data.source import BadTile, Tile
from salt_infer.errors import JournalError
from salt_infer.execution.decoding import Decoded
from salt_infer.masks import rle
from salt_infer.masks.rle import TILE_SHAPE
from salt_infer.predictor.prediction import Decided
from salt_infer.system.digest import checksums

Map = npt.NDArray[np.uint8]  # [101, 101], a tile's probabilities in 1/255

_FLOAT = np.dtype("<f4")
_PIXELS = TILE_SHAPE[0] * TILE_SHAPE[1]


class Row(NamedTuple):
    """One row of the output.

    Attributes:
        id: of the tile.
        rle: its run-length string.
        salt: 0..1; NaN where the tile could not be read.
        confidence: 0..1; 0 where the tile could not be read, ``salt`` where it was not asked for.
        crc32: of its pixels; empty where the tile could not be read, or it was not asked for.
        group: where it comes from.
        position: in the group, or -1 where the tile could not be read.
    """

    id: str
    rle: str
    salt: float
    confidence: float
    crc32: str
    group: FinishedGroup
    position: int

    def probability(self) -> Map:
        """Probabilities of the pixels if the tile has salt; all 0 where the gate found none, or
        nothing was read.
        """
        return self.group.probability_of(self.position)

    def pixel_salt(self) -> Map:
        """Probabilities that a pixel is salt, whether or not the tile has any."""
        if not self.group.judged:
            return self.probability()
        return quantised(self.probability() * np.float32(self.salt / 255))


@dataclasses.dataclass(frozen=True)
class FinishedGroup:
    """A group that has gone through the model.

    Attributes:
        number: of the group, as :mod:`salt_infer.execution.pipeline` counts them.
        stamp: of its tiles when they were read.
        ids: of the tiles that could be read.
        rle: their run-length strings.
        salt: float32 [N], 0..1.
        confidence: float32 [N], see :mod:`salt_infer.predictor.confidence`; None where it was not
            asked for or no tile could be read.
        kept: places among ``ids`` of those that passed the gate, if probabilities are kept.
        maps: their probabilities in 1/255, uint8 [K, 101, 101] in C order, compressed by zlib.
        bad: the group's tiles that could not be read.
        odd: those of the others that are, see :data:`salt_infer.data.oddities.Odd`.
        crc32: of the pixels of ``ids``, see :func:`salt_infer.system.digest.checksums`; None where
            they were not asked for or no tile could be read.
        judged: the model has a judge, see :class:`salt_infer.predictor.prediction.Prediction`.
    """

    number: int
    stamp: str
    ids: list[str]
    rle: list[str]
    salt: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32] | None
    kept: list[int]
    maps: bytes
    bad: list[BadTile]
    odd: Odd = dataclasses.field(default_factory=dict)
    crc32: list[str] | None = None
    judged: bool = True

    @classmethod
    def of(
        cls, decoded: Decoded, decided: Decided | None,
        confidence: npt.NDArray[np.float32] | None = None, probabilities: bool = False,
        crc32: bool = False,
    ) -> Self:  # fmt: skip
        """A group after the last step.

        Args:
            decoded: its tiles.
            decided: their masks; None where no tile could be read.
            confidence: of each, if it was asked for.
            probabilities: keep those in ``decided``, which has them then.
            crc32: work out the tiles' checksums, which takes as long as what else is done here.
        """
        number, stamp, ids, tiles, bad, odd = decoded
        if decided is None:
            return cls(number, stamp, [], [], np.zeros(0, np.float32), None, [], b"", bad)
        texts = [""] * len(ids)
        for place, text in zip(decided.kept.tolist(), rle.encode(decided.masks), strict=True):
            texts[place] = text
        kept = decided.kept.tolist() if probabilities else []
        maps = _maps(decided) if probabilities else b""
        sums = checksums(tiles) if crc32 else None
        return cls(
            number, stamp, ids, texts, decided.salt, confidence, kept, maps, bad, odd, sums,
            decided.judged,
        )  # fmt: skip

    @property
    def tiles(self) -> int:
        return len(self.ids) + len(self.bad)

    def entries(self, empty: bool) -> list[Row]:
        """Rows sorted by id.

        Args:
            empty: give tiles that could not be read an empty mask. One whose name no CSV can hold
                gets no row either; the report still names it.
        """
        salt = self.salt.tolist()
        sure = salt if self.confidence is None else self.confidence.tolist()
        sums = self.crc32 or [""] * len(self.ids)
        rows = [
            Row(name, self.rle[place], salt[place], sure[place], sums[place], self, place)
            for place, name in enumerate(self.ids)
        ]
        if not empty or not self.bad:
            return rows
        unread = [bad.tile.id for bad in self.bad if bad.tile.id.isprintable()]
        rows += [Row(name, "", float("nan"), 0.0, "", self, -1) for name in unread]
        return sorted(rows, key=lambda row: row.id)

    def probability_of(self, place: int) -> Map:
        """uint8 [101, 101] of one of ``ids``."""
        index = self._index.get(place)
        return np.zeros(TILE_SHAPE, np.uint8) if index is None else self._unpacked[index]

    @functools.cached_property
    def _index(self) -> dict[int, int]:
        return {place: index for index, place in enumerate(self.kept)}

    @functools.cached_property
    def _unpacked(self) -> npt.NDArray[np.uint8]:
        expected = len(self.kept) * _PIXELS
        try:
            data = zlib.decompressobj().decompress(self.maps, expected)
            return np.frombuffer(data, np.uint8).reshape(len(self.kept), *TILE_SHAPE)
        except (zlib.error, ValueError) as error:
            raise JournalError(f"probabilities of group {self.number}: {error}") from error

    def pack(self) -> tuple[bytes, bytes]:
        """Text and data, for :meth:`unpack`."""
        text = {
            "stamp": self.stamp,
            "ids": self.ids,
            "rle": self.rle,
            "bad": [[bad.tile.id, bad.tile.path, bad.reason] for bad in self.bad],
            "details": self.confidence is not None,
            "kept": self.kept,
            "odd": self.odd,
            "crc32": self.crc32,
            "judged": self.judged,
        }
        return json.dumps(text).encode(), b"".join(self._data())

    def _data(self) -> Iterator[bytes]:
        yield self.salt.astype(_FLOAT).tobytes()
        if self.confidence is not None:
            yield self.confidence.astype(_FLOAT).tobytes()
        yield self.maps

    @classmethod
    def unpack(cls, number: int, text: bytes, data: bytes) -> Self:
        """What :meth:`pack` gave.

        Raises:
            JournalError: it is not that.
        """
        try:
            value = json.loads(text)
            count = len(value["ids"])
            salt = np.frombuffer(data, _FLOAT, count)
            sure = np.frombuffer(data, _FLOAT, count, count * 4) if value["details"] else None
            maps = data[count * (4 if sure is None else 8) :]
            bad = [BadTile(Tile(name, path), reason) for name, path, reason in value["bad"]]
            if len(value["rle"]) != count:
                raise ValueError(f"{len(value['rle'])} masks of {count} tiles")
            sums = value.get("crc32")
            if sums is not None and len(sums) != count:
                raise ValueError(f"{len(sums)} checksums of {count} tiles")
            return cls(
                number, value["stamp"], value["ids"], value["rle"], salt, sure, value["kept"], maps,
                bad, _odd(value.get("odd", {})), sums, bool(value.get("judged", True)),
            )  # fmt: skip
        except (ValueError, KeyError, TypeError) as error:
            raise JournalError(f"group {number} of the journal cannot be read ({error})") from error


def _odd(value: Any) -> Odd:
    if not isinstance(value, dict) or not all(isinstance(ids, list) for ids in value.values()):
        raise ValueError(f"odd tiles {value!r}"[:99])
    return value


def _maps(decided: Decided) -> bytes:
    assert decided.probability is not None, "the model was asked for masks alone"
    return zlib.compress(quantised(decided.probability).tobytes(), 1)


def quantised(probability: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Probabilities 0..1 in 1/255, rounded to the nearest; NaN becomes 0. Any shape."""
    scaled = np.nan_to_num(probability * np.float32(255.0))
    return np.asarray(np.rint(scaled.clip(0, 255)), dtype=np.uint8)
