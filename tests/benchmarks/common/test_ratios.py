from __future__ import annotations

import json

import pytest
from common import ratios
from common.ratios import Ratio
from hypothesis import given
from hypothesis import strategies as st

SAMPLES = st.lists(st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)), min_size=1, max_size=9)


def test_the_median_is_of_the_rounds_and_not_of_the_samples() -> None:
    # The second round was disturbed as a whole: both took four times as long.
    assert ratios.paired([8.0, 32.0, 9.0], [2.0, 8.0, 3.0]) == Ratio(4.0, 3.0, 4.0)


@given(SAMPLES)
def test_the_median_lies_between_and_the_other_way_round_is_its_inverse(
    rounds: list[tuple[float, float]],
) -> None:
    ours, theirs = [list(each) for each in zip(*rounds, strict=True)]
    ratio, inverse = ratios.paired(ours, theirs), ratios.paired(theirs, ours)
    assert ratio.min <= ratio.median <= ratio.max
    assert ratio.spread >= 0
    assert inverse.max == pytest.approx(1 / ratio.min)


def test_rounds_have_a_sample_of_each() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratios.paired([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="no rounds"):
        ratios.paired([], [])


def test_a_result_file_gives_back_what_was_put_in() -> None:
    found = {"a to b": Ratio(2.5, 2.0, 3.0)}
    text = json.dumps({"ratios": ratios.to_json(found), "table": []})
    assert ratios.of(json.loads(text)) == found
    assert ratios.of({"table": []}) == {}
    assert str(found["a to b"]) == "2.50x (2.00 to 3.00)"
