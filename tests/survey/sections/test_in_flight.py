from __future__ import annotations

import dataclasses
import threading
import tracemalloc
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.execution.stage_clock import StageClock
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.prediction import Decided
from salt_survey.sections import tiling
from salt_survey.sections.display import Display, Stretch, Zoom
from salt_survey.sections.in_flight import Flight, Room
from salt_survey.sections.predict import predicted
from salt_survey.sections.reader import Reader, Recorded, Section

SHAPE = (400, 500)  # samples and traces: large enough that nothing else counts
PLACE = tiling.layout(*SHAPE, Display().zoom, 50)


@dataclasses.dataclass
class Full:
    """A reader, and a model that gives no answer before all sections that may be are under way."""

    flight: Flight
    read_: int = 0
    full: threading.Event = dataclasses.field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.amplitude = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
        self.session = SimpleNamespace(at_once=self.flight.runners)

    def read(self, section: Section) -> Recorded:
        there = np.ones(SHAPE, bool)
        there[:, 7] = False
        self.read_ += 1
        if self.read_ == self.flight.rooms[0]:
            self.full.set()
        return Recorded(section, self.amplitude.copy(), there)

    def run(self, tiles: tiling.Grey, cancel: object) -> tiling.Grey:
        assert self.full.wait(60)
        return tiles

    def decide(self, tiles: tiling.Grey) -> Decided:
        count = len(tiles)
        return Decided(
            kept=np.arange(count), probability=np.full(tiles.shape, 0.5, np.float32),
            masks=np.zeros(tiles.shape, bool), salt=np.full(count, 0.5, np.float32),
        )  # fmt: skip


def peak(flight: Flight, display: Display) -> int:
    """Bytes at most of sections through all stages."""
    tiling.cut(np.ones(SHAPE, np.float32), np.ones(SHAPE, bool), display)  # what is made but once
    both = Full(flight)
    count = flight.rooms[0] + 6
    sections = (Section("inline", place, place, place + 1) for place in range(count))
    reader, model = cast(Reader, both), cast(SaltModel, both)
    tracemalloc.start()
    try:
        found = predicted(sections, reader, model, display, StageClock(), flight)
        assert sum(1 for _ in found) == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("flight", [Flight(), Flight(2, 1), Flight(4, 1), Flight(4, 4)])
def test_sections_under_way_need_no_more_than_is_said(flight: Flight) -> None:
    display = Display()
    # Batches are of the model's memory: 32 tiles, three times as float32.
    batches = flight.runners * 32 * tiling.SIDE**2 * 3 * 4
    assert peak(flight, display) <= flight.sections_need(PLACE) + batches


@pytest.mark.parametrize(
    "display", [Display(Zoom(3, 3), stride=101), Display(stride=20),
                Display(stretch=Stretch.parse("1%")), Display(Zoom(4, 0.3)), Display(Zoom(0.3, 4))],
)  # fmt: skip
def test_so_it_is_however_they_are_shown(display: Display) -> None:
    flight = Flight(2, 1)
    place = tiling.layout(*SHAPE, display.zoom, display.stride)
    batches = 32 * tiling.SIDE**2 * 3 * 4
    assert peak(flight, display) <= flight.sections_need(place) + batches


@given(st.integers(1, 64), st.integers(1, 8), st.integers(0, 4 << 30))
def test_as_many_threads_as_there_is_memory_for(workers: int, runners: int, spare: int) -> None:
    room = Room((PLACE, tiling.layout(400, 900, Display().zoom, 50)), spare)
    found = room.flight(workers, runners)
    assert 1 <= found.workers <= workers
    assert 1 <= found.runners <= runners
    assert room.fits(found) or found == Flight()
    if found.workers < workers:
        assert not room.fits(dataclasses.replace(found, workers=found.workers + 1))
    if found.runners < runners:
        assert not room.fits(Flight(1, found.runners + 1))


def test_more_threads_and_larger_sections_need_more() -> None:
    assert Flight(1, 1).need(PLACE) < Flight(2, 1).need(PLACE) < Flight(2, 2).need(PLACE)
    wider = tiling.layout(400, 501, Display().zoom, 50)
    assert Flight().need(PLACE) < Flight().need(wider)
