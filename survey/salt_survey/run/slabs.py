"""The units of a run: slabs of whole sections, each with chunks of its own in the volume.

Sections are whole, so a slab needs nothing of its neighbours; its chunks are written by nobody
else, so slabs can be run anywhere, in any order, and again.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator
from typing import Literal, Self

from salt_infer.errors import JournalError, UsageError
from salt_survey.sections.reader import Direction, Section

Sections = Literal["inline", "crossline", "both"]
Kind = Literal["inline", "crossline", "mean"]
Window = tuple[int, int]  # first place and the one after the last

MIB = 1 << 20
CHUNK = 64  # lines, and samples, of the volume
SIZES = (CHUNK, CHUNK // 2, CHUNK // 4)  # of a slab, in sections
BLOCKS = (16, 8, 4, 2, 1)  # sections read at once

_BASE = 360 * MIB  # the interpreter, the runtime, the model and its batches
# Bytes a sample: of a slab that is filled, and compressed; of a block that is read, as it lies in
# the file, as float32 and its mask; of a section from reading to blending, about 12 of them.
_SLAB, _BLOCK, _FLIGHT = 3, 10, 12 * 8
_TRACE = 24  # bytes a trace of the survey: its place, whether it is live


@dataclasses.dataclass(frozen=True)
class Slab:
    """Neighbouring sections.

    Attributes:
        number: among all slabs of a run.
        kind: their direction; ``mean``: the mean of both directions, once those are there.
        lines: their places.
        volume: where its probabilities go.
    """

    number: int
    kind: Kind
    lines: Window
    volume: str

    @property
    def direction(self) -> Direction:
        """Of its sections; those of a mean lie as inlines."""
        return "crossline" if self.kind == "crossline" else "inline"

    @property
    def where(self) -> slice:
        return slice(*self.lines)

    def __len__(self) -> int:
        """Sections."""
        return self.lines[1] - self.lines[0]

    def sections(self, block: int) -> Iterator[Section]:
        """Its sections, so many of which are read at once."""
        first, last = self.lines
        for start in range(first, last, block):
            stop = min(start + block, last)
            for place in range(start, stop):
                yield Section(self.direction, place, start, stop)


@dataclasses.dataclass(frozen=True)
class SlabDone:
    """A slab that is in the volume.

    Attributes:
        number: of the slab.
        tiles: that the model was asked about.
        recorded: samples of it that were recorded.
        salt: samples whose probability is above the threshold.
        crc: CRC-32 of its bytes, section by section.
    """

    number: int
    tiles: int
    recorded: int
    salt: int
    crc: int

    def pack(self) -> tuple[bytes, bytes]:
        """For :meth:`unpack`."""
        return json.dumps(dataclasses.asdict(self)).encode(), b""

    @classmethod
    def unpack(cls, number: int, text: bytes, data: bytes) -> Self:
        """What :meth:`pack` gave.

        Raises:
            JournalError: it is not that.
        """
        try:
            value = json.loads(text)
            if set(map(type, value.values())) != {int} or value["number"] != number or data:
                raise ValueError(f"{value!r}")
            return cls(**value)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise JournalError(f"slab {number} of the journal cannot be read ({error})") from error


@dataclasses.dataclass(frozen=True)
class Extent:
    """The part of a survey that is run, in places.

    Attributes:
        shape: inlines, crosslines and samples of the survey.
        inlines, crosslines, samples: the part; sections are whole, whatever part of the lines is
            run, so that one of the first two is all there are.
    """

    shape: tuple[int, int, int]
    inlines: Window
    crosslines: Window
    samples: Window

    @property
    def is_one_line(self) -> bool:
        return any(last - first == 1 for first, last in (self.inlines, self.crosslines))

    def lines(self, direction: Direction) -> Window:
        return self.inlines if direction == "inline" else self.crosslines

    def section_size(self, direction: Direction) -> int:
        """Samples of a section."""
        first, last = self.samples
        return self.shape[1 if direction == "inline" else 0] * (last - first)


@dataclasses.dataclass(frozen=True)
class Division:
    """How a run is cut up.

    Attributes:
        slabs: by number; means come last, and need all others.
        size: sections of a slab, and lines of a chunk.
        block: sections that are read at once.
        volumes: the arrays to write, and inlines and crosslines of their chunks.
    """

    slabs: tuple[Slab, ...]
    size: int
    block: int
    volumes: dict[str, tuple[int, int]]

    @property
    def sections(self) -> int:
        """Of all slabs but means."""
        return sum(len(slab) for slab in self.slabs if slab.kind != "mean")


def divide(extent: Extent, sections: Sections, memory: int) -> Division:
    """Cut a run into slabs that fit the memory.

    Args:
        extent: what is run.
        sections: of which direction.
        memory: bytes that the process may need.

    Raises:
        UsageError: not even the smallest slabs fit.
    """
    directions: list[Direction] = ["inline", "crossline"] if sections == "both" else [sections]
    traces = extent.shape[0] * extent.shape[1]
    size, block = _fitting(max(map(extent.section_size, directions)), traces, memory)
    volumes = {"probability": (CHUNK, size) if sections == "crossline" else (size, CHUNK)}
    if sections == "both":
        volumes |= {"p_inline": (size, CHUNK), "p_crossline": (CHUNK, size)}
        volumes["disagreement"] = volumes["probability"]
    parts: list[tuple[Kind, Window, str]] = []
    for each in directions:
        name = f"p_{each}" if sections == "both" else "probability"
        parts += [(each, lines, name) for lines in _cut(extent.lines(each), size)]
    if sections == "both":
        parts += [("mean", lines, "probability") for lines in _cut(extent.inlines, size)]
    slabs = (Slab(number, *part) for number, part in enumerate(parts))
    return Division(tuple(slabs), size, block, volumes)


def _cut(lines: Window, size: int) -> list[Window]:
    """Windows that end where chunks do."""
    first, last = lines
    edges = [first, *range(first - first % size + size, last, size), last]
    return list(itertools.pairwise(edges))


def _fitting(section: int, traces: int, memory: int) -> tuple[int, int]:
    for size in SIZES:
        for block in BLOCKS:
            if need(section, size, block, traces) <= memory:
                return size, block
    least = need(section, SIZES[-1], BLOCKS[-1], traces)
    raise UsageError(
        f"sections of {section} samples of a survey of {traces} traces need "
        f"{-(-least // MIB)} MiB, and --memory allows {memory // MIB}; give more, or fewer samples "
        "by --times"
    )


def need(section: int, size: int, block: int, traces: int) -> int:
    """Bytes that a run needs with sections of so many samples, of a survey of so many traces."""
    return _BASE + section * (size * _SLAB + block * _BLOCK + _FLIGHT) + traces * _TRACE
