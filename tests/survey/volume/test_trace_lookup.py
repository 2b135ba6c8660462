"""Traces of a stored volume, in any order and with any memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salt_survey.reading.survey import Survey
from salt_survey.sections.tiling import Grey
from salt_survey.volume import store as stores
from salt_survey.volume.store import Store
from salt_survey.volume.trace_lookup import Traces
from tests.survey import small

ALL = slice(None)
SHAPE = small.INLINES, small.CROSSLINES, small.SAMPLES


@pytest.fixture(scope="module")
def volume() -> Grey:
    return np.random.default_rng(5).integers(0, 256, SHAPE, np.uint8)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, volume: Grey) -> Store:
    folder = tmp_path_factory.mktemp("lookup")
    with Survey.open(small.survey(folder)) as survey:
        made = Store.create(folder / "p.zarr", survey, {"probability": (16, 16)})
    made.write("probability", "inline", ALL, ALL, volume)
    stores.sync()
    return made


@settings(max_examples=30)
@given(
    places=st.lists(st.tuples(*(st.integers(0, lines - 1) for lines in SHAPE[:2])), max_size=40),
    most=st.sampled_from([1, 2 * 16 * 16 * small.SAMPLES, 1 << 30]),
)
def test_each_trace_is_its_own(
    places: list[tuple[int, int]], most: int, store: Store, volume: Grey
) -> None:
    rows, columns = np.array(places, np.int64).reshape(-1, 2).T
    found = Traces(store, most=most)(rows, columns)
    np.testing.assert_array_equal(found, volume[rows, columns] / np.float32(255))


@pytest.mark.parametrize("way", [0, 1])
def test_a_sorted_file_unpacks_each_chunk_once(
    way: int, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line after line, in memory for one row of chunks."""
    read: list[int] = []
    block = Store.block

    def counted(self: Store, name: str, inlines: slice, crosslines: slice) -> Grey:
        found = block(self, name, inlines, crosslines)
        read.append(found.size)
        return found

    monkeypatch.setattr(Store, "block", counted)
    along = SHAPE[1 - way]
    traces = Traces(store, most=16 * along * small.SAMPLES)
    for line in range(SHAPE[way]):
        lines = np.full(along, line), np.arange(along)
        traces(*(lines if way == 0 else lines[::-1]))
    assert sum(read) == np.prod(SHAPE)


@pytest.mark.parametrize("way", [0, 1])
def test_too_little_memory_for_a_row_of_chunks_keeps_what_it_holds(
    way: int, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line begins with the part that the line before ended with."""
    unpacked = np.zeros(SHAPE[:2], int)
    block = Store.block

    def counted(self: Store, name: str, inlines: slice, crosslines: slice) -> Grey:
        unpacked[inlines, crosslines] += 1
        return block(self, name, inlines, crosslines)

    monkeypatch.setattr(Store, "block", counted)
    along = SHAPE[1 - way]
    traces = Traces(store, most=16 * along * small.SAMPLES * 3 // 4)
    for line in range(16):  # of one row of chunks
        lines = np.full(along, line), np.arange(along)
        traces(*(lines if way == 0 else lines[::-1]))
    row = unpacked[:16] if way == 0 else unpacked[:, :16]
    assert row.max() <= 16 // 2 + 1
