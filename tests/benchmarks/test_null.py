from __future__ import annotations

import csv
from pathlib import Path

import null
import numpy as np
import pytest
import tilesets

from salt_infer import SaltModel
from salt_infer.job.job import Job, run
from salt_infer.job.watcher import Watcher
from salt_infer.masks import rle


@pytest.mark.parametrize("views", [1, 2])
def test_it_answers_in_the_contracts_shapes(views: int) -> None:
    tiles = np.zeros((30, views, 101, 101), np.uint8)
    found = null.NullSession().run(tiles, 0.5)
    assert found.probability.shape == (len(found.kept), views, 101, 101)
    assert (found.probability.dtype, found.salt.shape) == (np.float32, (30,))
    assert 0 < len(found.kept) < 30  # some tiles have no salt
    assert np.array_equal(found.kept, np.flatnonzero(found.salt > 0.5))
    np.testing.assert_array_equal(found.probability[:, -1, :, :: 1 if views == 1 else -1],
                                  found.probability[:, 0])  # fmt: skip


def test_the_program_runs_with_it_and_only_then(tmp_path: Path) -> None:
    images, out = tilesets.multiplied(tilesets.EXAMPLES, 50, tmp_path / "tiles"), tmp_path / "a.csv"
    load = SaltModel.load
    with null.loaded():
        report = run(Job(images, out), Watcher())
    assert SaltModel.load == load
    rows = list(csv.reader(out.read_text().splitlines()))[1:]
    masks = null._masks()
    assert [name for name, _ in rows] == [f"tile-{number:06d}" for number in range(50)]
    # Batches of 32: each begins with the first mask again.
    expected = [masks[number % 32 % len(masks)] for number in range(50)]
    assert [text for _, text in rows] == rle.encode(np.stack(expected))
    assert report.model.provider == "null"
