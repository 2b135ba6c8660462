"""The steps of Ray's processes, in this one and without Ray."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from salt_infer.backends.providers import ProviderRequest
from salt_infer.backends.selection import Concurrency
from salt_infer.data.factory import open_tiles
from salt_infer.data.source import TileSource
from salt_infer.errors import ExecutorError, ModelError
from salt_infer.execution import pipeline
from salt_infer.execution.base import ModelRequest
from salt_infer.execution.local import LocalExecutor
from salt_infer.execution.pipeline import RunOptions
from salt_infer.execution.ray_worker import TRIES, Done, Predictor, Row, Waiting, decode
from salt_infer.execution.stage_clock import StageClock
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.model_info import ModelInfo
from salt_infer.system.signals import never
from tests.infer import steady

OPTIONS = RunOptions(batch_size=4, details=True, probabilities=True)
REQUEST = ModelRequest(
    path=None, threshold=0.2, gate=0.2, tta=None, min_area=0, provider=ProviderRequest("cpu"),
    batch_size=4,
)  # fmt: skip


class CountingRegistry:
    """Says of every group that it was begun so often."""

    def __init__(self, follows: bool = False, times: int = 1) -> None:
        self.models: list[ModelInfo] = []
        self.groups: list[int] = []
        self._follows, self._times = follows, times

    def joined(self, model: ModelInfo) -> bool:
        self.models.append(model)
        return self._follows

    def began(self, group: int) -> Callable[[], int]:
        self.groups.append(group)
        return lambda: self._times


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    """10 tiles, the last of the first group broken, and all of the last one."""
    folder = steady.draw(tmp_path / "tiles", 10)
    for number in (3, 8, 9):
        (folder / f"tile-{number:04d}.png").write_bytes(b"no PNG")
    return folder


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> SaltModel:
    steady.patch(monkeypatch)
    return REQUEST.load(lambda line: None, Concurrency(1))


def sent(row: Row) -> Row:
    """As Ray hands it on."""
    found: Row = pickle.loads(pickle.dumps(row))
    return found


def waiting(source: TileSource, number: int) -> Row:
    group = pipeline.group_of(source.tiles, OPTIONS.batch_size, number)
    return {"group": Waiting(number, source.part(group.tiles))}


def predictor(model: SaltModel, registry: CountingRegistry) -> Predictor:
    return Predictor(REQUEST, 1, ModelInfo.of(model), OPTIONS, registry)


def test_groups_are_those_of_a_local_run(tiles: Path, model: SaltModel) -> None:
    registry = CountingRegistry()
    run = predictor(model, registry)
    with open_tiles(tiles) as source:
        local = LocalExecutor(model).finished(source, OPTIONS, StageClock(), range(3), never)
        for group in local:
            read = decode(sent(waiting(source, group.number)), source.part(source.tiles[:1]))
            done = sent(run(sent(read)))["group"]
            assert isinstance(done, Done)
            assert done.group.pack() == group.pack()
            assert done.group.bad == group.bad
            assert (done.run_s is None) == (group.number == 2)
    assert registry.groups == [0, 1, 2]
    assert [known.session.sha256 for known in registry.models] == [model.session.sha256]


def test_tiles_that_are_not_there_on_a_node(tiles: Path, tmp_path: Path, model: SaltModel) -> None:
    with open_tiles(tiles) as source:
        rows = [waiting(source, 0), waiting(source, 1)]
        witness = source.part([source.tiles[0], source.tiles[4]])
    tiles.rename(tmp_path / "elsewhere")
    failed = predictor(model, CountingRegistry())(sent(decode(rows[0], witness)))["group"]
    assert isinstance(failed, ExecutorError)
    assert "under the same path on every node" in str(failed)
    (tmp_path / "elsewhere").rename(tiles)
    (tiles / "tile-0000.png").unlink()  # one that has gone is a bad tile like any other
    assert len(decode(rows[0], witness)["group"].decoded.bad) == 2


def test_a_node_with_another_model_or_other_settings(tiles: Path, model: SaltModel) -> None:
    known = ModelInfo.of(model)
    others = [
        dataclasses.replace(known, session=dataclasses.replace(known.session, sha256="ab" * 32)),
        dataclasses.replace(known, session=dataclasses.replace(known.session, runtime="x 1")),
        dataclasses.replace(known, settings=dataclasses.replace(known.settings, threshold=0.9)),
    ]
    with open_tiles(tiles) as source:
        read = decode(waiting(source, 0), source)
    for other in others:
        failed = Predictor(REQUEST, 1, other, OPTIONS, CountingRegistry())(read)["group"]
        assert isinstance(failed, ExecutorError)
        assert "have the same model, packages" in str(failed)


def test_a_node_without_the_model(tiles: Path, model: SaltModel, tmp_path: Path) -> None:
    request = dataclasses.replace(REQUEST, path=tmp_path / "none.onnx")
    run = Predictor(request, 1, ModelInfo.of(model), OPTIONS, CountingRegistry())
    with open_tiles(tiles) as source:
        failed = run(decode(waiting(source, 0), source))["group"]
    assert isinstance(failed, ModelError)
    assert "none.onnx" in str(failed)


def test_a_failure_of_the_model_is_in_the_row(
    tiles: Path, model: SaltModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = predictor(model, CountingRegistry())
    monkeypatch.setattr(Predictor, "_run", fail)
    with open_tiles(tiles) as source:
        failed = sent(run(decode(waiting(source, 0), source)))["group"]
    assert isinstance(failed, ModelError)
    assert str(failed) == "it failed"


def fail(*arguments: object) -> None:
    raise ModelError("it failed")


@pytest.mark.parametrize(("times", "given_up"), [(TRIES, False), (TRIES + 1, True)])
def test_a_group_that_ends_its_process_is_given_up(
    tiles: Path, model: SaltModel, times: int, given_up: bool
) -> None:
    run = predictor(model, CountingRegistry(follows=True, times=times))
    with open_tiles(tiles) as source:
        found = run(decode(waiting(source, 0), source))["group"]
    assert isinstance(found, ModelError) == given_up
    if given_up:
        assert f"begun {TRIES} times" in str(found)
        assert "smaller --batch-size" in str(found)
