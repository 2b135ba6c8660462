"""What there is to see of a survey: before a run, to choose polarity and zoom by eye; after it, to
judge what was found.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from salt_infer.masks.decision import exceeds
from salt_infer.predictor.model import SaltModel
from salt_infer.system.callbacks import Advance
from salt_survey.page.training_tiles import TileStatistics, statistics
from salt_survey.reading.survey import NO_TRACE, Survey
from salt_survey.sections import tiling
from salt_survey.sections.display import Direction, Display, Zoom
from salt_survey.sections.predict import judged
from salt_survey.sections.reader import Reader, Recorded, Section
from salt_survey.sections.sampling import Sampling
from salt_survey.sections.settings import Settings
from salt_survey.sections.tiling import Floats, Window
from salt_survey.volume.counts import share_in_words
from salt_survey.volume.extent import Extent
from salt_survey.volume.finished import counts_of
from salt_survey.volume.store import Store

ZOOMS = (Zoom(1.0, 0.4), Zoom(1.25, 0.5), Zoom(1.75, 0.62), Zoom(2.4, 0.8))
POLARITIES: tuple[Literal["normal", "reversed"], ...] = ("normal", "reversed")
SLICES = 4
MOST_LINES = 24  # that are shown, the farther apart for it
_FEW = 3  # lines that are shown of a survey that has fewer than the distance asked for
_BLOCK = 64  # inlines of a volume read at a time
MISSING, DEAD, LIVE = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class Shown:
    """A section and what was found in it.

    Attributes:
        name: such as ``inline 362``.
        amplitude: float32 [samples, traces].
        salt: float32, likewise, 0..1.
        share: of its recorded samples that were run, above the threshold, in words.
    """

    name: str
    amplitude: Floats
    salt: Floats
    share: str


@dataclasses.dataclass(frozen=True)
class Trial:
    """One way to show a line to the model, and what it found so.

    Attributes:
        display: the way.
        amplitude: float32 [samples, traces].
        salt: float32 [samples, traces], 0..1.
        share: of the recorded samples, above the threshold, in words.
    """

    display: Display
    amplitude: Floats
    salt: Floats
    share: str


@dataclasses.dataclass(frozen=True)
class Volume:
    """What a finished run found.

    Attributes:
        slices: time in ms, and float32 [inlines, crosslines] of probability; where the salt is, if
            there is some, and none of one line, of which they would be rows of pixels.
        thickness: float32 [inlines, crosslines], ms of salt; NaN where there is no trace, or it was
            not run.
        disagreement: likewise, how far the two directions are apart where either finds salt; None
            if only one was run.
        share: of the recorded samples that were run, above the threshold, as the run said it; empty
            if its volume does not say it.
        ran: the part of the survey that was run, in words; empty if it is all of it.
    """

    slices: tuple[tuple[float, Floats], ...]
    thickness: Floats
    disagreement: Floats | None
    share: str
    ran: str


def coverage(survey: Survey) -> npt.NDArray[np.uint8]:
    """MISSING, DEAD or LIVE in each place; uint8 [inlines, crosslines]."""
    present: npt.NDArray[np.bool_] = survey.traces != NO_TRACE
    return np.where(survey.live, LIVE, np.where(present, DEAD, MISSING)).astype(np.uint8)


class Viewer:
    """Sections of a survey, and what a model or a finished run finds in them."""

    def __init__(self, survey: Survey, settings: Settings, ran: Extent | None = None) -> None:
        """``ran``: the part that was run, whose lines are those to show; all if None."""
        self.survey, self.settings = survey, settings
        self._samples = slice(*ran.samples) if ran else slice(None)
        some = ran is not None and ran.crosslines != (0, len(survey.crosslines))
        self.direction: Direction = survey.one_way or ("crossline" if some else "inline")
        self._reader = Reader(survey)

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """Of the lines that are shown."""
        return self.survey.inlines if self.direction == "inline" else self.survey.crosslines

    def middle(self) -> int:
        """Place of a line with many live traces, near the middle."""
        live = self.survey.live.sum(axis=1 if self.direction == "inline" else 0)
        near = -np.abs(np.arange(len(live)) - len(live) / 2)
        full = live >= 0.9 * live.max()
        return int(np.argmax(np.where(full, near, -np.inf)))

    def places(self, every: int, among: Window | None = None) -> list[int]:
        """Every so many'th line, of all or of those from one place to another, from half of that
        on; where that is none, a few all over it.
        """
        first, last = among or (0, len(self.numbers))
        step = max(every, -(-(last - first) // MOST_LINES))
        live = np.atleast_1d(self.survey.live.any(axis=1 if self.direction == "inline" else 0))
        found = [place for place in range(first + step // 2, last, step) if live[place]]
        if found:
            return found
        some = first + np.flatnonzero(live[first:last])
        few = min(_FEW, len(some))
        return [int(some[(2 * at + 1) * len(some) // (2 * few)]) for at in range(few)]

    def line(self, place: int) -> Recorded:
        """Amplitudes of a line."""
        return self._reader.read(Section(self.direction, place, place, place + 1))

    def name(self, place: int) -> str:
        return f"{self.direction} {self.numbers[place]}"

    def trials(self, model: SaltModel, place: int, advance: Advance) -> list[Trial]:
        """A line in each polarity and zoom; raises ModelError."""
        line = self.line(place)
        found = []
        sampling = Sampling.of(self.survey.scan)
        for polarity in POLARITIES:
            for zoom in ZOOMS:
                usual = dataclasses.replace(self.settings.display, zoom=zoom, polarity=polarity)
                display = sampling.display(usual)
                salt = found_in(line, model, display)
                found.append(Trial(display, line.amplitude, salt, self._share(line, salt)))
                advance(1)
        return found

    def predicted(self, model: SaltModel, places: Sequence[int]) -> Iterator[Shown]:
        """Lines as a run would see them; raises ModelError."""
        for place in places:
            line = self.line(place)
            salt = found_in(line, model, self.settings.display)
            yield Shown(self.name(place), line.amplitude, salt, self._share(line, salt))

    def stored(self, store: Store, places: Sequence[int]) -> Iterator[Shown]:
        """Lines as a run found them; raises InputError."""
        for place in places:
            part = slice(place, place + 1)
            values = store.read("probability", self.direction, part)
            salt = values[0] if self.direction == "inline" else values[:, 0]
            scaled = (salt.T / np.float32(tiling.WHITE)).astype(np.float32)
            line = self.line(place)
            yield Shown(self.name(place), line.amplitude, scaled, self._share(line, scaled))

    def _share(self, line: Recorded, salt: Floats) -> str:
        """Of the samples recorded, and run, those that are salt."""
        there = line.there[self._samples]
        above = exceeds(salt[self._samples][there], self.settings.threshold)
        return share_in_words(int(above.sum()), int(there.sum()))

    def tiles(self, place: int) -> TileStatistics | None:
        """Statistics of a line's tiles, as the model is shown them."""
        line = self.line(place)
        tiles = tiling.cut(line.amplitude, line.there, self.settings.display.along(self.direction))
        return statistics(tiles.grey)


def found_in(line: Recorded, model: SaltModel, display: Display) -> Floats:
    """Probability of salt, float32 [samples, traces]; 0 where nothing was recorded."""
    tiles = tiling.cut(line.amplitude, line.there, display.along(line.section.direction))
    salt = tiling.blended(tiles, judged(model, tiles, display))
    return np.asarray(np.where(line.there, salt, 0), np.float32)


def volume(store: Store, survey: Survey, threshold: float, ran: Extent) -> Volume:
    """Look through a finished run of a part of a survey, some inlines at a time.

    Raises:
        InputError: a chunk cannot be read.
    """
    shape = store.shape
    thick = np.zeros(shape[:2], np.float32)
    in_time = np.zeros(shape[2], np.int64)
    apart = np.zeros(shape[:2], np.float32) if store.has("disagreement") else None
    is_salt = tiling.levels_above(threshold)
    for part in _parts(shape[0]):
        above = is_salt[store.read("probability", "inline", part)]
        thick[part] = above.sum(axis=2)
        in_time += above.sum(axis=(0, 1))
        if apart is not None:
            gap = store.read("disagreement", "inline", part)
            apart[part] = gap.max(axis=2) / np.float32(tiling.WHITE)
    at = [] if ran.is_one_line else slice_places(in_time, ran.samples)
    slices = [_slice(store, place) for place in at]
    live = np.zeros(shape[:2], bool)
    part_of_lines = slice(*ran.inlines), slice(*ran.crosslines)
    live[part_of_lines] = survey.live[part_of_lines]
    counts = counts_of(store)
    share = counts.in_words(threshold) if counts else ""
    nothing = ~live
    thick *= survey.scan.interval_ms
    for values in (thick, *slices, *([] if apart is None else [apart])):
        values[nothing] = np.nan
    times = survey.times_ms[at]
    pairs = tuple((float(time), values) for time, values in zip(times, slices, strict=True))
    return Volume(pairs, thick, apart, share, _words(ran, survey))


def slice_places(in_time: npt.NDArray[np.int64], samples: Window) -> list[int]:
    """Samples to slice a volume at: so that about as much salt lies between any two.

    Args:
        in_time: samples with salt at each time.
        samples: first, and one after the last, of which some are taken where there is no salt.
    """
    total = int(in_time.sum())
    if not total:
        return [int(at) for at in np.linspace(samples[0], samples[1] - 1, SLICES + 2)[1:-1]]
    wanted = (np.arange(SLICES) + 0.5) / SLICES * total
    return [int(at) for at in np.unique(np.searchsorted(np.cumsum(in_time), wanted))]


def _slice(store: Store, at: int) -> Floats:
    found = np.zeros(store.shape[:2], np.float32)
    for part in _parts(len(found)):
        salt = store.read("probability", "inline", part, slice(at, at + 1))[..., 0]
        found[part] = salt / np.float32(tiling.WHITE)
    return found


def _parts(inlines: int) -> Iterator[slice]:
    for start in range(0, inlines, _BLOCK):
        yield slice(start, min(start + _BLOCK, inlines))


def _words(part: Extent, survey: Survey) -> str:
    """Empty if it is the whole survey."""
    of_all = (
        ("inlines {:.15g} to {:.15g}", part.inlines, survey.inlines),
        ("crosslines {:.15g} to {:.15g}", part.crosslines, survey.crosslines),
        ("{:.15g} to {:.15g} ms", part.samples, survey.times_ms),
    )
    return " and ".join(
        words.format(numbers[first], numbers[last - 1])
        for words, (first, last), numbers in of_all
        if (first, last) != (0, len(numbers))
    )
