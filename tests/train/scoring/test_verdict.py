from __future__ import annotations

import pytest

from salt_train.scoring.verdict import FEW, beside_empty_masks, beside_start


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


@pytest.mark.parametrize("score", [0.2, 0.45])
def test_of_a_few_tiles_nothing_is_said_to_be_known(score: float) -> None:
    scores = {"score": score, "score_interval": [0.0, 1.0], "score_of_empty_masks": 0.39}
    for tiles in (3, FEW - 1):
        assert beside_empty_masks(scores | {"tiles": tiles})[0].startswith(
            f"too few tiles ({tiles}) to tell whether it is better than empty masks: label more, or"
        )
    assert "too few tiles" not in beside_empty_masks(scores | {"tiles": FEW})[0]
    sure = scores | {"tiles": 3, "score": 0.45, "score_interval": [0.4, 0.5]}
    assert beside_empty_masks(sure) == []


def test_what_a_run_started_from_is_told_beside_it() -> None:
    assert beside_start({"score": 0.9}) == []
    assert beside_start({"score": 0.85, "score_of_start": 0.875}) == [
        "0.8750 for the network that it started from"
    ]
    gain = {"gain_over_start": [-0.01, -0.03, 0.0]}
    assert beside_start({"score": 0.85, "score_of_start": 0.875} | gain) == [
        "0.8750 for the network that it started from; both decided alike: -0.0100 (-0.030 to "
        "+0.000, paired)"
    ]
