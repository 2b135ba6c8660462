"""Traces of an array in pieces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from zarr.codecs import BytesCodec

from salt_survey.reading import chunks
from salt_survey.reading.arrays import ArraySource
from salt_survey.reading.chunks import Pieces
from salt_survey.reading.survey import Survey
from salt_survey.scan.overrides import Overrides

Shape = tuple[int, int, int]
shapes = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50))


@given(shapes, st.none() | shapes, st.sampled_from([1, 400, 6000, chunks.MOST]), st.data())
def test_each_trace_is_in_one_piece(
    shape: Shape, chunk: Shape | None, most: int, data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "MOST", most)
        pieces = Pieces.of(shape, chunk)
    numbers = np.concatenate(list(pieces.all()))
    assert sorted(numbers.tolist()) == list(range(shape[0] * shape[1]))
    some = np.array(data.draw(st.lists(st.sampled_from(numbers.tolist()), unique=True)), np.int64)
    volume = np.arange(shape[0] * shape[1]).reshape(shape[:2])
    found = np.full(len(some), -1)
    for which, (places, rows, columns) in pieces.parts(some):
        box = volume[rows, columns]
        assert box.size == 1 or 4 * box.size * shape[2] <= most
        found[which] = box[tuple(places)]
    assert found.tolist() == some.tolist()


@pytest.mark.parametrize(
    ("shape", "chunk", "pieces", "largest"),
    [
        # Many small chunks in a piece, and lines.
        ((60, 80, 400), (1, 1, 400), 1, 60 * 80),
        ((60, 80, 400), (4, 4, 400), 1, 60 * 80),
        ((651, 951, 462), (64, 64, 64), 11 * 4, 64 * 256),
        ((651, 951, 462), None, 35, 19 * 951),
        # A chunk's traces with all of their samples are too many: parts that begin with chunks.
        ((1000, 1000, 3000), (128, 128, 128), 8 * 55, 128 * 19),
        ((9, 9, 1 << 27), None, 81, 1),
    ],
)
def test_pieces_are_as_large_as_is_allowed(
    shape: Shape, chunk: Shape | None, pieces: int, largest: int
) -> None:
    found = [len(each) for each in Pieces.of(shape, chunk).all()]
    assert len(found) == pieces
    assert max(found) == largest
    assert 4 * largest * shape[2] <= chunks.MOST or largest == 1


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The chunks that are unpacked, one by one."""
    found: list[object] = []
    decode = BytesCodec._decode_single

    async def counting(codec, chunk, spec):  # type: ignore[no-untyped-def]
        found.append(spec.shape)
        return await decode(codec, chunk, spec)

    monkeypatch.setattr(BytesCodec, "_decode_single", counting)
    return found


@pytest.fixture
def chunked(tmp_path: Path) -> Path:
    """A volume of eight chunks."""
    path = tmp_path / "v.zarr"
    values = np.random.default_rng(0).standard_normal((128, 128, 64)).astype(np.float32)
    array = zarr.create_array(str(path), shape=values.shape, chunks=(64, 64, 32), dtype="f4")
    array[:] = values
    return path


def test_a_chunk_is_unpacked_once_for_a_scan_and_once_for_a_block(
    chunked: Path, unpacked: list[object]
) -> None:
    values = np.asarray(zarr.open_array(str(chunked), mode="r")[:])
    assert len(unpacked) == 8
    with Survey.open(chunked, overrides=Overrides(interval_ms=4)) as survey:
        assert len(unpacked) == 16
        block = survey.read(slice(10, 40), slice(None))
        assert len(unpacked) == 20
        across = survey.read(slice(None), slice(60, 70))
        assert len(unpacked) == 28
    np.testing.assert_array_equal(block.amplitude, values[10:40])
    np.testing.assert_array_equal(across.amplitude, values[:, 60:70])


def test_traces_come_in_the_order_in_which_they_are_asked_for(chunked: Path) -> None:
    values = np.asarray(zarr.open_array(str(chunked), mode="r")[:]).reshape(-1, 64)
    numbers = np.random.default_rng(1).permutation(len(values))[:500]
    source = ArraySource(chunked)
    np.testing.assert_array_equal(source.read(numbers).samples, values[numbers])
    assert source.read(numbers[:0]).samples.shape == (0, 64)
