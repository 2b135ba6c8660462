"""A slab is run: its sections predicted, its chunks written, what is to be known of it counted.

The same in this process and in one of Ray's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import zlib
from collections.abc import Generator, Iterator, Sequence

import numpy as np

from salt_infer.errors import InputError
from salt_infer.execution.stage_clock import StageClock
from salt_infer.predictor.model import SaltModel
from salt_infer.system.callbacks import Advance
from salt_infer.system.signals import Check, never
from salt_survey.execution.slabs import Slab, SlabDone
from salt_survey.reading.survey import Survey
from salt_survey.sections.display import Display
from salt_survey.sections.in_flight import Room
from salt_survey.sections.predict import Predicted, predicted
from salt_survey.sections.reader import Reader, Section, traces_of
from salt_survey.sections.tiling import Grey, Window, levels_above
from salt_survey.volume import store as stores
from salt_survey.volume.store import Store


@dataclasses.dataclass(frozen=True)
class Work:
    """What is done with every slab.

    Attributes:
        display: how sections are shown to the model.
        samples: the part of each trace that is run.
        block: sections read at once.
        threshold: a sample is counted as salt above this, 0..1.
        room: memory for sections that are under way.
    """

    display: Display
    samples: Window
    block: int
    threshold: float
    room: Room


def finished_slabs(
    slabs: Sequence[Slab],
    work: Work,
    survey: Survey,
    model: SaltModel,
    store: Store,
    clock: StageClock,
    workers: int = 1,
    check: Check = never,
    advance: Advance = lambda sections: None,
) -> Generator[SlabDone]:
    """Run slabs of sections, one after the other; a slab is given back once it is in the store.

    Args:
        slabs: which; no means.
        work: what to do with them.
        survey: where their sections are.
        model: what runs the tiles.
        store: where their probabilities go.
        clock: told of the work.
        workers: threads that cut tiles, at most: there are fewer, and fewer that run the model,
            where the memory asks for it.
        check: called while there is nothing to do; may raise.
        advance: told of each section that is done.

    Raises:
        ModelError: the model failed.
        SurveyError: the survey cannot be read any more.
        OutputError: the disk is full.
    """
    reader = Reader(survey)
    flight = work.room.flight(workers, model.session.at_once)
    sections = _sections(slabs, work)
    found = predicted(
        sections, reader, model, work.display, clock, flight, check, window=work.samples
    )
    with contextlib.closing(found):
        for slab in slabs:
            filling = _Filling(slab, traces_of(survey, slab.direction), work)
            for section in _some(found, len(slab)):
                filling.take(section)
                clock.finished(section.tiles)
                advance(1)
            with clock("journal"):
                done = filling.write(store)
            yield done


def mean_slab(slab: Slab, work: Work, store: Store) -> SlabDone:
    """Mean and disagreement of both directions; both have to be there.

    Raises:
        InputError: the store is damaged.
        OutputError: the disk is full.
    """
    where, samples = slab.where, slice(*work.samples)
    one, other = (
        store.read(name, "inline", where, samples) for name in ("p_inline", "p_crossline")
    )
    apart = np.maximum(one, other) - np.minimum(one, other)
    mean = np.minimum(one, other) + apart // 2 + apart % 2  # halves are rounded up
    store.write("disagreement", "inline", where, samples, apart)
    store.write(slab.volume, "inline", where, samples, mean)
    stores.sync()
    return SlabDone(slab.number, 0, 0, _salt(mean, work.threshold), _crc(mean))


def is_there(slab: Slab, done: SlabDone, work: Work, store: Store) -> bool:
    """Whether a slab is in the store as it was written."""
    try:
        salt = store.read(slab.volume, slab.direction, slab.where, slice(*work.samples))
    except InputError:
        return False
    return _crc(_by_section(salt, slab)) == done.crc


class _Filling:
    """A slab whose sections come in one by one."""

    def __init__(self, slab: Slab, traces: int, work: Work) -> None:
        self._slab, self._work = slab, work
        first, last = work.samples
        self._salt = np.empty((len(slab), traces, last - first), np.uint8)
        self._tiles = self._recorded = 0

    def take(self, done: Predicted) -> None:
        self._salt[done.section.place - self._slab.lines[0]] = done.salt.T
        self._tiles += done.tiles
        self._recorded += done.recorded

    def write(self, store: Store) -> SlabDone:
        slab, salt = self._slab, self._salt
        lying = salt if slab.direction == "inline" else salt.swapaxes(0, 1)
        store.write(slab.volume, slab.direction, slab.where, slice(*self._work.samples), lying)
        stores.sync()
        above = _salt(salt, self._work.threshold)
        return SlabDone(slab.number, self._tiles, self._recorded, above, _crc(salt))


def _by_section(salt: Grey, slab: Slab) -> Grey:
    """[inline, crossline, sample] -> [section, trace, sample]."""
    return np.ascontiguousarray(salt if slab.direction == "inline" else salt.swapaxes(0, 1))


def _crc(values: Grey) -> int:
    return zlib.crc32(np.ascontiguousarray(values).data)


def _salt(values: Grey, threshold: float) -> int:
    return int(np.count_nonzero(levels_above(threshold)[values]))


def _sections(slabs: Sequence[Slab], work: Work) -> Iterator[Section]:
    for slab in slabs:
        yield from slab.sections(work.block)


def _some(sections: Generator[Predicted], count: int) -> Iterator[Predicted]:
    for _ in range(count):
        yield next(sections)
