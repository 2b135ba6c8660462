from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from salt_infer.batch.result import BatchResult, Cancel
from salt_infer.data.factory import open_tiles
from salt_infer.data.source import Tile, TileSource
from salt_infer.errors import ModelError, TileError
from salt_infer.execution.flow import Stage, flow
from salt_infer.execution.pipeline import RunOptions, finished_groups, stamps_of, unwritten
from salt_infer.execution.stage_clock import StageClock
from salt_infer.masks import rle
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.settings import Settings
from salt_train.checkpoints.checkpoint import build_model, load
from salt_train.scoring import evaluate
from tests import drawing

SETTINGS = Settings(threshold=0.5, gate=0.4, tta="hflip")
OPTIONS = RunOptions(batch_size=7, decode_workers=2)


def pool_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("salt-infer")]


def rows_of(folder: Path, model: SaltModel, options: RunOptions = OPTIONS) -> dict[str, str]:
    with open_tiles(folder) as source:
        batches = list(finished_groups(source, model, options, StageClock()))
    return {
        name: text for batch in batches for name, text in zip(batch.ids, batch.rle, strict=True)
    }


@pytest.mark.slow
def test_the_rows_are_those_of_the_network_in_torch(
    tile_folder: Path, tiny_checkpoint: Path, gated_model: Path
) -> None:
    data = drawing.draw(40, seed=1)
    prediction = evaluate.predict(build_model(load(tiny_checkpoint)), data.tiles, "hflip")
    gate = float(np.median(prediction.salt)) + 1e-5
    masks = prediction.masks(evaluate.Decision(SETTINGS.threshold, gate))
    expected = dict(zip(data.ids, rle.encode(masks), strict=True))
    model = SaltModel.load(gated_model, threshold=0.5, gate=gate, tta="hflip")
    rows = rows_of(tile_folder / "tiles", model)
    assert any(expected.values())
    assert "" in expected.values()
    # A pixel on the threshold may fall on either side: torch adds in another order.
    assert rows.keys() == expected.keys()
    flipped = [np.sum(rle.decode(rows[k]) != rle.decode(expected[k])) for k in rows]
    assert sum(flipped) <= 5


@pytest.mark.parametrize("batch_size", [1, 7, 64])
@pytest.mark.parametrize("workers", [1, 4])
def test_rows_do_not_depend_on_batches_or_workers(
    tile_folder: Path, gated_model: Path, batch_size: int, workers: int
) -> None:
    model = SaltModel.load(gated_model, gate=0.4)
    rows = rows_of(tile_folder / "tiles", model, RunOptions(batch_size, workers))
    assert rows == rows_of(tile_folder / "tiles", model)
    assert list(rows) == sorted(rows)


class FakeSession:
    """Keeps every tile and finds no salt; counts how many batches are under way."""

    at_once = 1

    def __init__(self) -> None:
        self.batches = 0
        self.cancel = Cancel()

    def run(self, tiles: np.ndarray, gate: float, cancel: Cancel) -> BatchResult:
        self.batches += 1
        self.cancel = cancel
        count = len(tiles)
        probability = np.zeros(tiles.shape, np.float32)
        return BatchResult(probability, np.ones(count, np.float32), np.arange(count))


def fake(session: FakeSession) -> SaltModel:
    return SaltModel(session, SETTINGS)  # type: ignore[arg-type]


class EndlessSource(TileSource):
    """More tiles than fit in memory, all the same; counts reads."""

    def __init__(self, count: int) -> None:
        from tests.pngs import good_tile

        self.data = good_tile()
        self.tiles = [Tile(f"{index:06d}", "") for index in range(count)]
        self.reads = 0

    def read(self, tile: Tile) -> bytes:
        self.reads += 1
        return self.data


def test_queues_are_bounded() -> None:
    source, model = EndlessSource(5000), FakeSession()
    batches = finished_groups(source, fake(model), OPTIONS, StageClock())
    next(batches)
    time.sleep(0.3)
    in_flight = (OPTIONS.decode_workers + 1) + 2 + 2 + 1
    assert source.reads <= in_flight * OPTIONS.batch_size
    batches.close()
    assert model.cancel.cancelled
    assert not pool_threads()


class HeldUp(FakeSession):
    """Holds each tenth batch up, and notes how far others get before it is in the caller's hands.

    Attributes:
        taken: batches that the caller has.
        most: batches that were begun and not taken, at most.
        released: lets those that are held up go on.
    """

    at_once = 3

    def __init__(self) -> None:
        super().__init__()
        self.taken = self.most = 0
        self.released = threading.Condition()

    def run(self, tiles: np.ndarray, gate: float, cancel: Cancel) -> BatchResult:
        with self.released:
            result = super().run(tiles, gate, cancel)
            self.most = max(self.most, self.batches - self.taken)
            if self.batches % 10 == 1:
                self.released.wait()
        return result

    def release(self) -> None:
        """Once all that may be begun has been: it is called when there is nothing else to do."""
        with self.released:
            if self.batches - self.taken >= self.at_once + 1:
                self.released.notify_all()


def test_a_batch_that_is_held_up_is_not_left_far_behind() -> None:
    """What a kill costs is bounded, whichever thread the machine lets sleep."""
    model = HeldUp()
    source, options = EndlessSource(60), RunOptions(batch_size=1, decode_workers=2)
    for batch in finished_groups(source, fake(model), options, StageClock(), check=model.release):
        assert batch.number == model.taken
        with model.released:
            model.taken += 1
    assert model.taken == 60
    assert model.most == unwritten(fake(model)) == 4


def test_a_failing_model_ends_the_run_and_its_threads() -> None:
    class Broken(FakeSession):
        def run(self, tiles: np.ndarray, gate: float, cancel: Cancel) -> BatchResult:
            if self.batches == 3:
                raise ModelError("out of memory")
            return super().run(tiles, gate, cancel)

    def consume() -> Iterator[str]:
        for batch in finished_groups(EndlessSource(5000), fake(Broken()), OPTIONS, StageClock()):
            yield from batch.ids

    with pytest.raises(ModelError, match="out of memory"):
        list(consume())
    assert not pool_threads()


def test_a_run_given_up_starts_no_further_batch() -> None:
    """One batch is in the runtime and another waits when the caller leaves."""

    class Slow(FakeSession):
        def run(self, tiles: np.ndarray, gate: float, cancel: Cancel) -> BatchResult:
            result = super().run(tiles, gate, cancel)
            time.sleep(0.2)
            return result

    model = Slow()
    batches = finished_groups(EndlessSource(5000), fake(model), OPTIONS, StageClock())
    next(batches)
    started = model.batches
    batches.close()
    assert model.batches <= started + 1
    assert not pool_threads()


def test_a_group_of_bad_tiles_alone(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(b"")
    model = FakeSession()
    with open_tiles(tmp_path) as source:
        (batch,) = finished_groups(source, fake(model), OPTIONS, StageClock())
    assert [bad.tile.id for bad in batch.bad] == ["a", "b", "c"]
    assert batch.ids == batch.rle == []
    assert model.batches == 0


class SlowSource(EndlessSource):
    """A tile takes its time; knows which were begun, and lets others wait for one."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._begun: set[str] = set()
        self._moved = threading.Condition()

    def read(self, tile: Tile) -> bytes:
        with self._moved:
            self._begun.add(tile.id)
            self._moved.notify_all()
        time.sleep(0.02 / OPTIONS.batch_size)
        return super().read(tile)

    def wait_for(self, batches: int) -> bool:
        """Until so many batches are begun, or there are no more."""
        wanted = min(len(self.tiles), batches * OPTIONS.batch_size)
        with self._moved:
            return self._moved.wait_for(lambda: len(self._begun) >= wanted, timeout=600)


class Overtaken(FakeSession):
    """Slow, and holds each batch until tiles of the one after the next are read."""

    def __init__(self, source: SlowSource) -> None:
        super().__init__()
        self.source = source

    def run(self, tiles: np.ndarray, gate: float, cancel: Cancel) -> BatchResult:
        result = super().run(tiles, gate, cancel)
        assert self.source.wait_for(self.batches + 2)
        time.sleep(0.02)
        return result


def test_stages_overlap() -> None:
    """While a batch is run, tiles of later ones are read: one after the other it would hang."""
    source, clock = SlowSource(7 * 40), StageClock()
    model = Overtaken(source)
    for _ in finished_groups(source, fake(model), OPTIONS, clock):
        pass
    assert model.batches == 40
    assert clock.busy_s["run"] >= 40 * 0.02
    assert clock.busy_s["decode"] >= 40 * 0.02


def test_threshold_is_exclusive_and_views_are_averaged() -> None:
    class Half(FakeSession):
        def run(self, tiles: np.ndarray, gate: float, cancel: Cancel) -> BatchResult:
            result = super().run(tiles, gate, cancel)
            result.probability[:, 0, 0, :3] = (0.5, 0.9, 1.0)
            result.probability[:, 1, 0, -3:] = (0.0, 0.2, 0.5)
            return result

    (batch,) = finished_groups(EndlessSource(1), fake(Half()), OPTIONS, StageClock())
    # means: (0.5 + 0.5) / 2 is not above 0.5; (0.9 + 0.2) / 2 is; (1.0 + 0.0) / 2 is not.
    assert batch.rle == ["102 1"]


def test_only_the_groups_asked_for_are_run(tile_folder: Path) -> None:
    model = FakeSession()
    with open_tiles(tile_folder / "tiles") as source:
        batches = list(finished_groups(source, fake(model), OPTIONS, StageClock(), groups=[5, 1]))
        everything = list(finished_groups(source, fake(model), OPTIONS, StageClock()))
        stamps = list(stamps_of(source, range(6), OPTIONS))
    assert [batch.number for batch in batches] == [5, 1]
    assert batches[0].ids == everything[5].ids
    assert len(batches[0].ids) == 40 - 5 * OPTIONS.batch_size
    assert [(batch.number, batch.stamp) for batch in everything] == stamps
    assert len({stamp for _, stamp in stamps}) == 6


def test_the_clock_sees_each_stage_and_each_batch() -> None:
    source, clock = SlowSource(7 * 10), StageClock()
    with clock.running():
        for batch in finished_groups(source, fake(Overtaken(source)), OPTIONS, clock):
            clock.finished(len(batch.ids))
    timing = clock.timing(0.0)
    assert timing.threads == {"decode": 2, "run": 1, "encode": 1, "journal": 1}
    assert timing.busy_s["run"] >= 10 * 0.02
    assert timing.batch_s["p50"] >= 0.02
    # Decoded batches wait for the model, and the model's hardly for anyone.
    assert timing.waited_s["run"] > 0.02
    assert timing.wall_s >= 10 * 0.02


def test_a_check_that_raises_ends_the_run_and_its_threads() -> None:
    class Stop(Exception):
        pass

    looks: list[int] = []

    def check() -> None:
        looks.append(1)
        if len(looks) == 20:
            raise Stop

    model = FakeSession()
    with pytest.raises(Stop):
        list(finished_groups(EndlessSource(5000), fake(model), OPTIONS, StageClock(), check=check))
    assert model.cancel.cancelled
    assert not pool_threads()


class StuckSource(EndlessSource):
    """From one tile on nothing is read until the run is given up."""

    def __init__(self, count: int, stuck: int) -> None:
        super().__init__(count)
        self.stuck, self.given_up = self.tiles[stuck].id, threading.Event()

    def read(self, tile: Tile) -> bytes:
        if tile.id >= self.stuck and self.given_up.wait(600):
            raise TileError("given up")
        return super().read(tile)

    def give_up(self) -> None:
        self.given_up.set()


def test_what_is_done_does_not_wait_for_what_cannot_be_read() -> None:
    """Each finished batch is handed out at once, and a run given up waits for no server."""
    source = StuckSource(5000, 3 * OPTIONS.batch_size)
    batches = finished_groups(source, fake(FakeSession()), OPTIONS, StageClock())
    assert [next(batches).number for _ in range(3)] == [0, 1, 2]
    assert not source.given_up.is_set()
    batches.close()
    assert source.given_up.is_set()
    assert not pool_threads()


def test_a_source_is_not_given_up_where_all_went_well() -> None:
    source = StuckSource(20, 0)
    source.stuck = "z"
    assert len(list(finished_groups(source, fake(FakeSession()), OPTIONS, StageClock()))) == 3
    assert not source.given_up.is_set()


class Sudden(Future[int]):
    """Done from one look at it to the next, which no thread has to be waited for."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def done(self) -> bool:
        self.looks -= 1
        if self.looks == 0:
            self.set_result(0)
        return super().done()


class Prepared:
    """A pool that gives what it was given."""

    def __init__(self, *coming: Future[int]) -> None:
        self.coming = list(coming)

    def submit(self, *_: object) -> Future[int]:
        return self.coming.pop(0)


def ready() -> Future[int]:
    future = Future[int]()
    future.set_result(0)
    return future


@pytest.mark.parametrize("looks", range(1, 12))
def test_nothing_done_is_overlooked_while_what_follows_hangs(looks: int) -> None:
    """An item may be done at any moment: the third one, which never is, does not hold it up."""
    second, checks = Future[int](), itertools.count()

    def check() -> None:
        count = next(checks)
        if count == 4:
            second.set_result(0)  # something else happens meanwhile
        assert count < 50

    pools = [(ready(), ready(), Future[int]()), (ready(), second), (Sudden(looks),)]
    stages = [
        Stage(Prepared(*coming), int, room)  # type: ignore[arg-type]
        for coming, room in zip(pools, (4, 3, 1), strict=True)
    ]
    assert next(flow(range(3), stages, check)) == 0
