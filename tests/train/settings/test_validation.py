from __future__ import annotations

import dataclasses
from typing import Any, Literal

import pytest

from salt_train.errors import ConfigError
from salt_train.settings.validation import AT_LEAST_ONE, NOT_NEGATIVE, check


@dataclasses.dataclass(frozen=True)
class Inner:
    anything: list[int]


@dataclasses.dataclass(frozen=True)
class Settings:
    """One field of each kind; numbers from 1 on, shares in 0..1."""

    name: str = "a"
    colour: Literal["red", "green"] = "red"
    sure: bool = False
    count: int = 3
    share: float = 0.5
    inner: Inner = dataclasses.field(default_factory=lambda: Inner([]))

    def __post_init__(self) -> None:
        check(self, count=AT_LEAST_ONE, share=(0, 1))


@pytest.mark.parametrize("changes", [{}, {"share": 1}, {"share": 0}, {"count": 10**30}])
def test_what_fits_passes(changes: dict[str, Any]) -> None:
    assert dataclasses.replace(Settings(), **changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": None}, "name is None, expected text"),
        ({"colour": "blue"}, "colour is 'blue', expected one of red, green"),
        ({"colour": ["red"]}, r"colour is \['red'\], expected one of red, green"),
        ({"sure": 1}, "sure is 1, expected true or false"),
        ({"count": True}, "count is True, expected a whole number"),
        ({"count": 3.0}, "count is 3.0, expected a whole number"),
        ({"count": 0}, "count is 0, expected 1 or more"),
        ({"share": "0.5"}, "share is '0.5', expected a number"),
        ({"share": False}, "share is False, expected a number"),
        ({"share": float("nan")}, "share is nan, expected 0 to 1"),
        ({"share": 1.5}, "share is 1.5, expected 0 to 1"),
    ],
)
def test_what_does_not_is_named(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        dataclasses.replace(Settings(), **changes)


def test_without_an_upper_bound_infinity_is_still_too_much() -> None:
    with pytest.raises(ConfigError, match="share is inf, expected 0 or more"):
        check(
            type("Free", (), {"__annotations__": {"share": float}, "share": float("inf")})(),
            share=NOT_NEGATIVE,
        )
