"""How many sections are under way at once, and the memory that they take."""

from __future__ import annotations

import dataclasses
import math

from salt_survey.sections.tiling import SIDE, Layout

MOST_WORKERS = 4  # threads that cut: that is a small share of a run, and each holds a section

# Bytes of a batch that is run: all that lies between the layers of the network, for the sizes that
# batches and second passes have, and what the allocator keeps for the thread.
_LANE = 136 << 20
# Bytes a sample of a section that is read: float32 and a mask; of one that is cut or blended, at
# the most and besides, by sample, by sample of which one side is resized, and by pixel.
_READ, _SAMPLE, _HALF, _PIXEL = 5, 18, 4, 16
# Bytes a pixel of all tiles: grey; probabilities; of both polarities, while they are run.
_GREY, _FOUND, _RUNNING = 1, 4, 8
_WEIGHT = 4  # bytes a pixel of :attr:`Layout.weight`, which is kept


@dataclasses.dataclass(frozen=True)
class Flight:
    """Threads, and with them how many sections are between reading and blending.

    Attributes:
        workers: that cut.
        runners: that run the model.
    """

    workers: int = 1
    runners: int = 1

    @property
    def rooms(self) -> tuple[int, int, int, int]:
        """Sections, at most, that are read, cut, run or blended, or further on: so many that no
        thread waits for another.
        """
        run = 2 * self.runners
        cut = run + self.workers
        return cut + self.workers + 1, cut, run, 1

    def sections_need(self, place: Layout) -> int:
        """Bytes of the sections, all of them as far as they can be at once; of this layout each."""
        samples, tiles = math.prod(place.shape), len(place) * SIDE**2
        half = max(place.shape[0] * place.zoomed[1], place.zoomed[0] * place.shape[1])
        pixels = math.prod(place.padded)
        working = samples * _SAMPLE + half * _HALF + pixels * _PIXEL
        read = samples * _READ
        cut = read + tiles * _GREY
        most_read, most_cut, most_run, blending = self.rooms
        return (
            (most_read - most_cut) * read
            + (most_cut - most_run) * (cut + working)
            + self.runners * (cut + tiles * _RUNNING)
            + (most_run - self.runners) * (cut + tiles * _FOUND)
            + blending * working
            + pixels * _WEIGHT
        )

    def need(self, place: Layout) -> int:
        """Likewise, with what the model needs for each thread that runs it."""
        return self.sections_need(place) + self.runners * _LANE


@dataclasses.dataclass(frozen=True)
class Room:
    """Memory for a flight.

    Attributes:
        places: layouts of the sections, of one direction or both.
        spare: bytes that there are.
    """

    places: tuple[Layout, ...]
    spare: int

    def fits(self, flight: Flight) -> bool:
        """Whether there is memory for it."""
        return max(map(flight.need, self.places)) <= self.spare

    def flight(self, workers: int, runners: int) -> Flight:
        """The most threads, up to so many, that there is memory for, and one of each at least. The
        model's come first: it is nearly all of the work.
        """
        ran = [Flight(1, count) for count in range(runners, 1, -1)]
        found = next(filter(self.fits, ran), Flight())
        cut = [dataclasses.replace(found, workers=count) for count in range(workers, 1, -1)]
        return next(filter(self.fits, cut), found)
