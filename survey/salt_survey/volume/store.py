"""The volume of probabilities: a Zarr group (version 3) in which each chunk is one slab's alone.

=============================  ===============================  ==================================
array                          dtype and axes                   holds
=============================  ===============================  ==================================
``probability``                uint8 [inline, crossline, time]  255 for 1; 0 where there is no data
``p_inline``, ``p_crossline``  likewise                         of each direction, if both were run
``disagreement``               likewise                         how far these two are apart
``live``                       bool [inline, crossline]         there is a trace that is not dead
``inline``, ``crossline``      int64                            numbers of the lines
``time_ms``                    float64                          of the samples; metres, of depth
``x``, ``y``                   float64 [inline, crossline]      coordinates; NaN where unknown
=============================  ===============================  ==================================

Chunks that hold nothing but 0 are not written. Attributes hold scan, model and settings.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import zarr

from salt_infer.errors import InputError, OutputError, one_line
from salt_infer.system import file_kind, resource_limits
from salt_survey.reading.survey import Survey
from salt_survey.reading.volume import OURS
from salt_survey.sections.display import Direction
from salt_survey.sections.tiling import WHITE, Floats, Grey

AXES = ("inline", "crossline", "time")
KIND = OURS
VERSION = 1
CHUNK = 64  # lines, and samples, of a chunk

_POSITIONS = 1 << 18  # traces whose coordinates are a chunk
_ALL = slice(None)

Region = tuple[slice, slice, slice]  # inlines, crosslines, samples


class Store:
    """A volume of probabilities on the disk.

    Attributes:
        path: of the folder.
        attributes: what it says of itself.
    """

    def __init__(self, path: Path, group: zarr.Group) -> None:
        """Use :meth:`create` or :meth:`open`."""
        self.path, self._group = path, group

    @classmethod
    def create(cls, path: Path, survey: Survey, volumes: Mapping[str, tuple[int, int]]) -> Self:
        """Begin a volume that lies on a survey; nothing is in it yet.

        Args:
            path: of the folder, which must not be there.
            survey: what it lies on.
            volumes: names, and how many inlines and crosslines a chunk holds.

        Raises:
            OutputError: the disk is full, or the folder cannot be written to.
        """
        try:
            group = zarr.create_group(path, zarr_format=3)
            shape = (len(survey.inlines), len(survey.crosslines), len(survey.times_ms))
            for name, lines in volumes.items():
                chunks = tuple(map(min, (*lines, CHUNK), shape))
                group.create_array(
                    name, shape=shape, chunks=chunks, dtype="uint8", fill_value=0,
                    dimension_names=AXES,
                )  # fmt: skip
            _put(group, "inline", survey.inlines, AXES[:1])
            _put(group, "crossline", survey.crosslines, AXES[1:2])
            _put(group, "time_ms", np.asarray(survey.times_ms, np.float64), AXES[2:])
            _put(group, "live", survey.live, AXES[:2])
            _put_positions(group, survey)
        except OSError as error:
            raise full(path, error) from error
        return cls(path, group)

    @classmethod
    def open(cls, path: Path, writable: bool = False) -> Self:
        """Open what :meth:`create` began.

        Raises:
            InputError: it is no such folder.
        """
        try:
            group = zarr.open_group(path, mode="r+" if writable else "r", zarr_format=3)
            volume = group["probability"]
        except (OSError, KeyError, ValueError) as error:
            why = _why(path) or one_line(error)
            raise InputError(
                f"{path} cannot be opened as a Zarr of salt probabilities ({why}); expected the "
                "OUT.zarr of salt-survey run"
            ) from error
        if not isinstance(volume, zarr.Array) or volume.ndim != 3 or volume.dtype != np.uint8:
            raise InputError(f"{path}/probability is no volume of bytes; expected salt-survey's")
        return cls(path, group)

    @property
    def attributes(self) -> Mapping[str, Any]:
        return dict(self._group.attrs).get(KIND) or {}  # type: ignore[return-value]

    def describe(self, attributes: Mapping[str, Any]) -> None:
        """Say what it is; raises OutputError."""
        try:
            self._group.attrs.put({KIND: {"version": VERSION, **attributes}})
        except OSError as error:
            raise full(self.path, error) from error

    @property
    def shape(self) -> tuple[int, int, int]:
        """Inlines, crosslines, samples."""
        inlines, crosslines, samples = self._array("probability").shape
        return inlines, crosslines, samples

    def array(self, name: str) -> npt.NDArray[Any]:
        """All of a small array: ``inline``, ``crossline``, ``time_ms``, ``live``."""
        return np.asarray(self._array(name)[...])

    def positions(self, inlines: slice) -> npt.NDArray[np.float64]:
        """x and y of some inlines' traces, float64 [i, X, 2]."""
        return np.stack([np.asarray(self._array(name)[inlines]) for name in ("x", "y")], axis=-1)

    def has(self, name: str) -> bool:
        """Whether there is such a volume."""
        found = self._group.get(name)
        return isinstance(found, zarr.Array) and found.ndim == 3 and found.dtype == np.uint8

    def write(
        self, name: str, direction: Direction, lines: slice, samples: slice, salt: Grey
    ) -> None:
        """Write whole sections.

        Args:
            name: of the volume.
            direction: of the sections.
            lines: which; they cover their chunks.
            samples: of the volume.
            salt: uint8 [inline, crossline, sample].

        Raises:
            OutputError: the disk is full.
        """
        array, where = self._array(name), _where(direction, lines, samples)
        try:
            # Of many at once Zarr would go on writing the others after one has failed.
            for volume, part in _chunks(array, where):
                array[volume] = salt[part]
        except OSError as error:
            raise full(self.path, error) from error

    def read(self, name: str, direction: Direction, lines: slice, samples: slice = _ALL) -> Grey:
        """Whole sections, uint8 [inline, crossline, sample].

        Raises:
            InputError: a chunk cannot be read.
        """
        return self._read(name, _where(direction, lines, samples))

    def line(self, direction: Direction, place: int, name: str = "probability") -> Grey:
        """One section as labels are drawn, uint8 [samples, traces]; raises InputError likewise."""
        values = self.read(name, direction, slice(place, place + 1))
        return values.squeeze(0 if direction == "inline" else 1).T

    def _read(self, name: str, where: Region) -> Grey:
        try:
            return np.asarray(self._array(name)[where], np.uint8)
        except (OSError, ValueError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and resource_limits.limit(error):
                raise  # no fault of the file
            raise InputError(f"{self.path}/{name} cannot be read ({one_line(error)})") from error

    def block(self, name: str, inlines: slice, crosslines: slice) -> Grey:
        """Whole traces, uint8 [inline, crossline, sample]; raises InputError, as :meth:`read`."""
        return self._read(name, (inlines, crosslines, _ALL))

    def chunk(self, name: str) -> tuple[int, int]:
        """Inlines and crosslines of a chunk."""
        inlines, crosslines, _ = self._array(name).chunks
        return inlines, crosslines

    def section(self, place: int, name: str = "probability") -> Floats:
        """An inline, float32 [crossline, sample] in 0..1."""
        values = self.read(name, "inline", slice(place, place + 1))[0]
        return np.asarray(values / np.float32(WHITE), np.float32)

    def _array(self, name: str) -> zarr.Array[Any]:
        found = self._group[name]
        assert isinstance(found, zarr.Array)
        return found


def _why(path: Path) -> str | None:
    """What is there that is no Zarr; None if that is not known."""
    if not path.exists():
        return "there is none"
    return file_kind.told(path, "it is a file") if path.is_file() else None


def _where(direction: Direction, lines: slice, samples: slice) -> Region:
    return (lines, _ALL, samples) if direction == "inline" else (_ALL, lines, samples)


def _chunks(array: zarr.Array[Any], where: Region) -> Iterator[tuple[Region, Region]]:
    """The chunks of a region of the volume: where each lies in the volume, and in the region."""
    places = []
    for axis, part in enumerate(where):
        first, last, _ = part.indices(array.shape[axis])
        step = array.chunks[axis]
        edges = [first, *range((first // step + 1) * step, last, step), last]
        places.append([(slice(a, b), slice(a - first, b - first)) for a, b in pairwise(edges)])
    for one, two, three in itertools.product(*places):
        yield (one[0], two[0], three[0]), (one[1], two[1], three[1])


def _put(group: zarr.Group, name: str, values: npt.NDArray[Any], axes: tuple[str, ...]) -> None:
    array = group.create_array(
        name, shape=values.shape, chunks=values.shape, dtype=values.dtype, dimension_names=axes,
        fill_value=0,
    )  # fmt: skip
    array[...] = values


def _put_positions(group: zarr.Group, survey: Survey) -> None:
    """x and y, some inlines at a time."""
    shape = survey.traces.shape
    lines = max(1, _POSITIONS // shape[1])
    arrays_of = [
        group.create_array(
            name, shape=shape, chunks=(min(lines, shape[0]), shape[1]), dtype=np.float64,
            dimension_names=AXES[:2], fill_value=0,
        )
        for name in ("x", "y")
    ]  # fmt: skip
    for first in range(0, shape[0], lines):
        part = slice(first, min(first + lines, shape[0]))
        positions = survey.positions(part)
        for axis, array in enumerate(arrays_of):
            array[part] = positions[..., axis]


def sync() -> None:
    """Flush all that was written to the disk: once for many small files."""
    os.sync()


def full(path: Path, error: OSError) -> OutputError:
    """What to say where a store cannot be written."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    return OutputError(
        f"{path} cannot be written ({reason}); mend that and give the same command again"
    )
