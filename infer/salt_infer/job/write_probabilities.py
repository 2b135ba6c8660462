"""The probabilities of a run: one ``.npz``, or a folder with an ``.npy`` a tile.

Probabilities are uint8, 255 for 1.0: off by up to 1/510, at a quarter of the size of float32.

===============  ==========================  ====================================================
member of .npz   dtype and shape
===============  ==========================  ====================================================
``ids``          ``<U``, [N]                 of the tiles, ascending, as in the submission
``pixel_salt``   uint8, [N, 101, 101]        that a pixel is salt: ``salt`` times ``probability``,
                                             or, without a judge, ``probability`` itself
``probability``  uint8, [N, 101, 101]        that a pixel is salt if the tile has any; 0 where the
                                             gate found none
``salt``         float32, [N]                that the tile has any; NaN where it was not read
``threshold``    float32, []                 above which the run took a pixel for salt
``gate``         float32, []                 above which ``salt`` had to be for any
===============  ==========================  ====================================================

``threshold`` is compared with ``probability``, which means nothing by itself where there is no
salt: it was learnt from tiles with salt alone. An ``.npy`` is the tile's ``pixel_salt``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from salt_infer.execution.results import Row
from salt_infer.masks.decision import Decision
from salt_infer.masks.rle import TILE_SHAPE

ENDING = ".npy"

_LEVEL = 1  # deflate: most of a map is 0 or 255, and higher levels gain little


def write_folder(folder: Path, rows: Iterable[Row]) -> None:
    """Write ``id.npy`` for each row: its ``pixel_salt``, uint8 [101, 101]."""
    for row in rows:
        with open(folder / f"{row.id}{ENDING}", "xb") as file:
            np.save(file, row.pixel_salt(), allow_pickle=False)


def write_npz(file: IO[bytes], rows: Callable[[], Iterator[Row]], decision: Decision) -> None:
    """Write a compressed ``.npz``; the same rows give the same bytes.

    Args:
        file: to write to.
        rows: gives them anew at each call: members of a zip are written one after the other, and
            what they hold is larger than the memory.
        decision: the run's.
    """
    count, longest = 0, 1
    for row in rows():
        count, longest = count + 1, max(longest, len(row.id))
    name = np.dtype(f"<U{longest}")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        _add(archive, "ids", name, (count,), (np.array(row.id, name) for row in rows()))
        maps = (row.probability() for row in rows())
        _add(archive, "probability", np.dtype(np.uint8), (count, *TILE_SHAPE), maps)
        maps = (row.pixel_salt() for row in rows())
        _add(archive, "pixel_salt", np.dtype(np.uint8), (count, *TILE_SHAPE), maps)
        salt = (np.array(row.salt, "<f4") for row in rows())
        _add(archive, "salt", np.dtype("<f4"), (count,), salt)
        for each, value in (("threshold", decision.threshold), ("gate", decision.gate)):
            _add(archive, each, np.dtype("<f4"), (), [np.array(value, "<f4")])


def _add(
    archive: zipfile.ZipFile,
    name: str,
    kind: np.dtype[np.generic],
    shape: Sequence[int],
    items: Iterable[npt.NDArray[np.generic]],
) -> None:
    """Write an array to a member, item by item; the format is that of NumPy's ``lib.format``."""
    header = {
        "descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": tuple(shape)
    }  # fmt: skip
    # Under a name alone, a member's date is always the same.
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        for item in items:
            member.write(item.tobytes())
