"""Sections through the model: read, cut, run and blend at the same time, in bounded memory.

::

    sections -> [read, one thread] -> [cut, a pool] -> [run, one thread or some] -> [blend] -> bytes

:func:`salt_infer.execution.flow.flow` moves them; results come in the order of the sections. A
section's batches depend on it alone, so that its bytes do not depend on what else is run.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from salt_infer.batch.result import Cancel
from salt_infer.errors import ModelError
from salt_infer.execution.flow import Stage, Timed, flow, pools, timed_work
from salt_infer.execution.results import quantised
from salt_infer.execution.stage_clock import StageClock
from salt_infer.predictor.model import SaltModel
from salt_infer.system.signals import Check, never
from salt_survey.sections import tiling
from salt_survey.sections.display import Display
from salt_survey.sections.in_flight import Flight
from salt_survey.sections.reader import Reader, Recorded, Section
from salt_survey.sections.tiling import WHITE, Floats, Grey, Tiles, Window

BATCH = 32  # tiles, at most: more make a CPU no faster


@dataclasses.dataclass(frozen=True)
class Predicted:
    """A section that went through the model.

    Attributes:
        section: which.
        salt: uint8 [samples, traces] of those samples that were asked for, the probability in
            1/255; 0 where nothing was recorded.
        recorded: how many of these samples were.
        tiles: how many the model was asked about.
    """

    section: Section
    salt: Grey
    recorded: int
    tiles: int


class _Cut(NamedTuple):
    recorded: Recorded
    tiles: Tiles


class _Ran(NamedTuple):
    cut: _Cut
    probability: Floats  # [N, 101, 101]


@dataclasses.dataclass(frozen=True)
class _Steps:
    """What is done with a section once it is read."""

    model: SaltModel
    display: Display
    window: Window | None
    clock: StageClock
    cancel: Cancel

    def cut(self, recorded: Recorded) -> _Cut:
        along = self.display.along(recorded.section.direction)
        return _Cut(recorded, tiling.cut(recorded.amplitude, recorded.there, along, self.window))

    def run(self, cut: _Cut) -> _Ran:
        started = time.perf_counter()
        probability = judged(self.model, cut.tiles, self.display, self.cancel)
        self.clock.ran(time.perf_counter() - started)
        return _Ran(cut, probability)

    def blend(self, ran: _Ran) -> Predicted:
        """With 0 where nothing was recorded; samples out of the window are left out."""
        (recorded, tiles), probability = ran
        samples = slice(*(self.window or (None,)))
        salt = quantised(tiling.blended(tiles, probability)[samples])
        there = recorded.there[samples]
        salt[~there] = 0
        return Predicted(recorded.section, salt, int(np.count_nonzero(there)), len(tiles.grey))


def batch_of(tiles: int) -> int:
    """Tiles of a batch, for sections of so many: all batches of a section are about the same size,
    as a GPU is to be given no half-empty ones.
    """
    return -(-tiles // max(1, -(-tiles // BATCH))) if tiles else 1


def predicted(
    sections: Iterable[Section],
    reader: Reader,
    model: SaltModel,
    display: Display,
    clock: StageClock,
    flight: Flight,
    check: Check = never,
    window: Window | None = None,
) -> Generator[Predicted]:
    """Yield sections in the order they are asked for.

    Closing the generator early, or an exception in the caller, cancels what is in flight.

    Args:
        sections: which; those of one block one after the other.
        reader: has them; is used by one thread.
        model: what runs the tiles.
        display: how it is shown them.
        clock: told of the work.
        flight: threads, and how many sections are between them.
        check: called while there is nothing to do; may raise.
        window: samples that are asked for, all if None. The model is shown those tiles alone on
            which they hang, so that they are what they are in the whole.

    Raises:
        ModelError: the model failed.
        SurveyError: the survey cannot be read any more.
    """
    cancel = Cancel()
    steps = _Steps(model, display, window, clock, cancel)
    clock.threads |= {"run": flight.runners, "decode": flight.workers + 1}
    counts = (1, flight.workers, flight.runners, 1)
    with pools(counts, cancel) as (reading, cutting, running, blending):
        to_read, to_cut, to_run, to_blend = flight.rooms
        stages = (
            Stage(reading, timed_work(clock, "decode", reader.read), to_read),
            Stage(cutting, timed_work(clock, "decode", steps.cut), to_cut),
            Stage(running, timed_work(clock, "run", steps.run), to_run),
            Stage(blending, timed_work(clock, "encode", steps.blend), to_blend),
        )
        items = (Timed(section, time.perf_counter()) for section in sections)
        for done in flow(items, stages, check):
            yield done.value


def judged(
    model: SaltModel, tiles: Tiles, display: Display, cancel: Cancel | None = None
) -> npt.NDArray[np.float32]:
    """Each pixel's probability times what the judge says of its tile; of both polarities the mean.

    A tile that the model's gate stops is 0 everywhere.

    Returns:
        float32 [N, 101, 101] in 0..1.

    Raises:
        ModelError: the model failed, or was cancelled.
    """
    grey = tiles.grey
    if display.polarity == "normal":
        return _products(model, grey, len(tiles.layout), cancel)
    reversed_ = _products(model, WHITE - grey, len(tiles.layout), cancel)
    if display.polarity == "reversed":
        return reversed_
    reversed_ += _products(model, grey, len(tiles.layout), cancel)
    return reversed_ * np.float32(0.5)


def _products(model: SaltModel, grey: Grey, whole: int, cancel: Cancel | None) -> Floats:
    size = batch_of(whole)
    products = np.zeros(grey.shape, np.float32)
    for start in range(0, len(grey), size):
        if cancel is not None and cancel.cancelled:
            raise ModelError("the run was given up")
        found = model.decide(model.run(grey[start : start + size], cancel))
        products[start + found.kept] = found.pixel_salt
    return products
