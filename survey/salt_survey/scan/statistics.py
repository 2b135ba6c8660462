"""All samples of a survey gone through once: what is dead, bad, how large, how fast."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from salt_infer.system.callbacks import Advance
from salt_survey.scan.recorded import NULL, PADDING, Recorded, Samples, are_null, recorded
from salt_survey.segy import formats, headers
from salt_survey.segy.layout import HEADER, Layout
from salt_survey.segy.order import Endian
from salt_survey.segy.raw import RawFile
from salt_survey.segy.samples import sweep

PERCENTS = (0, 1, 2, 5, 25, 50, 75, 95, 98, 99, 100)
SPECTRUM = 64  # frequencies, from 0 to half the sampling frequency
_VALUES = 4096  # that are counted at the ends of traces
_OFTEN = 0.001  # share of amplitudes that are exactly the least or greatest, beyond what is chance
_SAMPLES = 2_000_000  # that percentiles and spectrum are taken of, at most


class Repeated(NamedTuple):
    """The least or greatest amplitude, where clipping or a null value makes it frequent.

    Attributes:
        value: of it.
        share: of the amplitudes, 0 to 1.
    """

    value: float
    share: float


@dataclasses.dataclass(frozen=True)
class Stats:
    """What the samples are like.

    Attributes:
        dead: traces whose samples are all 0, or that are flagged as dead.
        loud: traces that are flagged as dead, and hold amplitudes all the same.
        silent: bool [traces], without a sample that is recorded: see :class:`Recorded`.
        recorded: all other traces.
        flat: traces that hold one value alone, and not 0.
        bad_samples: NaN or infinite.
        nulls: finite, but so large that they stand for nothing, or padding.
        filled: traces with an end of one value that was not recorded, and neither 0 nor a null.
        blank: the commonest of these values; 0 without any.
        fill: the same, where it can be no amplitude: most of these ends are of it, and 98 % of the
            amplitudes lie on one side of it; else 0.
        percentiles: amplitudes by percent; empty where nothing was recorded.
        spectrum: mean amplitude at SPECTRUM frequencies, the greatest is 1; likewise.
        repeated: least and greatest amplitude, of these the frequent ones.
        usual: what 98 % of the other amplitudes are within, whichever their sign; 0 without any.
        largest: amplitude of all traces, whichever its sign; 0 where nothing was recorded.
    """

    dead: int
    loud: int
    silent: npt.NDArray[np.bool_]
    recorded: int
    flat: int
    bad_samples: int
    nulls: int
    filled: int
    blank: float
    fill: float
    percentiles: Mapping[str, float]
    spectrum: tuple[float, ...]
    repeated: tuple[Repeated, ...]
    usual: float
    largest: float


def _some(traces: npt.NDArray[np.int64], one_in: int) -> npt.NDArray[np.bool_]:
    """One trace of so many, all over a survey whatever the length of its lines: every n-th would be
    the same place of each line where the lines are a multiple of n.

    The numbers are spread by a multiplication with the golden ratio of 2^64 (Knuth, "The Art of
    Computer Programming", volume 3, section 6.4).
    """
    spread = traces.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray((spread >> np.uint64(32)) % np.uint64(one_in) == 0)


class Gatherer:
    """Takes traces in any portions and tells what they are like."""

    def __init__(self, traces: int, samples: int) -> None:
        self.silent = np.zeros(traces, bool)
        self._take_1_in = max(1, traces * samples // _SAMPLES)
        self._kept: list[Samples] = []
        self._dead = self._bad = self._nulls = self._recorded = self._flat = 0
        self._filled = self._loud = 0
        self._fills: Counter[float] = Counter()
        self._largest = 0.0

    def take(
        self, traces: npt.NDArray[np.int64], samples: Samples, flagged: npt.NDArray[np.bool_]
    ) -> None:
        """Take traces of these numbers, float32 [n, samples]."""
        found = recorded(samples, flagged)
        whole, alive = np.all(found.there, axis=1), np.any(found.there, axis=1)
        self.silent[traces] = ~alive
        self._dead += int(np.count_nonzero(found.dead))
        self._flat += int(np.count_nonzero(found.flat))
        self._recorded += int(np.count_nonzero(alive))
        self._count_loud(samples[flagged])
        self._count_no_amplitudes(samples, found, whole)
        self._count_filled(samples, found)
        self._see_largest(samples, found, whole)
        chosen = alive & _some(traces, self._take_1_in)
        if chosen.any():
            self._kept.append(_told(samples[chosen], found.there[chosen]))

    def _count_loud(self, flagged: Samples) -> None:
        held = recorded(flagged, np.zeros(len(flagged), bool)).there
        self._loud += int(np.count_nonzero(held.any(axis=1)))

    def _count_no_amplitudes(
        self, samples: Samples, found: Recorded, whole: npt.NDArray[np.bool_]
    ) -> None:
        """By their ranges, few traces can have some; of NaN any comparison is wrong."""
        inside = (found.least > -NULL) & (found.most < NULL)
        wild, tame = samples[~whole & ~inside], samples[~whole & inside & (found.least <= PADDING)]
        self._bad += int(wild.size - np.count_nonzero(np.isfinite(wild)))
        self._nulls += int(np.count_nonzero(are_null(wild)) + np.count_nonzero(tame == PADDING))

    def _count_filled(self, samples: Samples, found: Recorded) -> None:
        """Those whose recorded part lies beside something else than zeros and nulls."""
        rows = np.flatnonzero(~found.there.all(axis=1) & ~(found.dead | found.flat))
        beside = _beside(found.there[rows])
        at = rows[:, None], beside
        values = samples[at]
        filled = ~found.there[at] & (values != 0) & np.isfinite(values) & ~are_null(values)
        self._fills.update(values[filled].tolist())
        if len(self._fills) > _VALUES:  # as many as traces, where each goes on with its own
            self._fills = Counter(dict(self._fills.most_common(_VALUES // 4)))
        self._filled += int(np.count_nonzero(filled.any(axis=1)))

    def _see_largest(self, samples: Samples, found: Recorded, whole: npt.NDArray[np.bool_]) -> None:
        """Of traces that are not recorded as a whole, those that by their range may have it."""
        size = np.maximum(found.most, -found.least)
        self._largest = max(self._largest, float(size[whole].max(initial=0)))
        larger = ~whole & ~(size <= self._largest)  # and those with NaN
        told = _told(samples[larger], found.there[larger])
        self._largest = max(self._largest, float(np.abs(told).max(initial=0)))

    def result(self) -> Stats:
        kept = np.concatenate(self._kept) if self._kept else np.empty((0, 1), np.float32)
        blank, fill = self._blank(kept)
        kept = _told(kept, recorded(kept, np.zeros(len(kept), bool), fill).there)
        amplitudes = kept[kept != 0]
        often = repeated(amplitudes)
        return Stats(
            dead=self._dead,
            loud=self._loud,
            silent=self.silent,
            recorded=self._recorded,
            flat=self._flat,
            bad_samples=self._bad,
            nulls=self._nulls,
            filled=self._filled,
            blank=blank,
            fill=fill,
            percentiles=percentiles(amplitudes),
            spectrum=spectrum(kept),
            repeated=often,
            usual=usual(amplitudes, often),
            largest=self._largest_but(fill, amplitudes),
        )

    def _blank(self, kept: Samples) -> tuple[float, float]:
        """``blank`` and ``fill`` of :class:`Stats`."""
        blank = max(self._fills, key=self._fills.__getitem__, default=0.0)
        others = kept[(kept != 0) & (kept != np.float32(blank))]
        if not len(others) or 2 * self._fills[blank] <= self._fills.total():
            return blank, 0.0
        low, high = np.percentile(others, (1, 99))
        return blank, 0.0 if low <= blank <= high else blank

    def _largest_but(self, fill: float, amplitudes: Samples) -> float:
        """Where the fill value is the largest, as some traces have it before it is known: that of
        the amplitudes that were kept.
        """
        if self._largest != abs(fill):
            return self._largest
        return float(np.abs(amplitudes).max(initial=0))


def _beside(there: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The samples before the first and behind the last that is there, int64 [n, 2]; those at the
    ends where there are none.
    """
    last, some = there.shape[1] - 1, there.any(axis=1)
    before = np.where(some, there.argmax(axis=1) - 1, 0)
    behind = np.where(some, last + 1 - there[:, ::-1].argmax(axis=1), last)
    return np.stack([before.clip(0), behind.clip(None, last)], axis=1)


def _told(samples: Samples, there: npt.NDArray[np.bool_]) -> Samples:
    """With 0 for what was not recorded."""
    return np.where(there, samples, np.float32(0))


def gather(
    file: RawFile,
    layout: Layout,
    reading: int,
    endian: Endian,
    advance: Advance = lambda traces: None,
) -> Stats:
    """Go through all traces of a file.

    Args:
        file: SEG-Y.
        layout: where its traces are.
        reading: code of the format that the samples are in.
        endian: their byte order.
        advance: is told how many traces were read, a portion at a time.
    """
    found = Gatherer(layout.traces, layout.samples)
    for first, raw in sweep(file, layout):
        samples = formats.decode(raw[:, layout.head :], reading, endian)
        traces = np.arange(first, first + len(raw))
        found.take(traces, samples, headers.are_dead(raw[:, :HEADER], layout))
        advance(len(raw))
    return found.result()


def percentiles(amplitudes: Samples) -> Mapping[str, float]:
    """At PERCENTS of amplitudes, float32 [n]; zeros are to be left out, as mutes are."""
    if not len(amplitudes):
        return {}
    values = np.percentile(amplitudes, PERCENTS)
    return {str(percent): float(value) for percent, value in zip(PERCENTS, values, strict=True)}


def repeated(amplitudes: Samples) -> tuple[Repeated, ...]:
    """Which of the least and the greatest amplitude, float32 [n], is found more often than chance
    has it.
    """
    if not len(amplitudes):
        return ()
    ends = dict.fromkeys((float(amplitudes.min()), float(amplitudes.max())))
    shares = ((end, np.count_nonzero(amplitudes == end) / len(amplitudes)) for end in ends)
    return tuple(Repeated(end, share) for end, share in shares if share > _OFTEN)


def usual(amplitudes: Samples, often: tuple[Repeated, ...]) -> float:
    """What 98 % of amplitudes, float32 [n], are within, of those that are not repeated often."""
    for each in often:
        amplitudes = amplitudes[amplitudes != each.value]
    return float(np.abs(np.percentile(amplitudes, (1, 99))).max()) if len(amplitudes) else 0.0


def spectrum(traces: Samples) -> tuple[float, ...]:
    """Mean amplitude spectrum of traces, float32 [n, samples], at SPECTRUM equal steps from 0 to
    half the sampling frequency; the greatest is 1. Empty of fewer than 8 samples.
    """
    if not len(traces) or traces.shape[1] < 8:
        return ()
    centred = traces - traces.mean(axis=1, keepdims=True)
    tapered = centred * np.hanning(traces.shape[1]).astype(np.float32)
    size = np.zeros(traces.shape[1] // 2 + 1)
    for part in range(0, len(tapered), 1024):
        size += np.abs(np.fft.rfft(tapered[part : part + 1024], axis=1)).sum(axis=0)
    places = np.linspace(0, len(size) - 1, SPECTRUM)
    at = np.interp(places, np.arange(len(size)), size)
    return tuple(round(float(each), 4) for each in at / at.max()) if at.max() > 0 else ()
