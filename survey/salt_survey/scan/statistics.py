"""All samples of a survey gone through once: what is dead, bad, how large, how fast."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from salt_survey.segy import formats, headers
from salt_survey.segy.layout import HEADER, Layout
from salt_survey.segy.order import Endian
from salt_survey.segy.raw import RawFile
from salt_survey.segy.samples import sweep

NULL = 1e29  # a number as large stands for nothing recorded
PADDING = np.float32(-999.25)  # what programs put where a trace has no data
PERCENTS = (0, 1, 2, 5, 25, 50, 75, 95, 98, 99, 100)
SPECTRUM = 64  # frequencies, from 0 to half the sampling frequency
_SAMPLES = 2_000_000  # that percentiles and spectrum are taken of, at most

Samples = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Stats:
    """What the samples are like.

    Attributes:
        dead: traces whose samples are all 0, or that are flagged as dead.
        silent: bool [traces], without a sample that is recorded: see :func:`kinds`.
        flat: traces that hold one value alone, and not 0.
        recorded: all other traces.
        bad_samples: NaN or infinite.
        nulls: finite, but so large that they stand for nothing.
        percentiles: amplitudes by percent; empty where nothing was recorded.
        spectrum: mean amplitude at SPECTRUM frequencies, the greatest is 1; likewise.
        largest: amplitude of all traces, whichever its sign; 0 where nothing was recorded.
    """

    dead: int
    silent: npt.NDArray[np.bool_]
    recorded: int
    flat: int
    bad_samples: int
    nulls: int
    percentiles: Mapping[str, float]
    spectrum: tuple[float, ...]
    largest: float


def valid(samples: Samples) -> npt.NDArray[np.bool_]:
    """Where a sample is an amplitude: finite, and no null value."""
    with np.errstate(invalid="ignore"):
        if samples.size and samples.max() < NULL and samples.min() > -NULL:  # as nearly always
            return np.ones(samples.shape, bool)
        return np.abs(samples) < NULL


class Kinds(NamedTuple):
    """Kinds of traces, bool [n] each, and their range.

    Attributes:
        dead: of zeros alone, or so flagged.
        flat: others of one value alone, as programs write it where nothing was recorded.
        silent: without a sample that is recorded: those, and of zeros, padding and what is no
            amplitude alone.
        least, most: float32 [n]; NaN where a sample is.
    """

    dead: npt.NDArray[np.bool_]
    flat: npt.NDArray[np.bool_]
    silent: npt.NDArray[np.bool_]
    least: Samples
    most: Samples


def kinds(samples: Samples, flagged: npt.NDArray[np.bool_], good: npt.NDArray[np.bool_]) -> Kinds:
    """What kind each trace is of.

    Args:
        samples: float32 [n, samples].
        flagged: bool [n], dead as their headers say.
        good: :func:`valid` of the samples.
    """
    least, most = _limits(samples)
    dead = ((least == 0) & (most == 0)) | flagged
    flat = ~dead & _are_flat(samples, least, most)
    silent = dead | flat
    doubtful = np.flatnonzero(~silent & ~tell(samples[:, :1], good[:, :1])[:, 0])
    silent[doubtful] = ~tell(samples[doubtful], good[doubtful]).any(axis=1)
    return Kinds(dead, flat, silent, least, most)


def are_flat(samples: Samples) -> npt.NDArray[np.bool_]:
    """Traces, float32 [n, samples], with one value alone that is not 0."""
    return _are_flat(samples, *_limits(samples))


def _are_flat(samples: Samples, least: Samples, most: Samples) -> npt.NDArray[np.bool_]:
    return np.asarray((least == most) & (least != 0) & (samples.shape[1] > 1))


def tell(samples: Samples, good: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Where there is an amplitude, and more than a zero, as in mutes, or padding."""
    return np.asarray(good & (samples != 0) & (samples != PADDING))


def _limits(samples: Samples) -> tuple[Samples, Samples]:
    """Least and greatest of each trace, NaN where one sample is; float32 [n]."""
    with np.errstate(invalid="ignore"):
        return samples.min(axis=1), samples.max(axis=1)


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
        self._largest = 0.0

    def take(
        self, traces: npt.NDArray[np.int64], samples: Samples, flagged: npt.NDArray[np.bool_]
    ) -> None:
        """Take traces of these numbers, float32 [n, samples]."""
        good = valid(samples)
        finite = good if good.all() else np.isfinite(samples)
        kind = kinds(samples, flagged, good)
        alive = ~kind.silent
        self.silent[traces] = kind.silent
        self._dead += int(np.count_nonzero(kind.dead))
        self._flat += int(np.count_nonzero(kind.flat & good[:, 0]))
        self._recorded += int(np.count_nonzero(alive))
        self._bad += int(finite.size - np.count_nonzero(finite))
        self._nulls += int(np.count_nonzero(finite & ~good))
        # Of most traces the range tells it, and what is in them need not be looked at again.
        odd = alive & ~(good.all(axis=1) & (kind.least != PADDING))
        sure = alive & ~odd
        self._see(np.maximum(kind.most[sure], -kind.least[sure]))
        self._see(np.abs(_told(samples[odd], good[odd])))
        chosen = alive & _some(traces, self._take_1_in)
        if chosen.any():
            self._kept.append(_told(samples[chosen], good[chosen]))

    def _see(self, sizes: Samples) -> None:
        self._largest = max(self._largest, float(sizes.max(initial=0)))

    def result(self) -> Stats:
        kept = np.concatenate(self._kept) if self._kept else np.empty((0, 1), np.float32)
        return Stats(
            self._dead,
            self.silent,
            self._recorded,
            self._flat,
            self._bad,
            self._nulls,
            percentiles(kept),
            spectrum(kept),
            self._largest,
        )


def _told(samples: Samples, good: npt.NDArray[np.bool_]) -> Samples:
    """With 0 for what is no amplitude."""
    return np.where(tell(samples, good), samples, np.float32(0))


def gather(
    file: RawFile,
    layout: Layout,
    reading: int,
    endian: Endian,
    tell: Callable[[int], object] = lambda traces: None,
) -> Stats:
    """Go through all traces of a file.

    Args:
        file: SEG-Y.
        layout: where its traces are.
        reading: code of the format that the samples are in.
        endian: their byte order.
        tell: is told how many traces were read, a portion at a time.
    """
    found = Gatherer(layout.traces, layout.samples)
    for first, raw in sweep(file, layout):
        samples = formats.decode(raw[:, layout.head :], reading, endian)
        traces = np.arange(first, first + len(raw))
        found.take(traces, samples, headers.are_dead(raw[:, :HEADER], layout))
        tell(len(raw))
    return found.result()


def percentiles(traces: Samples) -> Mapping[str, float]:
    """Amplitudes at PERCENTS of traces, float32 [n, samples]; zeros are left out, as mutes are."""
    amplitudes = traces[traces != 0]
    if not len(amplitudes):
        return {}
    values = np.percentile(amplitudes, PERCENTS)
    return {str(percent): float(value) for percent, value in zip(PERCENTS, values, strict=True)}


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
