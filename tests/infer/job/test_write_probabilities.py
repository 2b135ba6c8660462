from __future__ import annotations

import dataclasses
import io
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from salt_infer.backends.providers import ProviderRequest
from salt_infer.execution.results import FinishedGroup, Row
from salt_infer.job import write_probabilities
from salt_infer.job.job import Job, run
from salt_infer.job.watcher import Watcher
from salt_infer.masks.decision import Decision
from tests.conftest import ROOT
from tests.infer.finished import finished

GROUPS = [
    finished(0, ["a", "b"], ["1 2", ""]),
    finished(1, ["d"], ["3 4"], bad=["c"]),
    finished(2, ["e long name"], ["3 4"]),
]
DECISION = Decision(0.4, 0.45)


def rows() -> Iterator[Row]:
    return (row for group in GROUPS for row in group.entries(empty=True))


def test_the_npz_holds_what_the_documentation_says() -> None:
    file = io.BytesIO()
    write_probabilities.write_npz(file, rows, DECISION)
    file.seek(0)
    with np.load(file, allow_pickle=False) as found:
        assert sorted(found.files) == [
            "gate", "ids", "pixel_salt", "probability", "salt", "threshold",
        ]  # fmt: skip
        for name, value in dataclasses.asdict(DECISION).items():
            assert (found[name].dtype, found[name].shape) == (np.float32, ())
            assert found[name] == np.float32(value)
        assert found["ids"].dtype.kind == "U"
        assert found["ids"].tolist() == ["a", "b", "c", "d", "e long name"]
        assert (found["probability"].dtype, found["probability"].shape) == (np.uint8, (5, 101, 101))
        for place, row in enumerate(rows()):
            np.testing.assert_array_equal(found["probability"][place], row.probability())
            expected = np.nan_to_num(row.salt) * row.probability()
            assert np.abs(found["pixel_salt"][place] - expected).max() <= 0.5 + 1e-3
        assert found["probability"].any(axis=(1, 2)).tolist() == [True, False, False, True, True]
        assert found["salt"].dtype == np.float32
        assert found["salt"] == pytest.approx([0.1, 0.9, np.nan, 0.1, 0.1], nan_ok=True)


def test_the_same_rows_give_the_same_bytes() -> None:
    files = [io.BytesIO(), io.BytesIO()]
    for file in files:
        write_probabilities.write_npz(file, rows, DECISION)
    assert files[0].getvalue() == files[1].getvalue()


def test_without_rows() -> None:
    file = io.BytesIO()
    write_probabilities.write_npz(file, lambda: iter(()), DECISION)
    file.seek(0)
    with np.load(file, allow_pickle=False) as found:
        assert found["ids"].shape == found["salt"].shape == (0,)
        assert found["probability"].shape == (0, 101, 101)


def test_a_folder_has_an_array_a_tile(tmp_path: Path) -> None:
    write_probabilities.write_folder(tmp_path, rows())
    assert sorted(os.listdir(tmp_path)) == [f"{row.id}.npy" for row in rows()]
    for row in rows():
        found = np.load(tmp_path / f"{row.id}.npy", allow_pickle=False)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, row.pixel_salt())


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def many(count: int) -> Iterator[Row]:
        row = GROUPS[0].entries(empty=False)[0]
        return (row._replace(id=f"{number:05d}") for number in range(count))

    peaks = []
    for count in (10, 2000):  # 2000 maps are 20 MB
        with open(tmp_path / "x.npz", "wb") as file:
            tracemalloc.start()
            write_probabilities.write_npz(file, lambda: many(count), DECISION)  # noqa: B023
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000


def test_without_a_judge_a_pixels_salt_is_its_own(judgeless_model: Path, tmp_path: Path) -> None:
    """From the command's job, through the journal."""
    job = Job(
        ROOT / "examples/tiles", tmp_path / "a.csv", judgeless_model, gate=0.0, threshold=0.5,
        probabilities=tmp_path / "a.npz", provider=ProviderRequest("cpu"),
    )  # fmt: skip
    run(job, Watcher())
    with np.load(tmp_path / "a.npz", allow_pickle=False) as found:
        np.testing.assert_array_equal(found["pixel_salt"], found["probability"])
        assert found["probability"].any()
    group = dataclasses.replace(GROUPS[0], judged=False)
    again = FinishedGroup.unpack(group.number, *group.pack())
    row = again.entries(empty=False)[0]
    np.testing.assert_array_equal(row.pixel_salt(), row.probability())
    assert not np.array_equal(row.pixel_salt(), GROUPS[0].entries(empty=False)[0].pixel_salt())
