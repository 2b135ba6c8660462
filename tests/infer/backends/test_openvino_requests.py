from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salt_infer.batch.views import make
from salt_infer.modelfile.contract import TILES
from salt_infer.models import default_model

pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install '.[openvino]'")

from salt_infer.backends import openvino_requests
from salt_infer.backends.openvino_requests import MOST, RequestsByShape
from salt_infer.backends.openvino_session import OpenVinoSession, core
from tests import drawing

AFTER = 3


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_requests, "AFTER", AFTER)


def adding(amount: int, shape: list[int]) -> Any:
    """A network that adds a number to each of its uint8."""
    import openvino as ov
    from openvino import opset13 as ops

    tiles = ops.parameter(ov.PartialShape(shape), np.uint8, TILES)
    tiles.output(0).set_names({TILES})
    return core().compile_model(ov.Model([ops.add(tiles, np.uint8(amount))], [tiles]), "CPU")


class Maker:
    """Compiles for one shape, and remembers for which."""

    def __init__(self, amount: int = 1, error: Exception | None = None) -> None:
        self.amount, self.error, self.made = amount, error, list[tuple[int, ...]]()

    def __call__(self, shape: tuple[int, ...]) -> Any:
        self.made.append(shape)
        if self.error:
            raise self.error
        return adding(self.amount, list(shape))


def batch(count: int) -> dict[str, np.ndarray]:
    return {TILES: np.arange(count, dtype=np.uint8)}


def ask(requests: RequestsByShape, count: int) -> bool:
    """Check an answer; whether those asked were of this shape alone."""
    feeds = batch(count)
    chosen = requests.of(feeds)
    with chosen.one() as request:
        (answer,) = request.infer(feeds).values()
    np.testing.assert_array_equal(answer, feeds[TILES] + 1)
    return chosen is not requests.any_shape


def by_shape(maker: Callable[[tuple[int, ...]], Any]) -> RequestsByShape:
    return RequestsByShape(adding(1, [-1]), maker)


def test_a_shape_that_keeps_coming_gets_a_network_of_its_own() -> None:
    maker = Maker()
    requests = by_shape(maker)
    assert [ask(requests, 4) for _ in range(5)] == [False, False, True, True, True]
    assert [ask(requests, 5) for _ in range(2)] == [False, False]
    assert maker.made == [(4,)]
    assert ask(requests, 4)


def test_only_so_many_shapes_do() -> None:
    maker = Maker()
    requests = by_shape(maker)
    for count in range(1, MOST + 3):
        assert [ask(requests, count) for _ in range(AFTER)][-1] == (count <= MOST)
    assert len(maker.made) == MOST


@pytest.mark.parametrize(
    "maker", [Maker(amount=2), Maker(error=RuntimeError("refused")), Maker(error=MemoryError())]
)
def test_one_that_answers_otherwise_or_cannot_be_had_is_not_used(maker: Maker) -> None:
    requests = by_shape(maker)
    assert not any(ask(requests, 4) for _ in range(3 * AFTER))
    assert maker.made == [(4,)]


def test_others_go_on_while_one_compiles() -> None:
    compiling, go_on = threading.Event(), threading.Event()
    maker = Maker()

    def slowly(shape: tuple[int, ...]) -> Any:
        compiling.set()
        assert go_on.wait(60)
        return maker(shape)

    requests = by_shape(slowly)
    for _ in range(AFTER - 1):
        ask(requests, 4)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, requests, 4)
        assert compiling.wait(60)
        assert not any(ask(requests, 4) for _ in range(3))
        go_on.set()
        assert first.result(60)
    assert ask(requests, 4)
    assert maker.made == [(4,)]


@pytest.mark.parametrize("which", ["gated_model", "dense_model", "default", "default-cpu"])
def test_a_session_answers_with_the_same_bits_before_and_after(
    which: str, request: pytest.FixtureRequest
) -> None:
    path = default_model().with_name(f"{which}.onnx")
    if not which.startswith("default"):
        path = request.getfixturevalue(which)
    assert isinstance(path, Path)
    session = OpenVinoSession(path, 1)
    tiles = make(drawing.draw(6, seed=3).tiles, "hflip")
    before, *_, after = [session.run(tiles, 0.3) for _ in range(AFTER + 1)]
    for name in ("probability", "salt", "kept"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    own = [] if session.contract.gated else [tiles.shape]
    assert list(session._requests._fixed) == own
