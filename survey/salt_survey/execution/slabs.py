"""The units of a run: slabs of whole sections, each with chunks of its own in the volume.

Sections are whole, so a slab needs nothing of its neighbours; its chunks are written by nobody
else, so slabs can be run anywhere, in any order, and again.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from typing import Literal, Self

from salt_infer.errors import JournalError, UsageError
from salt_survey.sections.display import STRIDES, Direction, Display
from salt_survey.sections.in_flight import Flight, Room
from salt_survey.sections.reader import Section
from salt_survey.sections.tiling import Layout, Window
from salt_survey.volume.extent import Extent, Sections
from salt_survey.volume.store import CHUNK

Kind = Literal["inline", "crossline", "mean"]

MIB = 1 << 20
SIZES = (CHUNK, CHUNK // 2, CHUNK // 4)  # of a slab, in sections
BLOCKS = (16, 8, 4, 2, 1)  # sections read at once

_BASE = 192 * MIB  # the interpreter, the runtime, the model, and a piece of a file that is decoded
# Bytes a sample: of a slab that is filled, and compressed; of a block that is read, as float32
# twice, its masks, and what finds its mutes.
_SLAB, _BLOCK = 3, 12
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
class Division:
    """How a run is cut up.

    Attributes:
        slabs: by number; means come last, and need all others.
        size: sections of a slab, and lines of a chunk.
        block: sections that are read at once.
        volumes: the arrays to write, and inlines and crosslines of their chunks.
        room: memory that is left for sections under way. What is written depends on none of it,
            so that a run can go on with other cores.
    """

    slabs: tuple[Slab, ...]
    size: int
    block: int
    volumes: dict[str, tuple[int, int]]
    room: Room

    @property
    def sections(self) -> int:
        """Of all slabs but means."""
        return sum(len(slab) for slab in self.slabs if slab.kind != "mean")


def divide(extent: Extent, sections: Sections, display: Display, memory: int) -> Division:
    """Cut a run into slabs that fit the memory.

    Args:
        extent: what is run.
        sections: of which direction.
        display: how tiles are cut of them.
        memory: bytes that the process may need.

    Raises:
        UsageError: not even the smallest slabs fit.
    """
    directions: list[Direction] = ["inline", "crossline"] if sections == "both" else [sections]
    places = tuple(extent.place(each, display) for each in directions)
    size, block, room = _fitting(extent, places, memory, _least(extent, directions, display))
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
    return Division(tuple(slabs), size, block, volumes, room)


def _cut(lines: Window, size: int) -> list[Window]:
    """Windows that end where chunks do."""
    first, last = lines
    edges = [first, *range(first - first % size + size, last, size), last]
    return list(itertools.pairwise(edges))


def _least(extent: Extent, directions: Sequence[Direction], display: Display) -> int:
    """Bytes that a run of one sample of each trace needs, with the fewest tiles."""
    first, _ = extent.samples
    part = dataclasses.replace(extent, samples=(first, first + 1))
    sparse = dataclasses.replace(display, stride=STRIDES[1])
    return need(part, [part.place(each, sparse) for each in directions])


def _fitting(
    extent: Extent, places: tuple[Layout, ...], memory: int, least: int
) -> tuple[int, int, Room]:
    """The largest slabs and blocks that leave room for the smallest flight; ``least`` is needed
    whatever there is of it.
    """
    for size in SIZES:
        for block in BLOCKS:
            room = Room(places, memory - slab_need(extent, places, size, block))
            if room.fits(Flight()):
                return size, block, room
    section = max(math.prod(place.shape) for place in places)
    less = ", a larger --stride, or fewer times by --times" if memory >= least else ""
    allowed = f"{memory // MIB} MiB" if memory >= MIB else f"{memory} bytes"
    raise UsageError(
        f"sections of {section} samples of a survey of {extent.shape[0] * extent.shape[1]} traces "
        f"need {-(-need(extent, places) // MIB)} MiB, which no --times and --stride makes less "
        f"than {-(-least // MIB)}, and --memory allows {allowed}; give more, as 2GiB{less}"
    )


def slab_need(extent: Extent, places: Sequence[Layout], size: int, block: int) -> int:
    """Bytes that a run needs but for sections under way; blocks are read with all samples of their
    traces.
    """
    traces = max(place.shape[1] for place in places)
    first, last = extent.samples
    filled, read = traces * (last - first), traces * extent.shape[2]
    survey = extent.shape[0] * extent.shape[1] * _TRACE
    return _BASE + filled * size * _SLAB + read * block * _BLOCK + survey


def need(extent: Extent, places: Sequence[Layout]) -> int:
    """Bytes that a run needs at least, with sections of these layouts."""
    slab = slab_need(extent, places, SIZES[-1], BLOCKS[-1])
    return slab + max(map(Flight().need, places))
