"""A folder of mask images."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from salt_infer.data import png
from salt_infer.execution.results import Row
from salt_infer.masks import rle

ENDING = ".png"


def write(folder: Path, rows: Iterable[Row]) -> None:
    """Write ``id.png`` for each row: 8-bit grey of 101x101 pixels, 255 where there is salt."""
    for row in rows:
        mask = rle.decode(row.rle) * np.uint8(255)
        with open(folder / f"{row.id}{ENDING}", "xb") as file:
            file.write(png.encode(mask))
