from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_report.common.reading import LabelledTiles, Submission
from salt_report.predictions import overview

SURE = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=30)


def submission(masks: np.ndarray, confidence: np.ndarray | None, salt: object = 0.5) -> Submission:
    judged = None if confidence is None else np.full(len(masks), salt)
    return Submission(Path("a.csv"), masks, judged, confidence)


@given(SURE)
@pytest.mark.slow
def test_every_tile_is_in_one_class_of_confidence(tiles: list[tuple[int, bool]]) -> None:
    sure, salt = np.array([each for each, _ in tiles]) / 20, [each for _, each in tiles]
    masks = np.zeros((len(tiles), 101, 101), np.uint8)
    masks[salt, 50] = 1
    known = overview.table([str(place) for place in range(len(tiles))], submission(masks, sure))
    found = overview.by_confidence(known)
    assert found.tiles.sum() == len(tiles)
    for name, row in found.iterrows():
        low, high = map(float, str(name).split(" to "))
        inside = (sure >= low) & ((sure < high) | (high == 1))
        assert row.tiles == inside.sum()
        assert row.salt == (inside & np.array(salt)).sum()
        assert row.clear == row.tiles - row.salt
    assert overview.overview(known).unsure == (sure < 0.8).sum()


def test_counts_are_those_of_the_masks(drawn: LabelledTiles) -> None:
    found = overview.overview(overview.table(drawn.ids, submission(drawn.masks, None)))
    salt = [int(mask.sum()) for mask in drawn.masks]
    assert (found.tiles, found.salt) == (60, sum(each > 0 for each in salt))
    assert found.tiny == sum(0 < each <= 50 for each in salt) > 0
    assert found.full == salt.count(10201)
    assert found.share == pytest.approx(sum(salt) / (60 * 10201))
    assert (found.unread, found.unsure) == (0, None)


def test_tiles_that_the_model_has_not_seen_are_neither_sure_nor_unsure(
    drawn: LabelledTiles,
) -> None:
    sure, salt = np.full(60, 0.7), np.full(60, 0.9)
    sure[:4], salt[:4] = 0, np.nan
    known = overview.table(drawn.ids, submission(drawn.masks, sure, salt))
    assert overview.overview(known).unread == 4
    assert overview.overview(known).unsure == 56
    assert overview.by_confidence(known).tiles.tolist() == [0, 0, 56, 0, 0, 0]
    chosen = {name for choice in overview.choices(known, 99) for name in choice.known.index}
    assert chosen == set(drawn.ids[4:])


def test_what_is_chosen(drawn: LabelledTiles) -> None:
    known = overview.table(drawn.ids, submission(drawn.masks, np.linspace(1, 0, 60)))
    found = {choice.title: choice for choice in overview.choices(known, 6)}
    assert list(found) == ["Least sure", "From all over", "Tiny", "Nearly full", "Vertical"]
    assert list(found["Least sure"].known.index) == list(drawn.ids[:-7:-1])
    assert found["Least sure"].of == 60
    assert found["From all over"].known.coverage_class.is_unique
    assert found["From all over"].known.coverage_class.is_monotonic_increasing
    assert found["Vertical"].known.vertical.all()
    assert found["Tiny"].known.salt_px.between(1, 50).all()
    assert found["Tiny"].known.salt_px.is_monotonic_increasing
    assert found["Nearly full"].known.salt_px.is_monotonic_decreasing
    assert overview.choices(known, 0) == []
