"""What tells files, and tiles, from others: the sha256 of the one, the CRC-32 of the other."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt


def of_file(path: Path) -> str:
    """Hex digest of what is in a file, which need not fit into memory; raises OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums(pixels: npt.NDArray[np.uint8]) -> list[str]:
    """CRC-32 of each tile's grey values, row by row, as eight hexadecimal digits.

    It tells a tile from another of the same name, however the file was written. Against somebody
    who wants two tiles to have the same one it is no help.

    Args:
        pixels: uint8 [N, 101, 101].
    """
    return [f"{zlib.crc32(tile.tobytes()):08x}" for tile in pixels]
