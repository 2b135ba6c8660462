from __future__ import annotations

import pytest

from salt_infer.errors import InputError
from salt_serve.errors import BusyError
from salt_serve.limits import Budget, Limits


def test_a_budget_is_given_back_even_after_an_error() -> None:
    budget = Budget(10)
    with pytest.raises(KeyError), budget.share() as one, budget.share() as other:
        one.take(3)
        other.take(6)
        one.take(1)
        assert (one.held, other.held, budget.left) == (4, 6, 0)
        with pytest.raises(BusyError, match="too many uploads"):
            other.take(1)
        raise KeyError
    assert budget.held == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"files": 0}, "limit files is 0, expected above 0"),
        ({"body_s": float("nan")}, "limit body_s is nan"),
        ({"file_bytes": 17 * 2**20}, "17825792 bytes a file, 16777216 a request"),
        ({"held_bytes": 1024}, "1024 at once"),
    ],
)
def test_limits_that_contradict_each_other_are_refused(
    given: dict[str, float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Limits(**given)  # type: ignore[arg-type]
