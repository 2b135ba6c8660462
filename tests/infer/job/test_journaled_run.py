from __future__ import annotations

import gc
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from salt_infer.data.source import Tile, TileSource
from salt_infer.execution.local import LocalExecutor
from salt_infer.execution.pipeline import RunOptions, group_count
from salt_infer.execution.results import FinishedGroup
from salt_infer.job.journal import Journal
from salt_infer.job.journaled_run import JournaledRun
from salt_infer.job.publish import Outputs
from salt_infer.job.watcher import Watcher
from salt_infer.masks.decision import Decision
from salt_infer.predictor.model import SaltModel
from tests import pngs
from tests.conftest import ROOT
from tests.infer import steady
from tests.infer.finished import FINGERPRINT

MOST = 64  # bytes a tile that a run may need beside the list of tiles, with one tile a batch


class Repeated(TileSource):
    """One tile under so many names."""

    def __init__(self, count: int) -> None:
        self.tiles = [Tile(f"{number:08d}", "") for number in range(count)]
        self._data = pngs.good_tile()

    def read(self, tile: Tile) -> bytes:
        return self._data


def run_all(folder: Path, model: SaltModel, source: TileSource, batch_size: int) -> None:
    """From tiles to published outputs of every kind. Of memory, the peak is from when all batches
    are done: how many are under way at once, or not yet collected, differs from run to run.
    """
    folder.mkdir()
    groups = group_count(len(source.tiles), batch_size)
    options = RunOptions(batch_size, probabilities=True)
    outputs = Outputs(
        folder / "x.csv", None, folder / "x.npz", None, (), details=True, overwrite=False
    )
    with Journal(folder / "x.csv.journal", FINGERPRINT, groups, FinishedGroup.unpack) as journal:
        run = JournaledRun(source, LocalExecutor(model), journal, options, "skip", Watcher())
        run.resume(retry_bad=False)
        run.carry_out()
        gc.collect()
        tracemalloc.reset_peak()
        outputs.publish(run.rows, journal.publishing, Decision(0.5, 0.5))
        run.report(folder / "x.csv")


@pytest.mark.slow
def test_memory_grows_by_little_more_than_the_list_of_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady.patch(monkeypatch)
    model = SaltModel.load(gate=1.0)
    peaks = []
    for count in (100, 2100):
        source = Repeated(count)
        run_all(tmp_path / f"warm-{count}", model, Repeated(20), 1)
        tracemalloc.start()
        run_all(tmp_path / str(count), model, source, 1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 2000 < MOST


RESIDENT = """
import json, resource, sys
from pathlib import Path
from salt_infer.predictor.model import SaltModel
from tests.infer import steady
from tests.infer.job.test_journaled_run import Repeated, run_all
SaltModel.load = steady.loading(lambda tiles: None)
source = Repeated(int(sys.argv[2]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
run_all(Path(sys.argv[1]), SaltModel.load(gate=1.0), source, 8)
print(json.dumps([before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


@pytest.mark.slow
def test_the_process_does_not_grow_with_the_tiles(tmp_path: Path) -> None:
    """20 times the tiles, and less than 1 KB for each of those that are more."""
    sizes = []
    for count in (1000, 20_000):
        command = [sys.executable, "-c", RESIDENT, str(tmp_path / str(count)), str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        sizes.append(json.loads(done.stdout)[1] * 1024)
    assert (sizes[1] - sizes[0]) / 19_000 < 1024


def test_a_source_that_is_not_sorted_is_a_mistake(tmp_path: Path) -> None:
    for names in (["b", "a"], ["a", "a"]):
        source = Repeated(0)
        source.tiles = [Tile(name, "") for name in names]
        with (
            Journal(tmp_path / "x.journal", FINGERPRINT, 1, FinishedGroup.unpack) as journal,
            pytest.raises(ValueError, match="must be sorted by id"),
        ):
            JournaledRun(
                source, LocalExecutor(SaltModel.load()), journal, RunOptions(), "skip", Watcher()
            )
