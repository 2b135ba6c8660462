"""Which tiles a network has learnt from: what a score on them is worth depends on it.

A tile is known by a fingerprint of its pixels, however its file is written and called: 64 bits, two
CRC-32s, of its grey values along the rows and along the columns. Tiles of one grey value, of which
every survey has some, have none: that they are alike says nothing.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from salt_infer.errors import ContractError
from salt_infer.system.digest import checksums

METADATA_KEY = "salt.learnt"
VERSION = 1
_STORED = np.dtype("<u8")

Fingerprints = npt.NDArray[np.uint64]


@dataclasses.dataclass(frozen=True, eq=False)
class Learnt:
    """Tiles that a network has learnt from, be it itself, by what it started from or by what
    labelled for it.

    Attributes:
        fingerprints: uint64 [N], ascending, each once.
        complete: these are all; false where something that it learnt from does not say.
    """

    fingerprints: Fingerprints
    complete: bool

    @classmethod
    def of(cls, tiles: npt.NDArray[np.uint8]) -> Self:
        """Of tiles uint8 [N, 101, 101], and no others."""
        return cls(np.unique(_fingerprints(tiles)[~_blank(tiles)]), complete=True)

    def joined(self, *others: Learnt) -> Learnt:
        """These tiles and those of others."""
        every = (self, *others)
        found = np.unique(np.concatenate([each.fingerprints for each in every]))
        return Learnt(found, all(each.complete for each in every))

    def among(self, tiles: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """Which of tiles uint8 [N, 101, 101] it has learnt from: bool [N]."""
        return np.asarray(np.isin(_fingerprints(tiles), self.fingerprints) & ~_blank(tiles))

    def among_checksums(self, crc32: Sequence[str]) -> npt.NDArray[np.bool_]:
        """The same of tiles of which the checksum alone is known, see
        :func:`salt_infer.system.digest.checksums`; empty where it is not: bool [N]. Of a million
        tiles, with a thousand that were learnt, a wrong one is taken for learnt once in four times.
        """
        known = np.array([bool(each) for each in crc32], dtype=bool)
        own = np.array([int(each or "0", 16) for each in crc32], dtype=np.uint64)
        return np.asarray(np.isin(own, self.fingerprints >> np.uint64(32)) & known)

    def to_text(self) -> str:
        """As JSON: the same tiles always give the same text."""
        packed = base64.b64encode(self.fingerprints.astype(_STORED).tobytes()).decode()
        value = {"version": VERSION, "complete": self.complete, "fingerprints": packed}
        return json.dumps(value, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """What :meth:`to_text` gave.

        Raises:
            ContractError: it is anything else.
        """
        try:
            value = json.loads(text)
            if value["version"] != VERSION or not isinstance(value["complete"], bool):
                raise ValueError(f"version {value['version']!r}, expected {VERSION}")
            data = base64.b64decode(value["fingerprints"], validate=True)
            found = np.frombuffer(data, _STORED).astype(np.uint64)
            if (found[1:] <= found[:-1]).any():
                raise ValueError("fingerprints that do not ascend")
            return cls(found, value["complete"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ContractError(
                f"{METADATA_KEY} is not what salt-export writes ({error!r}); export the checkpoint "
                "anew"
            ) from error

    def words(self) -> str:
        """For people."""
        count = len(self.fingerprints)
        if self.complete:
            return f"{count} tiles, those of one grey value not counted"
        return f"{count} tiles and others, which are not known" if count else "not known"


UNKNOWN = Learnt(np.zeros(0, np.uint64), complete=False)


def _fingerprints(tiles: npt.NDArray[np.uint8]) -> Fingerprints:
    rows = np.array([int(each, 16) for each in checksums(tiles)], dtype=np.uint64)
    columns = [int(each, 16) for each in checksums(tiles.transpose(0, 2, 1))]
    return rows << np.uint64(32) | np.array(columns, dtype=np.uint64)


def _blank(tiles: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    return np.asarray((tiles == tiles[:, :1, :1]).all(axis=(1, 2)))
