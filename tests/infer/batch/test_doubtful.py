from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from salt_infer import SaltModel
from salt_infer.batch import doubtful, views
from salt_infer.batch.result import BatchResult
from salt_infer.masks.decision import Decision
from salt_infer.modelfile.contract import TTA_NAMES
from tests import drawing

TILES = drawing.draw(40, seed=1).tiles
GATE, THRESHOLD = 0.45, 0.55
DECISION = Decision(THRESHOLD, GATE)


class Judge:
    """Passes whose judge and pixels are read from the tile itself: salt from the first pixel, the
    probability of each pixel from its grey value. Counts what it is shown.
    """

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, tiles: npt.NDArray[np.uint8], gate: float) -> BatchResult:
        assert tiles.shape[1] == 1 and tiles.flags.c_contiguous
        self.seen.append(len(tiles))
        salt = tiles[:, 0, 0].max(axis=1) / np.float32(255)
        kept = np.flatnonzero(salt > gate)
        return BatchResult(tiles[kept] / np.float32(255), salt.astype(np.float32), kept)


def _tile(salt: int, pixels: list[int]) -> npt.NDArray[np.uint8]:
    """The judge's answer in the first row, pixels in the second."""
    tile = np.zeros((2, 100), np.uint8)
    tile[0, 0], tile[1, : len(pixels)] = salt, pixels
    return tile


EMPTY, SURE = _tile(10, []), _tile(250, [255] * 40)
TORN, BLURRED = _tile(120, []), _tile(250, [140] * 40)


def test_only_doubtful_tiles_get_a_second_pass() -> None:
    judge = Judge()
    found = doubtful.run(judge, np.stack([EMPTY, SURE, TORN, BLURRED, EMPTY]), DECISION)
    assert judge.seen == [5, 2]
    assert found.kept.tolist() == [1, 2, 3]
    assert found.salt.shape == (5,)
    assert found.probability.shape == (3, 2, 2, 100)


@pytest.mark.parametrize("gate", [GATE, 0.02])
def test_keeping_all_changes_no_answer(gate: float) -> None:
    """What others ask of the same batch has no say in which tiles are doubtful."""
    tiles, judge = np.stack([EMPTY, SURE, TORN, BLURRED, EMPTY]), Judge()
    decision = Decision(THRESHOLD, gate)
    some, every = (doubtful.run(judge, tiles, decision, keep) for keep in (False, True))
    assert judge.seen[1] == judge.seen[3] == (2 if gate == GATE else 4)
    np.testing.assert_array_equal(some.salt, every.salt)
    assert every.kept.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(every.probability[some.kept], some.probability)


def test_no_doubt_no_second_pass() -> None:
    judge = Judge()
    found = doubtful.run(judge, np.stack([EMPTY, SURE]), DECISION)
    assert judge.seen == [2]
    merged = views.merge(found.probability, "doubtful")
    np.testing.assert_array_equal(merged, SURE[None] / np.float32(255))


@pytest.mark.parametrize("near", [2, 3])
def test_more_than_one_pixel_in_a_hundred_makes_a_doubt(near: int) -> None:
    judge = Judge()
    doubtful.run(judge, _tile(250, [140] * near)[None], DECISION)
    assert judge.seen == ([1] if near == 2 else [1, 1])  # of 200 pixels


@pytest.mark.parametrize(("grey", "passes"), [(63, [1]), (65, [1, 1]), (216, [1, 1]), (218, [1])])
def test_three_tenths_from_the_threshold_no_pixel_is_in_doubt(grey: int, passes: list[int]) -> None:
    """At .55, these are .247, .255, .847 and .855."""
    judge = Judge()
    doubtful.run(judge, _tile(250, [grey] * 40)[None], DECISION)
    assert judge.seen == passes


@pytest.mark.parametrize(("salt", "passes"), [(25, [1]), (26, [1, 1]), (229, [1, 1]), (230, [1])])
def test_a_judge_between_a_tenth_and_nine_is_in_doubt(salt: int, passes: list[int]) -> None:
    judge = Judge()
    doubtful.run(judge, _tile(salt, [])[None], DECISION)
    assert judge.seen == passes


def test_the_second_pass_may_change_the_judges_answer() -> None:
    def forward(tiles: npt.NDArray[np.uint8], gate: float) -> BatchResult:
        said = np.float32(0.5 if gate == min(doubtful.ABSENT, GATE) else 0.3)
        salt = np.full(len(tiles), said)
        return BatchResult(tiles / np.float32(255), salt, np.arange(len(tiles)))

    found = doubtful.run(forward, TORN[None], DECISION)
    np.testing.assert_allclose(found.salt, [0.4])
    assert len(found.kept) == len(found.probability) == 0


def test_a_gate_below_the_judges_no_is_kept_to() -> None:
    assert doubtful.run(Judge(), EMPTY[None], Decision(THRESHOLD, 0.02)).kept.tolist() == [0]
    assert doubtful.run(Judge(), EMPTY[None], Decision(THRESHOLD, 0.05)).kept.tolist() == []


class Surer:
    """Passes whose judge says .95 and, asked again, .98 of every tile, on a device or not."""

    def __call__(self, tiles: npt.NDArray[np.uint8], gate: float) -> BatchResult:
        salt = np.full(len(tiles), 0.98 if gate == doubtful.ALL else 0.95, np.float32)
        passed = np.flatnonzero(salt > gate)
        return BatchResult((tiles / np.float32(255))[passed], salt, passed)

    def first(self, tiles: npt.NDArray[np.uint8]) -> doubtful.First:
        count = len(tiles)
        salt, nearby = np.full(count, 0.95, np.float32), np.zeros(count, np.float32)
        return doubtful.First(np.zeros((count, 1276), np.uint8), nearby, salt)

    def second(
        self, mirrored: npt.NDArray[np.uint8], places: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        count = len(mirrored)
        return np.zeros((count, 1276), np.uint8), np.full(count, 0.98, np.float32)


@pytest.mark.parametrize(
    ("gate", "kept", "salt"), [(0.9, [0], 0.95), (0.96, [0], 0.965), (0.99, [], 0.965)]
)
def test_a_gate_above_the_judges_yes_is_looked_at_twice(
    gate: float, kept: list[int], salt: float
) -> None:
    """.95 and .98 are above .96 together, though the first alone is not."""
    for found in (
        doubtful.run(Surer(), SURE[None], Decision(THRESHOLD, gate)),
        doubtful.draw(Surer(), SURE[None], gate),
    ):
        assert found.kept.tolist() == kept
        np.testing.assert_allclose(found.salt, [salt])


@pytest.mark.parametrize("kind", ["gated_model", "dense_model"])
@pytest.mark.slow
def test_each_tile_is_as_with_one_view_or_as_with_two(
    request: pytest.FixtureRequest, kind: str
) -> None:
    path = request.getfixturevalue(kind)
    one, two, some = (SaltModel.load(path, gate=0.3, tta=tta).predict(TILES) for tta in TTA_NAMES)
    single = SaltModel.load(path, gate=doubtful.ABSENT, tta="none")
    first = single.run(TILES)
    again = np.zeros(len(TILES), np.bool_)
    again[first.kept] = doubtful.doubtful(first, Decision(single.settings.threshold, 0.3))
    assert again.sum() > 0
    np.testing.assert_allclose(some.salt, np.where(again, two.salt, one.salt), atol=1e-6)
    expected = np.where(again[:, None, None], two.probability, one.probability)
    np.testing.assert_allclose(some.probability, expected, atol=1e-6)


def test_batches_do_not_matter(gated_model: Path) -> None:
    model = SaltModel.load(gated_model, threads=1, tta="doubtful")
    whole, parts = (model.predict(TILES, batch_size=size) for size in (64, 7))
    np.testing.assert_array_equal(whole.masks, parts.masks)
    np.testing.assert_array_equal(whole.salt, parts.salt)
