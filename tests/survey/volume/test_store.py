from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from zarr.storage import LocalStore

from salt_infer.errors import InputError, OutputError
from salt_survey.reading.survey import Survey
from salt_survey.volume.store import Store
from tests.survey import small


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (RuntimeError("can't start new thread"), RuntimeError),
        (RuntimeError("error during blosc decompression: -1"), InputError),
        (ValueError("cannot reshape"), InputError),
    ],
)
def test_what_the_system_denies_is_no_fault_of_the_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[Exception]
) -> None:
    """A command tells the one by what mends it, the other by the volume's name."""
    with Survey.open(small.survey(tmp_path)) as survey:
        store = Store.create(tmp_path / "p.zarr", survey, {"probability": (16, 16)})

    class Denied:
        def __getitem__(self, where: Any) -> None:
            raise error

    monkeypatch.setattr(Store, "_array", lambda self, name: Denied())
    with pytest.raises(raised):
        store.read("probability", "inline", slice(0, 1))


@pytest.mark.parametrize("direction", ["inline", "crossline"])
def test_a_region_is_written_chunk_by_chunk(
    tmp_path: Path, direction: Literal["inline", "crossline"]
) -> None:
    """Also one that begins and ends within chunks, as ``--times`` asks for."""
    random = np.random.default_rng(0)
    with Survey.open(small.survey(tmp_path)) as survey:
        store = Store.create(tmp_path / "p.zarr", survey, {"probability": (3, 4)})
    expected = np.zeros(store.shape, np.uint8)
    lines, samples = slice(2, 6), slice(7, store.shape[2] - 3)
    where = (
        (lines, slice(None), samples) if direction == "inline" else (slice(None), lines, samples)
    )
    expected[where] = random.integers(0, 256, expected[where].shape, np.uint8)
    store.write("probability", direction, lines, samples, expected[where])
    np.testing.assert_array_equal(store.read("probability", "inline", slice(None)), expected)


def test_nothing_more_is_written_once_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes on behind an error is told of by tracebacks when the program ends, and writes into
    a folder that is being removed.
    """
    with Survey.open(small.survey(tmp_path)) as survey:
        store = Store.create(tmp_path / "p.zarr", survey, {"probability": (1, 1)})
    written = []

    async def full(self: LocalStore, key: str, value: Any) -> None:
        written.append(key)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LocalStore, "set", full)
    salt = np.ones(store.shape, np.uint8)
    with pytest.raises(OutputError, match=r"p\.zarr cannot be written \(No space left"):
        store.write("probability", "inline", slice(0, len(salt)), slice(0, salt.shape[2]), salt)
    assert len(written) == 1
