from __future__ import annotations

import os
import signal
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from salt_infer.batch.result import Cancel
from salt_infer.data.factory import open_tiles
from salt_infer.data.source import TileSource
from salt_infer.errors import ModelError
from salt_infer.execution import decode_process, decoders, pipeline
from salt_infer.execution.decoders import FAST, FEWEST, LOOK_S, PAYS_S, Decoders, Pace
from salt_infer.execution.decoding import Decoded, Group, decode_group
from tests import pngs

SIZE = 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Tiles, bad ones among them, and one that is too large to be sent to another process."""
    inside = tmp_path / "tiles"
    inside.mkdir()
    for number in range(8):
        (inside / f"{number}.png").write_bytes(pngs.good_tile())
    for kind, (data, _) in pngs.bad_tiles().items():
        (inside / f"bad-{kind.replace('/', ' ')}.png").write_bytes(data)
    (inside / "gone.png").symlink_to("nowhere")
    (inside / "large.png").write_bytes(pngs.good_tile() + bytes(4 * 1024 * 1024 - 20_000))
    return inside


def listed(folder: Path) -> Path:
    path = folder.parent / "some.csv"
    path.write_text("id,path\nb,tiles/0.png\na,tiles/1.png\nc,tiles/gone.png\n")
    return path


def zipped(folder: Path) -> Path:
    path = folder.parent / "tiles.zip"
    with zipfile.ZipFile(path, "w") as file:
        for tile in folder.glob("*.png"):
            if tile.exists():
                file.write(tile, tile.name)
    return path


def groups(source: TileSource) -> list[Group]:
    count = pipeline.group_count(len(source.tiles), SIZE)
    return [pipeline.group_of(source.tiles, SIZE, number) for number in range(count)]


def running() -> list[int]:
    """Processes that this one has started and not waited for."""
    children = [path.read_text().split() for path in Path("/proc/self/task").glob("*/children")]
    return sorted(int(number) for numbers in children for number in numbers)


def started_since(others: list[int]) -> int:
    """The one process that was started since, whose number need not be the highest."""
    (one,) = set(running()) - set(others)
    return one


def assert_same(found: Decoded, expected: Decoded) -> None:
    assert found._replace(tiles=None) == expected._replace(tiles=None)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found.tiles, expected.tiles)


@pytest.fixture
def none_left() -> Iterator[None]:
    before, files = running(), len(os.listdir("/proc/self/fd"))
    yield
    assert running() == before
    assert len(os.listdir("/proc/self/fd")) == files


@pytest.mark.slow
@pytest.mark.usefixtures("none_left")
def test_a_process_gives_what_a_thread_does(folder: Path) -> None:
    """Whatever the tiles lie in, and whatever is wrong with them."""
    for images in (folder, zipped(folder), listed(folder)):
        with open_tiles(images) as source:
            many = Decoders(source, SIZE, 2, "processes", Cancel())
            assert many.processes == 2
            for group in groups(source):
                assert_same(many.decode(group), decode_group(source, group, Cancel()))
            many.close()


@pytest.mark.usefixtures("none_left")
def test_a_process_that_died_is_done_without(folder: Path) -> None:
    others = running()
    with open_tiles(folder) as source:
        one = Decoders(source, SIZE, 1, "processes", Cancel())
        os.kill(started_since(others), signal.SIGKILL)
        for group in groups(source):
            assert_same(one.decode(group), decode_group(source, group, Cancel()))
        one.close()


@pytest.mark.usefixtures("none_left")
def test_given_up_no_thread_waits_for_a_process(folder: Path) -> None:
    cancel, failures, others = Cancel(), [], running()
    with open_tiles(folder) as source:
        one = Decoders(source, SIZE, 1, "processes", cancel)
        os.kill(started_since(others), signal.SIGSTOP)  # it will never answer

        def decode() -> None:
            with pytest.raises(ModelError, match="given up") as caught:
                one.decode(groups(source)[0])
            failures.append(caught.value)

        with cancel.ends(one.kill):
            thread = threading.Thread(target=decode)
            thread.start()
            cancel()
            thread.join()
        one.close()
    assert failures


def test_where_no_process_may_be_started_threads_decode(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError("not allowed")

    monkeypatch.setattr(subprocess, "Popen", refused)
    with open_tiles(folder) as source:
        none = Decoders(source, SIZE, 2, "processes", Cancel())
        for group in groups(source):
            assert_same(none.decode(group), decode_group(source, group, Cancel()))
        none.close()
    assert none.processes == 0


@pytest.mark.usefixtures("none_left")
def test_one_that_cannot_begin_is_done_without(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode_process, "_CODE", "raise SystemExit(1)")
    with open_tiles(folder) as source:
        none = Decoders(source, SIZE, 2, "processes", Cancel())
        assert none.processes == 0
        assert none.decode(groups(source)[0]).ids or none.decode(groups(source)[0]).bad
        none.close()


@pytest.mark.usefixtures("none_left")
@pytest.mark.parametrize(("workers", "starts"), [(FEWEST - 1, False), (FEWEST, True)])
def test_auto_goes_over_where_it_pays(
    folder: Path, monkeypatch: pytest.MonkeyPatch, workers: int, starts: bool
) -> None:
    monkeypatch.setattr(Pace, "pays", lambda *_: True)
    monkeypatch.setattr(decoders, "DecodeProcess", Impossible)
    Impossible.asked.clear()
    with open_tiles(folder) as source:
        many = Decoders(source, SIZE, workers, "auto", Cancel())
        assert not Impossible.asked  # not before it is known to pay
        for group in groups(source):
            many.decode(group)
        if many._starter is not None:  # on a busy machine it may not have had its turn
            many._starter.join(600)
        many.close()
    assert bool(Impossible.asked) is starts


class Impossible:
    """A process that cannot be started."""

    asked: list[int] = []  # noqa: RUF012 (of the test)

    def __init__(self, tiles: int) -> None:
        self.asked.append(tiles)
        raise OSError("not here")


def test_it_pays_where_the_run_is_fast_and_long() -> None:
    rate = 2 * FAST
    enough = round(rate * (LOOK_S + PAYS_S)) + 1

    def pays(tiles: int, done: float, seconds: float) -> bool:
        return Pace(tiles, 0.0).pays(round(done), seconds)

    assert pays(enough, rate * LOOK_S, LOOK_S)
    assert not pays(enough, rate * LOOK_S * 0.9, LOOK_S * 0.9)  # too early to tell
    assert not pays(enough // 2, rate * LOOK_S, LOOK_S)  # nearly done
    assert not pays(10 * enough, FAST * 0.9 * LOOK_S, LOOK_S)  # a slow model


def test_a_slow_beginning_is_forgotten() -> None:
    pace = Pace(1_000_000, 0.0)
    assert not pace.pays(32, 100.0)  # an engine was built meanwhile
    assert pace.pays(round(2 * FAST * LOOK_S), 100.0 + LOOK_S)
