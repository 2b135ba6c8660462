"""Chunks of a Zarr, read when they are whole.

Blosc says in a chunk how long it is, and numcodecs reads as far as that, in a chunk that was cut
beyond its end too: what lies there in memory is as a rule refused, and may be amplitudes that were
there before.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_HEADER, _LENGTH = 16, slice(12, 16)  # bytes: c-blosc's README_CHUNK_FORMAT.rst


def read(array: Any, *places: slice) -> npt.NDArray[Any]:
    """Part of an array, of a Zarr or in memory.

    Args:
        array: of any type of numbers.
        places: along each of its axes; all of it without any.

    Raises:
        ValueError: a chunk is shorter than it says.
    """
    places = places or (slice(None),) * len(array.shape)
    if _is_blosc(array):
        for chunk in _chunks(array, places):
            _check_whole(chunk)
    return np.asarray(array[places])


def _is_blosc(array: Any) -> bool:
    """Files are what Blosc made of chunks; parts of shards have a checksum in their index."""
    packed: tuple[object, ...] = getattr(array, "compressors", ())
    return (
        bool(packed)
        and "Blosc" in type(packed[-1]).__name__
        and array.shards is None
        and hasattr(array.store, "root")
    )


def _chunks(array: Any, places: tuple[slice, ...]) -> list[Path]:
    """Files of the chunks that part of an array lies in; some may not be there."""
    ranges = []
    for place, length, size in zip(places, array.shape, array.chunks, strict=True):
        first, last, _ = place.indices(length)
        ranges.append(range(first // size, -(-last // size)))
    folder = Path(array.store.root, array.path)
    return [folder / array.metadata.encode_chunk_key(at) for at in itertools.product(*ranges)]


def _check_whole(chunk: Path) -> None:
    try:
        with chunk.open("rb") as file:
            said = int.from_bytes(file.read(_HEADER)[_LENGTH], "little")
            size = file.seek(0, 2)
    except FileNotFoundError:
        return  # full of the fill value
    if size < max(_HEADER, said):
        raise ValueError(f"chunk {chunk.name} is {size} bytes of {max(_HEADER, said)}")
