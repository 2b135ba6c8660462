"""Byte order of headers and samples."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

Endian = Literal["big", "little"]
_SIGN = {"big": ">", "little": "<"}


def dtype(kind: str, endian: Endian) -> np.dtype[Any]:
    """A numpy type such as ``i4`` in a byte order."""
    return np.dtype(_SIGN[endian] + kind)
