from __future__ import annotations

import pytest

from salt_train.scoring.verdict import beside_empty_masks


def said(score: float, low: float, empty: float = 0.39) -> str:
    scores = {"score": score, "score_interval": [low, 0.9], "score_of_empty_masks": empty}
    return "".join(beside_empty_masks(scores))


@pytest.mark.parametrize("score", [0.39, 0.2])
def test_a_network_that_finds_no_salt_is_said_to(score: float) -> None:
    assert said(score, score - 0.05) == (
        "no better than empty masks: it has not learnt to find salt; train longer, or look at the "
        "labels (--check-data)"
    )


def test_a_score_that_may_be_chance_is_not_said_to_be_better() -> None:
    assert said(0.45, 0.39).startswith("not surely better than empty masks, whose score is in that")
    assert said(0.45, 0.3901) == ""


def test_of_seen_tiles_there_is_no_interval() -> None:
    scores = {"score_of_seen_tiles": 0.5, "score_of_empty_masks": 0.5}
    assert beside_empty_masks(scores)[0].startswith("no better than empty masks")
    assert beside_empty_masks(scores | {"score_of_seen_tiles": 0.6}) == []


def test_where_no_tile_has_salt_nothing_could_be_better() -> None:
    assert said(1.0, 1.0, empty=1.0) == ""
