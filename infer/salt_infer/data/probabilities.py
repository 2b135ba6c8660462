"""A network's probabilities of many tiles: an ``.npz`` from whoever sent it.

Three arrays: ``ids`` (text) [N], ``probability`` [N, 101, 101] (uint8, of which 255 means 1.0, or
float16 or float32 in 0..1), that a pixel is salt if the tile has any, ``salt`` (float) [N], the
judge's probability that it has. ``pixel_salt``, their product (without a judge, ``probability``
again), is passed over: thresholds are compared with ``probability``, as masks are made.
``threshold`` and ``gate``, a float each, may say what masks were made with. ``validation.npz`` of
``salt-train`` is such a file. Nothing is allocated before the headers are known to be of such
arrays, of sizes that are bounded; nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import dataclasses
import lzma
import math
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from salt_infer.data.ids import Known
from salt_infer.data.zip_archive import METHODS
from salt_infer.errors import InputError, LabelError
from salt_infer.masks.rle import TILE_SHAPE
from salt_infer.system.text import listed, named

MAX_TILES = 50_000  # the competition has 22,000
MAX_ID = 255  # characters: file names have no more
BLOCK = 256  # tiles looked at together

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class _Kind(NamedTuple):
    """What an array has to be: its axes after the first, and its type in words and as a test."""

    axes: tuple[int, ...]
    types: str
    is_right: Callable[[np.dtype[Any]], bool]


_KINDS = {
    "ids": _Kind(
        (), f"text of up to {MAX_ID} characters",
        lambda dtype: dtype.kind == "U" and dtype.isnative and dtype.itemsize <= 4 * MAX_ID,
    ),
    "probability": _Kind(
        TILE_SHAPE, "uint8, float16 or float32",
        lambda dtype: f"{dtype.kind}{dtype.itemsize}" in ("u1", "f2", "f4"),
    ),
    "salt": _Kind(
        (), "float16, float32 or float64",
        lambda dtype: f"{dtype.kind}{dtype.itemsize}" in ("f2", "f4", "f8"),
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Probabilities:
    """Probabilities of N tiles.

    Attributes:
        probability: [N, 101, 101], uint8 0..255, or float16 or float32 0..1.
        salt: float64 [N], the judge's probability 0..1; NaN for a tile that the model has not seen.
        threshold, gate: 0..1, of whoever wrote the file; None where it does not say.
    """

    probability: npt.NDArray[Any]
    salt: npt.NDArray[np.float64]
    threshold: float | None = None
    gate: float | None = None

    def __len__(self) -> int:
        return len(self.salt)

    def blocks(self) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
        """The tiles in order, some at a time, as float32 0..1."""
        whole = 255 if self.probability.dtype == np.uint8 else 1
        for start in range(0, len(self), BLOCK):
            part = slice(start, start + BLOCK)
            yield part, self.probability[part].astype(np.float32) / np.float32(whole)

    @classmethod
    def load(cls, path: Path, ids: Sequence[str]) -> Self:
        """Read the probabilities of those tiles, in that order; the file may have others too.

        Raises:
            InputError: there is no such file.
            LabelError: the file is damaged, lacks an array or a tile, or an array is of another
                kind or size than expected or has numbers out of range.
        """
        with _reporting(path), zipfile.ZipFile(path) as archive:
            names = _text(_read(archive, "ids"))
            probability, salt = _read(archive, "probability"), _read(archive, "salt")
            threshold, gate = _share(archive, "threshold"), _share(archive, "gate")
        if not len(names) == len(probability) == len(salt):
            raise LabelError(
                f"{path} has {len(names)} ids, {len(probability)} tiles of probability and "
                f"{len(salt)} of salt, expected as many of each"
            )
        rows = _rows(path, names, ids)
        chosen = cls(probability[rows], salt[rows].astype(np.float64), threshold, gate)
        chosen._check_range(path, ids)
        return chosen

    def _check_range(self, path: Path, ids: Sequence[str]) -> None:
        wrong = ~(np.isnan(self.salt) | ((self.salt >= 0) & (self.salt <= 1)))
        for part, block in self.blocks():
            # Written so that NaN is wrong too.
            wrong[part] |= ~((block >= 0) & (block <= 1)).all(axis=(1, 2))
        if wrong.any():
            faults = [(ids[index], "not within 0..1") for index in np.flatnonzero(wrong).tolist()]
            raise LabelError(
                f"{path}: {len(faults)} of {len(ids)} tiles have numbers that are no "
                f"probabilities:{listed(faults)}"
            )


@contextlib.contextmanager
def _reporting(path: Path) -> Iterator[None]:
    """All that a damaged zip or array can raise, as one kind of error."""
    if path.is_dir():
        raise LabelError(
            f"{path} is a folder, expected one .npz: that has the judge's probabilities too, so "
            "write salt-infer --probabilities FILE.npz"
        )
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except (
        OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError,
        RuntimeError, NotImplementedError,
    ) as error:  # fmt: skip
        raise LabelError(
            f"{path} cannot be read as .npz of ids, probability and salt ({error})"
        ) from error


def _read(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """One array, read only if its header says that it is of the right kind and size."""
    if f"{name}.npy" not in archive.namelist():
        raise ValueError(f"there is no array {name!r} in it")
    with _member(archive, name) as stream:
        shape, fortran, dtype = _header(stream)
        _check(name, shape, dtype)
        size = math.prod(shape) * dtype.itemsize
        data = stream.read(size)
        if len(data) != size or stream.read(1):
            raise ValueError(f"{name} does not have the {size} bytes that its header says")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """An array's file; raises ValueError where it would be unpacked without a limit."""
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type not in METHODS:
        raise ValueError(f"{name} is not stored or deflated, as numpy.savez has it")
    return archive.open(entry)


def _share(archive: zipfile.ZipFile, name: str) -> float | None:
    """A number of its own in 0..1; None where the file has none."""
    if f"{name}.npy" not in archive.namelist():
        return None
    with _member(archive, name) as stream:
        shape, _, dtype = _header(stream)
        if shape or f"{dtype.kind}{dtype.itemsize}" not in ("f4", "f8"):
            raise ValueError(f"{name} is {dtype} {list(shape)}, expected a single float32")
        value = float(np.frombuffer(stream.read(dtype.itemsize), dtype, count=1)[0])
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}, expected 0 to 1")
    return value


def _check(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    axes, types, is_right = _KINDS[name]
    are_tiles = len(shape) > 0 and shape[1:] == axes
    if are_tiles and shape[0] > MAX_TILES:
        raise ValueError(
            f"{name} is of {shape[0]} tiles, and no more than {MAX_TILES} are read at once: run "
            "parts of the tiles, each to a file of its own"
        )
    if not (are_tiles and shape[0] > 0 and is_right(dtype)):
        wanted = ", ".join(map(str, ("N", *axes)))
        raise ValueError(
            f"{name} is {dtype} {list(shape)}, expected {types} [{wanted}] with N from 1"
        )


def _text(array: npt.NDArray[np.str_]) -> list[str]:
    """Python takes numbers beyond the last character for a fault of its own."""
    codes = np.frombuffer(array.tobytes(), dtype=np.uint32)
    if len(codes) and codes.max() > sys.maxunicode:
        raise ValueError("ids are not made of characters")
    return [str(name) for name in array]


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"version {version} of the array format is not known")
    try:
        shape, fortran, dtype = _HEADERS[version](stream)
    except (TypeError, tokenize.TokenError) as error:  # numpy's own parser on what is no header
        raise ValueError(f"an array's header is damaged ({error})") from error
    return shape, fortran, dtype


def _rows(path: Path, names: Sequence[str], ids: Sequence[str]) -> list[int]:
    """Where each of the wanted tiles is."""
    places = {name: index for index, name in enumerate(names)}
    if len(places) != len(names):
        raise LabelError(f"{path} has an id twice, expected each once")
    known = Known(names)
    if missing := known.missing(ids):
        raise LabelError(
            f"{path} does not have {len(missing)} of the {len(ids)} tiles: {named(missing)}; "
            f"{known.instead(missing)}"
        )
    return [places[known.find(name) or name] for name in ids]
