"""What a run writes depends on its tiles, its model and what runs that, and on nothing else.

Both runtimes give a tile the same bits in any batch here. A run that is resumed does not rely on
it: the journal keeps to the batch size, and ``tests/infer/job/test_job.py`` resumes a model whose
answers do depend on the batch.
"""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from salt_infer.backends.providers import Asked, ProviderRequest
from salt_infer.data import png
from salt_infer.job.job import Job, run
from salt_infer.job.watcher import Watcher
from salt_infer.predictor.model import SaltModel
from tests.conftest import ROOT

PATHS = sorted((ROOT / "examples/tiles").iterdir())[:12]
TILES = np.stack([png.decode(path.read_bytes()) for path in PATHS])

Vary = Callable[[Job], Job]


@pytest.fixture(scope="module", params=["cpu", pytest.param("openvino", marks=pytest.mark.slow)])
def provider(request: pytest.FixtureRequest) -> Asked:
    if request.param == "openvino":
        pytest.importorskip("openvino", reason="OpenVINO is not installed: extra openvino")
    return cast(Asked, request.param)


@pytest.fixture(scope="module")
def edge(provider: Asked) -> tuple[float, float]:
    """A threshold that a pixel is exactly at and a gate that a tile is: one bit more, and the pixel
    or the tile counts.
    """
    found = SaltModel.load(gate=0.0, provider=provider).predict(TILES)
    salt = float(np.sort(found.salt)[len(TILES) // 2])
    inside = np.sort(found.probability[found.salt > salt].ravel())
    return float(inside[np.searchsorted(inside, 0.5)]), salt


def test_a_tiles_bits_do_not_depend_on_its_batch(
    provider: Asked, edge: tuple[float, float]
) -> None:
    """Neither on how many tiles are in it, nor on which others pass the gate with it."""
    threshold, gate = edge
    model = SaltModel.load(threshold=threshold, gate=gate, provider=provider)
    whole = model.predict(TILES)
    kept = whole.probability.any(axis=(1, 2))
    assert 0 < kept.sum() < len(TILES)
    assert (whole.probability == np.float32(threshold)).any()
    for seed, size in enumerate((1, 2, 5, 7, 11)):
        order = np.random.default_rng(seed).permutation(len(TILES))
        found = model.predict(TILES[order], batch_size=size)
        for name in ("masks", "probability", "salt"):
            np.testing.assert_array_equal(getattr(found, name), getattr(whole, name)[order])


@pytest.fixture
def job(tmp_path: Path, provider: Asked, edge: tuple[float, float]) -> Job:
    folder = tmp_path / "tiles"
    folder.mkdir()
    for path in PATHS:
        (folder / path.name).write_bytes(path.read_bytes())
    return Job(
        folder, tmp_path / "x.csv", batch_size=4, decode_workers=1, threshold=edge[0],
        gate=edge[1], details=True, probabilities=tmp_path / "x.npz",
        provider=ProviderRequest(provider),
    )  # fmt: skip


def written(job: Job) -> list[bytes]:
    run(job, Watcher())
    assert job.probabilities
    return [path.read_bytes() for path in (job.out, job.probabilities)]


def zipped(job: Job) -> Job:
    """The tiles in another order, in a zip."""
    place = job.out.with_name("tiles.zip")
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in reversed(PATHS):
            archive.write(path, f"deep/{path.name}")
    return dataclasses.replace(job, images=place)


def listed(job: Job) -> Job:
    place = job.out.with_name("tiles.txt")
    place.write_text("\n".join(map(str, reversed(PATHS))))
    return dataclasses.replace(job, images=place)


def interrupted(job: Job) -> Job:
    class Impatient(Watcher):
        def advanced(self, tiles: int) -> None:
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(job, Impatient())
    return job


@pytest.mark.parametrize(
    "vary",
    [
        lambda job: dataclasses.replace(job, batch_size=1),
        lambda job: dataclasses.replace(job, batch_size=5),
        lambda job: dataclasses.replace(job, batch_size=64),
        lambda job: dataclasses.replace(job, decode_workers=7),
        lambda job: dataclasses.replace(job, decode_in="processes", decode_workers=2),
        zipped,
        listed,
        interrupted,
    ],
    ids=["batch 1", "batch 5", "batch 64", "workers", "processes", "zip", "list", "resumed"],
)
@pytest.mark.slow
def test_outputs_are_the_same_bytes(job: Job, vary: Vary) -> None:
    expected = written(job)
    folder = job.out.parent
    other = dataclasses.replace(job, out=folder / "y.csv", probabilities=folder / "y.npz")
    assert written(vary(other)) == expected
