from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salt_infer.batch.parts import padded
from salt_infer.batch.result import Cancel
from salt_infer.batch.views import make
from salt_infer.errors import ModelError
from salt_infer.modelfile.contract import TILES
from salt_infer.models import default_model

pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install '.[openvino]'")

from salt_infer.backends import openvino_requests
from salt_infer.backends.openvino_requests import Requests, RequestsByShape
from salt_infer.backends.openvino_session import OpenVinoSession, core
from tests import drawing

PAYS_AFTER = 9
WHOLE = (4, 2)  # tiles, and views of each
NEAR = 1e-3  # networks for one size and for any may add in another order


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_requests, "PAYS_AFTER", PAYS_AFTER)


def adding(amount: int, shape: list[int]) -> Any:
    """A network that adds a number to each of its uint8."""
    import openvino as ov
    from openvino import opset13 as ops

    tiles = ops.parameter(ov.PartialShape(shape), np.uint8, TILES)
    tiles.output(0).set_names({TILES})
    return core().compile_model(ov.Model([ops.add(tiles, np.uint8(amount))], [tiles]), "CPU")


class Maker:
    """Compiles for a shape, and remembers for which; what is not for whole parts by ``amount``."""

    def __init__(self, amount: int = 1, error: Exception | None = None) -> None:
        self.amount, self.error, self.made = amount, error, list[tuple[int, int]]()

    def __call__(self, shape: tuple[int, int]) -> Any:
        self.made.append(shape)
        smaller = shape[0] * shape[1] < 8
        if smaller and self.error:
            raise self.error
        return adding(self.amount if smaller else 1, [*shape, 3, 3])


def ask(requests: RequestsByShape, count: int, views: int = 2) -> int:
    """Check an answer; the size of those asked."""
    part = np.arange(count * views * 9, dtype=np.uint8).reshape(count, views, 3, 3)
    chosen = requests.of(part)
    assert chosen.size is not None
    with chosen.one() as request:
        (answer,) = request.infer({TILES: padded(part, chosen.size)}).values()
    np.testing.assert_array_equal(answer[:count], part + 1)
    return chosen.size


def test_whole_parts_and_what_comes_seldom_take_the_one_for_whole_parts() -> None:
    maker = Maker()
    requests = RequestsByShape(WHOLE, maker)
    assert maker.made == [(4, 2)]
    assert [ask(requests, count) for count in (4, 4, 4, 4, 3, 3, 3, 1, 2)] == [4] * 9
    assert maker.made == [(4, 2)]


def test_smaller_parts_that_keep_coming_get_a_network_of_their_own() -> None:
    maker = Maker()
    requests = RequestsByShape(WHOLE, maker)
    assert [ask(requests, 1) for _ in range(4)] == [4, 4, 1, 1]  # 3 in vain, 6, 9
    assert [ask(requests, 2) for _ in range(6)] == [4, 4, 4, 4, 2, 2]  # 2, 4, 6, 8, 10
    assert [ask(requests, 3), ask(requests, 4), ask(requests, 1)] == [4, 4, 1]
    assert maker.made == [(4, 2), (1, 2), (2, 2)]


def test_other_views_are_compiled_for_when_they_come() -> None:
    maker = Maker()
    requests = RequestsByShape(WHOLE, maker)
    assert [ask(requests, 8, 1), ask(requests, 5, 1), ask(requests, 1, 3)] == [8, 8, 2]
    assert maker.made == [(4, 2), (8, 1), (2, 3)]


@pytest.mark.parametrize(
    "maker", [Maker(amount=2), Maker(error=RuntimeError("refused")), Maker(error=MemoryError())]
)
def test_one_that_answers_otherwise_or_cannot_be_had_is_not_used(maker: Maker) -> None:
    requests = RequestsByShape(WHOLE, maker)
    assert [ask(requests, 1) for _ in range(2 * PAYS_AFTER)] == [4] * 2 * PAYS_AFTER
    assert maker.made == [(4, 2), (1, 2)]


def test_others_go_on_while_one_compiles() -> None:
    compiling, go_on = threading.Event(), threading.Event()
    maker = Maker()

    def slowly(shape: tuple[int, int]) -> Any:
        if shape == (1, 2):
            compiling.set()
            assert go_on.wait(60)
        return maker(shape)

    requests = RequestsByShape(WHOLE, slowly)
    for _ in range(2):
        ask(requests, 1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, requests, 1)
        assert compiling.wait(60)
        assert [ask(requests, 1) for _ in range(3)] == [4] * 3
        go_on.set()
        assert first.result(60) == 1
    assert ask(requests, 1) == 1
    assert maker.made == [(4, 2), (1, 2)]


@pytest.mark.parametrize("which", ["gated_model", "dense_model", "default", "default-cpu"])
@pytest.mark.slow
def test_a_session_answers_with_the_same_bits_in_batches_of_all_sizes(
    which: str, request: pytest.FixtureRequest
) -> None:
    path = default_model().with_name(f"{which}.onnx")
    if not which.startswith("default"):
        path = request.getfixturevalue(which)
    assert isinstance(path, Path)
    session = OpenVinoSession(path, 1, parts=lambda contract: WHOLE)
    assert isinstance(session._requests, Requests if session.contract.gated else RequestsByShape)
    tiles = make(drawing.draw(11, seed=3).tiles, "hflip")
    together, whole = session.run(tiles, 0.3), OpenVinoSession(path, 1).run(tiles, 0.3)
    np.testing.assert_array_equal(together.kept, whole.kept)
    np.testing.assert_allclose(together.probability, whole.probability, atol=NEAR, rtol=0)
    for size in (11, 5, 1, 1, 1, 1):
        seen = session.run(tiles[:size], 0.3)
        kept = together.kept[together.kept < size]
        np.testing.assert_array_equal(seen.kept, kept)
        np.testing.assert_array_equal(seen.salt, together.salt[:size])
        np.testing.assert_array_equal(seen.probability, together.probability[: len(kept)])


def test_a_batch_that_is_cancelled_ends_between_its_parts(dense_model: Path) -> None:
    session, cancel = OpenVinoSession(dense_model, 1, parts=lambda contract: (2, 1)), Cancel()
    batch = np.repeat(drawing.draw(1, seed=3).tiles[None], 3000, axis=0)
    timer = threading.Timer(0.2, cancel)
    timer.start()
    with pytest.raises(ModelError, match=r"failed on a batch of .* canceled"):
        session.run(batch, 0.0, cancel)
    timer.join()
